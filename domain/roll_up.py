"""What a customer's subscriptions say about the customer: active, expired, or without any service.

Decides the status alone. A status that staff set by hand is never overruled.
"""

from collections.abc import Iterable

from domain.lifecycle import CUSTOMER_MOVES

_BY_HAND = frozenset({"inactive", "disabled", "blacklisted", "terminated"})
_ENDED = frozenset({"cancelled", "terminated"})


def rolled_up(current: str, *, suspended_by_hand: bool, subscriptions: Iterable[str]) -> str:
    """The customer's status after one of the subscriptions changed.

    One active subscription makes an active customer; when all that are left have expired, so has the customer; when
    none is left at all, an active or expired customer is suspended.
    """
    if current in _BY_HAND or (current == "suspended" and suspended_by_hand):
        return current
    wanted = _wanted(current, tuple(subscriptions))
    return wanted if wanted in CUSTOMER_MOVES[current] else current


def _wanted(current: str, statuses: tuple[str, ...]) -> str:
    left = {status for status in statuses if status not in _ENDED}
    if "active" in left:
        return "active"
    if left == {"expired"}:
        return "expired"
    if statuses and not left:
        return "suspended"
    return current
