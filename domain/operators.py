"""Who stands above whom among operators, and how a customer goes from one to another.

Decides whether a place in the tree is possible and what a confirmation does; refuses to know who is signed in.
"""

from collections.abc import Mapping

MOST_LEVEL = 99
# Operators down to this level may give customers to another operator and take them.
HIGH_LEVEL = 20
PROVIDER_LEVEL = 0

TRANSFER_STATUSES = ("requested", "confirmed_from", "confirmed_to", "done", "rejected")
OPEN_TRANSFERS = ("requested", "confirmed_from", "confirmed_to")
SIDES = ("from", "to")


def fits_below(level: int, parent_level: int) -> bool:
    """Whether one of `level` may stand below one of `parent_level`: power only becomes less on the way down."""
    return parent_level < level <= MOST_LEVEL


def may_transfer(level: int) -> bool:
    """Whether an operator of this level may ask for a transfer and confirm one; the provider (0) always may."""
    return level <= HIGH_LEVEL


def is_below(operator_id: int, other_id: int, parents: Mapping[int, int | None]) -> bool:
    """Whether `operator_id` is `other_id` or stands somewhere below it; `parents` names each one's parent."""
    seen: set[int] = set()
    current: int | None = operator_id
    while current is not None and current not in seen:
        if current == other_id:
            return True
        seen.add(current)
        current = parents.get(current)
    return False


def confirmed(status: str, side: str) -> str | None:
    """The status after `side` said yes; None when it has said so before, or the transfer is over."""
    if status not in OPEN_TRANSFERS or status == f"confirmed_{side}":
        return None
    return f"confirmed_{side}" if status == "requested" else "done"
