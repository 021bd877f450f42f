"""What belongs to a customer: tags, contacts, equipment, family, recommendations, activity."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from db.queries.lists import AUDIT_SORTS
from domain.customer_record import CONTACT_TYPES, EQUIPMENT_TYPES
from webadmin.api.base import PageArguments, list_schema, sort_field
from webadmin.api.schemas.shapes import boolean, row_id, text, when, word


class TagOut(Schema):
    """A tag."""

    tag = fields.String(metadata={"example": "VIP"})
    color = fields.String(metadata={"example": "#007bff"})


class TagIn(Schema):
    """A tag to put on a customer."""

    tag = text(50, example="VIP", required=True)
    color = text(20, example="#007bff", allow_none=True)


class TagField(fields.Raw):
    """A tag as a word, or with its colour as `{"name", "color"}`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and len(value) <= 50:
            return value
        known = isinstance(value, dict) and {"name"} <= value.keys() <= {"name", "color"}
        if not known or any(not isinstance(part, str) or len(part) > 50 for part in value.values()):
            raise ValidationError('Write a tag as "VIP" or {"name": "VIP", "color": "#007bff"}.')
        return value


class PopularTagOut(TagOut):
    """A tag with how often it is used."""

    customers = fields.Integer(metadata={"example": 41})


class PopularTagQuery(Schema):
    """How many."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 200))


class ContactOut(Schema):
    """One more way to reach a customer."""

    id = fields.Integer()
    type = fields.String(metadata={"example": "phone"})
    value = fields.String(metadata={"example": "+62215551234"})
    is_primary = fields.Boolean()
    notes = fields.String()


class ContactIn(Schema):
    """A new contact."""

    type = word(CONTACT_TYPES, required=True)
    value = text(100, example="021 5551234", required=True)
    is_primary = boolean(load_default=False)
    notes = text(200, load_default="")


class ContactPatch(Schema):
    """What to change of a contact."""

    value = text(100)
    is_primary = boolean()
    notes = text(200)


class EquipmentOut(Schema):
    """A piece of equipment at a customer's place."""

    id = fields.Integer()
    device_name = fields.String(metadata={"example": "ONT in the hall"})
    device_type = fields.String(metadata={"example": "ont"})
    subscription_id = fields.Integer(allow_none=True)
    ip_address = fields.String(allow_none=True)
    mac_address = fields.String(allow_none=True)
    interface = fields.String(allow_none=True)
    vlan_id = fields.String(allow_none=True)
    manufacturer = fields.String(allow_none=True)
    model = fields.String(allow_none=True)
    firmware_version = fields.String(allow_none=True)
    location_description = fields.String(allow_none=True)
    is_primary = fields.Boolean()
    is_active = fields.Boolean()
    network_config = fields.Dict(keys=fields.String())
    last_seen_at = when(allow_none=True)


class EquipmentPatch(Schema):
    """What to change of a piece."""

    device_name = text(255, example="ONT in the hall")
    device_type = word(EQUIPMENT_TYPES)
    subscription_id = row_id(allow_none=True)
    ip_address = text(45, allow_none=True)
    mac_address = text(23, example="AA:BB:CC:DD:EE:FF", allow_none=True)
    interface = text(100, allow_none=True)
    vlan_id = text(10, allow_none=True)
    manufacturer = text(100, allow_none=True)
    model = text(100, allow_none=True)
    firmware_version = text(50, allow_none=True)
    location_description = text(1000, allow_none=True)
    is_primary = boolean()
    is_active = boolean()
    network_config = fields.Dict(keys=fields.String(), allow_none=True)


class EquipmentIn(EquipmentPatch):
    """A new piece."""

    device_name = text(255, example="ONT in the hall", required=True)


class CustomerFamilyIn(Schema):
    """Whose family a customer belongs to; null lets him stand alone."""

    parent_customer_id = row_id(required=True, allow_none=True)
    version = fields.Integer(strict=True, validate=validate.Range(1, 2**31 - 1))


class RelativeOut(Schema):
    """Another customer, in short."""

    id = fields.Integer()
    customer_code = fields.String(metadata={"example": "CUST-2026110002"})
    name = fields.String(metadata={"example": "Ani Santoso"})
    status = fields.String()
    created_at = when()


class RelativesOut(Schema):
    """The head of the family and its members."""

    parent = fields.Nested(RelativeOut, allow_none=True)
    members = fields.List(fields.Nested(RelativeOut))


class ReferralsOut(Schema):
    """A customer's code, who recommended him, and whom he recommended."""

    referral_code = fields.String(allow_none=True, metadata={"example": "K7MQ2RTX"})
    referred_by = fields.Nested(RelativeOut, allow_none=True)
    referred = fields.List(fields.Nested(RelativeOut))


class IdCardOut(Schema):
    """The number of an identity card."""

    id_card_number = fields.String(metadata={"example": "3273012345670001"})


class ActivityQuery(PageArguments):
    """Which of the things that were done."""

    sort = sort_field(AUDIT_SORTS, "-created_at")
    action = fields.String(validate=validate.Length(1, 60), metadata={"example": "customer.updated"})
    after = when()
    before = when()


class ActivityOut(Schema):
    """One thing that was done to a customer or a subscription."""

    id = fields.Integer()
    action = fields.String(metadata={"example": "customer.updated"})
    entity_type = fields.String()
    entity_id = fields.Integer(allow_none=True)
    actor_name = fields.String()
    actor_type = fields.String()
    old_values = fields.Dict(allow_none=True)
    new_values = fields.Dict(allow_none=True)
    created_at = when()


TagList = list_schema(TagOut, name="TagList")
PopularTagList = list_schema(PopularTagOut, name="PopularTagList")
ContactList = list_schema(ContactOut, name="ContactList")
EquipmentList = list_schema(EquipmentOut, name="EquipmentList")
ActivityList = list_schema(ActivityOut, name="ActivityList")
