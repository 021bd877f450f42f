"""Which state may follow which, for customers and subscriptions.

Decides nothing about who asks or what must happen on the network; it only says whether a move exists.
"""

CUSTOMER_STATUSES = (
    "prospect",
    "active",
    "suspended",
    "expired",
    "inactive",
    "disabled",
    "blacklisted",
    "terminated",
)
SUBSCRIPTION_STATUSES = ("pending", "active", "suspended", "expired", "disabled", "cancelled", "terminated")

SUBSCRIPTION_MOVES: dict[str, frozenset[str]] = {
    "pending": frozenset({"active", "cancelled", "terminated"}),
    "active": frozenset({"suspended", "expired", "disabled", "cancelled", "terminated"}),
    "suspended": frozenset({"active", "expired", "disabled", "cancelled", "terminated"}),
    "expired": frozenset({"active", "disabled", "cancelled", "terminated"}),
    "disabled": frozenset({"active", "terminated"}),
    "cancelled": frozenset({"terminated"}),
    "terminated": frozenset(),
}

_BLOCKING = frozenset({"inactive", "disabled", "blacklisted", "terminated"})
CUSTOMER_MOVES: dict[str, frozenset[str]] = {
    "prospect": frozenset({"active"}) | _BLOCKING,
    "active": frozenset({"suspended", "expired"}) | _BLOCKING,
    "suspended": frozenset({"active", "expired"}) | _BLOCKING,
    "expired": frozenset({"active", "suspended"}) | _BLOCKING,
    "inactive": frozenset({"active", "blacklisted", "terminated"}),
    "disabled": frozenset({"active", "blacklisted", "terminated"}),
    "blacklisted": frozenset({"active", "terminated"}),
    "terminated": frozenset(),
}


class IllegalMove(Exception):
    """A state change that does not exist; `str()` says which and what is possible instead."""

    def __init__(self, entity: str, current: str, wanted: str, possible: frozenset[str]) -> None:
        self.entity, self.current, self.wanted, self.possible = entity, current, wanted, possible
        options = ", ".join(sorted(possible)) or "nothing"
        super().__init__(f"a {current} {entity} cannot become {wanted}; possible: {options}")


def check_subscription_move(current: str, wanted: str) -> None:
    """Raise `IllegalMove` unless a subscription may go from `current` to `wanted`."""
    if wanted not in SUBSCRIPTION_MOVES[current]:
        raise IllegalMove("subscription", current, wanted, SUBSCRIPTION_MOVES[current])


def check_customer_move(current: str, wanted: str) -> None:
    """Raise `IllegalMove` unless a customer may go from `current` to `wanted`."""
    if wanted not in CUSTOMER_MOVES[current]:
        raise IllegalMove("customer", current, wanted, CUSTOMER_MOVES[current])
