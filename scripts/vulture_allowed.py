"""Names that look unused to vulture and are not: an interface of somebody else's names them."""

ctx  # click hands it to every method of a group
dialect  # SQLAlchemy hands it to every column type
obj  # marshmallow hands it to every field that serialises
Result  # named only in annotations
