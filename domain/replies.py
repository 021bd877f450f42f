"""Attributes that an operator wrote by hand, merged into those that the policy grants.

Decides what an operator's `:=`, `+=` and `=` do. Refuses to know what the attributes mean and who wrote the rows.
"""

from collections.abc import Iterable

from domain.attributes import GIGAWORDS

Named = tuple[str, str]


def merge(granted: Iterable[Named], rows: Iterable[tuple[str, str, str]]) -> tuple[Named, ...]:
    """The reply after all rows (attribute, operator, value), one after the other.

    `:=` takes the place of whatever has that name, `+=` adds one more, `=` counts only where nothing has that name
    yet. Setting a limit of bytes also takes away the upper half that belonged to the one before.
    """
    merged = list(granted)
    for name, op, value in rows:
        if op == ":=":
            gone = {name, GIGAWORDS.get(name)}
            merged = [pair for pair in merged if pair[0] not in gone]
        if op != "=" or all(pair[0] != name for pair in merged):
            merged.append((name, value))
    return tuple(merged)


def merged_value(name: str, granted: str | None, rows: Iterable[tuple[str, str, str]]) -> str | None:
    """What one attribute that is sent once is after all rows; None when it is not sent."""
    own = [row for row in rows if row[0] == name]
    if not own:
        return granted
    pairs = merge([] if granted is None else [(name, granted)], own)
    return pairs[-1][1]
