"""Sessions that fell silent: their routers are asked about them, and who is gone is ended when it was last seen.

What to do with each is decided by `domain.stale`. Asking is done by others, who find the question in `session_checks`.
Silence is measured up to the moment until which every node's records are counted, not up to now: a collector that is
behind must not make everybody look lost.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from accounting.sessions import ended_payloads
from db.queries import accounting as queries
from db.queries import spool as spool_queries
from db.queries import stale
from db.queries.accounting import Connection
from db.queries.stale import SilentSession
from domain.sessions import LOST
from domain.stale import Decision, Silence, Step, decide

# Silent for so many interim intervals, but never sooner than this.
LOST_AFTER_INTERVALS, LOST_AFTER_S = 3, 900
# A node that has not counted for longer than this is taken for gone and no longer waited for.
NODE_GONE_S = 86_400
# A check stays this long after the end of its session, for whoever asks why it ended.
KEEP_CHECKS = timedelta(days=30)


class Swept(NamedTuple):
    """How many sessions were looked at and how many of them ended."""

    looked_at: int
    ended: int


def sweep(connection: Connection, now: datetime, *, limit: int) -> Swept:
    """Look at the next silent sessions, in the caller's transaction; each is decided about or put off."""
    until = spool_queries.counted_until(connection, now=now, ignore_after_s=NODE_GONE_S)
    found = stale.silent_sessions(
        connection, now=now, counted_until=until, intervals=LOST_AFTER_INTERVALS, least_s=LOST_AFTER_S, limit=limit
    )
    if not found:
        return Swept(0, 0)
    unknown_after_s = stale.unknown_after_s(connection)
    decided = [(one, decide(_silence(one, until, now), unknown_after_s=unknown_after_s)) for one in found]
    _ask(connection, _those(decided, Step.ASK), now)
    later = [(one, decision) for one, decision in decided if decision.step is Step.KEEP]
    if later:
        look_at = [now + timedelta(seconds=decision.look_again_s) for _, decision in later]
        stale.look_later(connection, [one for one, _ in later], look_at)
    over = _those(decided, Step.CLOSE) + _those(decided, Step.CLOSE_UNSEEN)
    return Swept(len(found), _end(connection, over))


def _silence(one: SilentSession, until: datetime, now: datetime) -> Silence:
    def ago(moment: datetime | None) -> float | None:
        return None if moment is None else (now - moment).total_seconds()

    return Silence(
        silent_s=(until - one.heard_at).total_seconds(),
        can_ask=one.can_ask,
        asked_s_ago=ago(one.asked_at),
        answer=one.answer,
        answered_s_ago=ago(one.answered_at),
    )


def _those(decided: Sequence[tuple[SilentSession, Decision]], step: Step) -> list[SilentSession]:
    return [one for one, decision in decided if decision.step is step]


def _ask(connection: Connection, sessions: list[SilentSession], now: datetime) -> None:
    if sessions:
        wait = decide(Silence(silent_s=LOST_AFTER_S, can_ask=True)).look_again_s
        stale.ask_about(connection, sessions, now=now, look_at=now + timedelta(seconds=wait))


def _end(connection: Connection, sessions: list[SilentSession]) -> int:
    if not sessions:
        return 0
    queries.take_merge_lock(connection)
    ended = stale.close_unheard(connection, sessions, cause=LOST)
    payloads = ended_payloads(ended)
    if payloads:
        queries.notify_sessions(connection, payloads)
    return len(ended)
