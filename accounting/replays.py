"""Put-aside records that somebody asked to be tried again, and what may go wrong with a record at all.

Each is counted at the time it was received, and then moves in the counts from put aside to what it became; one that
cannot be counted now either waits again. Refuses to know how records are counted.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Generic, NamedTuple, TypeVar

import psycopg

from accounting.ledger import UsageMoved
from accounting.sessions import SessionsMoved
from accounting.spool import Line
from db.queries import spool as queries
from db.queries.accounting import Connection
from db.queries.spool import ReplayRow
from domain.quarantine import QUARANTINED, REFUSED

MOVED = (SessionsMoved, UsageMoved)
# What a record that nobody foresaw may raise on its way; it is isolated and set aside like one the database refuses.
UNFORESEEN = (ArithmeticError, LookupError, TypeError, ValueError)
REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError, *MOVED, *UNFORESEEN)

# How many are tried in one transaction.
AT_ONCE = 500

ResultT = TypeVar("ResultT")


class Counted(NamedTuple, Generic[ResultT]):
    """How records ended, which of them could not be counted and why, and what else came of counting them."""

    outcomes: Mapping[tuple[str, str], int]
    bad: Sequence[tuple[Line, str]]
    result: ResultT


Count = Callable[[Connection, list[Line]], Counted[ResultT]]


def try_again(
    connection: Connection, count: Count[ResultT], forget: Callable[[], None], now: datetime
) -> list[ResultT]:
    """Count what somebody asked for, in the caller's transaction; `forget` what a refused attempt left in memory."""
    rows = queries.take_replays(connection, limit=AT_ONCE)
    results: list[ResultT] = []
    for (node, day), group in groupby(rows, key=_counted_under):
        results += _Group(connection, count, forget, now, node=node, day=day).settle(list(group))
    return results


def _counted_under(row: ReplayRow) -> tuple[str, date]:
    return row.node, row.created_at.astimezone(UTC).date()


class _Group(Generic[ResultT]):
    """Records that one node put aside on one day, as they are counted."""

    def __init__(
        self, connection: Connection, count: Count[ResultT], forget: Callable[[], None], now: datetime, *, node: str,
        day: date,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._count = count
        self._forget = forget
        self._now = now
        self._node = node
        self._day = day

    def settle(self, rows: Sequence[ReplayRow]) -> list[ResultT]:
        """All together; one by one when the database refuses that."""
        try:
            with self._connection.transaction():
                return [self._together(rows)]
        except REFUSALS as error:
            self._forget()
            if len(rows) > 1:
                return [result for row in rows for result in self.settle([row])]
            self._refuse(rows[0], f"{REFUSED}: {type(error).__name__}")
            return []

    def _together(self, rows: Sequence[ReplayRow]) -> ResultT:
        outcomes, bad, result = self._count(self._connection, [Line("", row.id, row.raw) for row in rows])
        refused = {line.offset: reason for line, reason in bad}
        counted = [row.id for row in rows if row.id not in refused]
        queries.settle_replays(self._connection, counted=counted, refused=refused, now=self._now)
        self._move(rows, outcomes)
        return result

    def _refuse(self, row: ReplayRow, reason: str) -> None:
        queries.settle_replays(self._connection, counted=[], refused={row.id: reason}, now=self._now)
        self._move([row], {(QUARANTINED, reason): 1})

    def _move(self, rows: Sequence[ReplayRow], outcomes: Mapping[tuple[str, str], int]) -> None:
        moved = Counter(outcomes)
        moved.subtract(Counter((QUARANTINED, row.reason) for row in rows))
        queries.count_outcomes(self._connection, node=self._node, day=self._day, outcomes=moved)
