"""How a month of records leaves the live tables, step by step, and how one may come back.

Each step can be interrupted: what was done stands in the state, and the next run goes on from there. A month is dropped
only after its file was read again and found whole.
"""

from datetime import date

DETACHED, EXPORTED, DROPPED, RESTORED = "detached", "exported", "dropped", "restored"
STATES = (DETACHED, EXPORTED, DROPPED, RESTORED)

# None is a month that was never touched.
MOVES: dict[str | None, frozenset[str]] = {
    None: frozenset({DETACHED}),
    DETACHED: frozenset({EXPORTED}),
    EXPORTED: frozenset({DROPPED}),
    DROPPED: frozenset({RESTORED}),
    RESTORED: frozenset({DETACHED}),
}
# Tables whose months are only sums of something kept longer go without a file.
WITHOUT_FILE = frozenset({"usage_hourly"})
LEAST_MONTHS, MOST_MONTHS = 1, 600


class WrongMove(ValueError):
    """A month cannot go from the state it is in to the one that was asked for."""


def check_move(state: str | None, to: str) -> None:
    """Raises `WrongMove` when the step does not follow."""
    if to not in MOVES[state]:
        raise WrongMove(f"a month that is {state or 'in use'} cannot become {to}")


def months_after(month: date, months: int) -> date:
    """The first day of the month so many months later; negative is earlier."""
    total = month.year * 12 + month.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


def oldest_kept(this_month: date, months: int) -> date:
    """The first month that stays when so many full months are kept besides the running one."""
    return months_after(this_month, -months)
