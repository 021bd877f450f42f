"""A payment's states, ways to pay, and the words that gateways use for the same things.

Decides which state may follow which, so that news in any order end in the same state; refuses to know gateways' wires.
"""

from domain.lifecycle import IllegalMove

METHODS = (
    "cash",
    "transfer",
    "midtrans",
    "xendit",
    "mpesa",
    "stripe",
    "qris",
    "gopay",
    "ovo",
    "dana",
    "card",
    "wallet",
    "voucher",
    "other",
)
# Methods by which money comes in from outside; the others move what is there already.
EXTERNAL = tuple(method for method in METHODS if method not in ("wallet", "voucher"))
PURPOSES = ("invoice", "recharge", "advance", "other", "voucher")
STATUSES = ("pending", "completed", "failed", "cancelled", "expired", "refunded")
MOVES: dict[str, frozenset[str]] = {
    "pending": frozenset({"completed", "failed", "cancelled", "expired"}),
    # A gateway may still report success for what it had given up: the customer has paid.
    "failed": frozenset({"completed"}),
    "cancelled": frozenset({"completed"}),
    "expired": frozenset({"completed"}),
    # Refunded: the money went back. Cancelled: it had never come, and was recorded by mistake.
    "completed": frozenset({"refunded", "cancelled"}),
    "refunded": frozenset(),
}
_RANK = {"pending": 0, "failed": 1, "cancelled": 1, "expired": 1, "completed": 2, "refunded": 3}
# Other people's words for our states, as they come in files and filters.
SYNONYMS = {"success": "completed", "settlement": "completed", "capture": "completed", "paid": "completed"}


def check_move(current: str, wanted: str) -> None:
    """Raise `IllegalMove` unless a payment may go from `current` to `wanted`."""
    if wanted not in MOVES[current]:
        raise IllegalMove("payment", current, wanted, MOVES[current])


def later_state(current: str, told: str) -> str:
    """The state after news that may be old: what says more wins, so the order of news does not matter.

    Of several ways in which nothing was paid the first word alphabetically stays, whichever came first.
    """
    if _RANK[told] != _RANK[current]:
        return max(current, told, key=_RANK.__getitem__)
    return min(current, told)


def canonical_status(word: str) -> str | None:
    """Our state for a word in any spelling, or None."""
    lower = word.strip().lower()
    state = SYNONYMS.get(lower, lower)
    return state if state in STATUSES else None
