"""What happens to sessions by the clock alone: lost sessions, ended fair-use periods, used-up allowances, months.

Each job works in small transactions over what is due, so it may run anywhere, twice, or again after a crash. Whoever
runs one hands over a connection in autocommit and `now`; the result says what was done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from accounting import fairuse, gardens, hours, limits, quotas, restarts, retirement, rollups, stale, turns
from db.queries import accounting as queries
from db.queries import partitions, receipts
from db.queries import quotas as quota_queries
from db.queries import spool as spool_queries
from db.queries import stale as stale_queries
from db.queries import vouchers as voucher_queries
from db.queries.accounting import Connection
from db.queries.live_changes import enqueue_change
from domain.access import BLOCKED_CUSTOMERS
from runtime.settings import get_settings

CHUNK = 500
MAX_CHUNKS = 200
MONTHS_AHEAD = 3
# Put-aside records that were settled, those that nobody looked at, and notes of what late packets corrected.
KEEP_SETTLED, KEEP_PUT_ASIDE, KEEP_CORRECTIONS = timedelta(days=30), timedelta(days=90), timedelta(days=730)
# A session without right that still runs is asked to end again after this long.
ASK_AGAIN = timedelta(minutes=5)
SEEN_LATELY = timedelta(hours=1)
# How long receipts are kept when staff chose nothing, and how long one is named after it was last noted as in use.
RECEIPT_MONTHS = 6
RECEIPT_NAMED_FOR = timedelta(days=8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """How many things a job changed, and how many changes of live sessions it asked for."""

    changed: int = 0
    asked: int = 0


def close_stale_sessions(connection: Connection, now: datetime) -> Done:
    """Have routers asked about sessions that fell silent, and end those that are over, when they were last seen."""
    ended = 0
    for _ in range(MAX_CHUNKS):
        with connection.transaction():
            swept = stale.sweep(connection, now, limit=CHUNK)
        ended += swept.ended
        if swept.looked_at < CHUNK:
            break
    with connection.transaction():
        stale_queries.forget_checks(connection, before=now - stale.KEEP_CHECKS)
    return Done(changed=ended)


def end_what_restarts_ended(connection: Connection, now: datetime) -> Done:
    """End the sessions of routers whose uptime shows that they have restarted since these were last heard."""
    return Done(changed=restarts.end_what_ran_before(connection, now))


def forget_settled_records(connection: Connection, now: datetime) -> Done:
    """Drop put-aside records and corrections of sessions that are old enough; what they were stays counted."""

    def chunk() -> Done:
        gone = spool_queries.forget_put_aside(
            connection, settled_before=now - KEEP_SETTLED, before=now - KEEP_PUT_ASIDE, limit=CHUNK
        )
        gone += queries.drop_corrections(connection, made_before=now - KEEP_CORRECTIONS, limit=CHUNK)
        return Done(changed=gone)

    return _in_chunks(connection, chunk)


def reset_fair_use(connection: Connection, now: datetime) -> Done:
    """Lift fair-use tiers whose period is over."""

    def chunk() -> Done:
        changed, asked = fairuse.reset_over(connection, now=now, limit=CHUNK)
        return Done(changed=changed, asked=asked)

    return _in_chunks(connection, chunk)


def give_allowances_back(connection: Connection, now: datetime) -> Done:
    """Let those in again whose allowance has a new period, and free whoever it slowed down."""

    def chunk() -> Done:
        due = quota_queries.periods_over(connection, now=now, limit=CHUNK)
        asked = quotas.settle(connection, due, now=now).asked
        asked += len(limits.tell_limits(connection, due, requested_by=fairuse.ACTOR, now=now))
        return Done(changed=len(due), asked=asked)

    return _in_chunks(connection, chunk)


def turn_topups(connection: Connection, now: datetime) -> Done:
    """Look at allowance and fair use of those whose top-up began or ended."""

    def chunk() -> Done:
        due = quota_queries.topups_turning(connection, now=now, limit=CHUNK)
        asked = quotas.settle(connection, due, now=now).asked
        asked += len(limits.tell_limits(connection, due, requested_by=fairuse.ACTOR, now=now))
        return Done(changed=len(due), asked=asked + fairuse.look_again(connection, due, now=now))

    return _in_chunks(connection, chunk)


def tell_new_periods(connection: Connection, now: datetime) -> Done:
    """Tell sessions that go on past the turn of an allowance's period what they may use now."""
    asked = 0
    for turn in turns.turned_lately(connection, now):
        after = ""
        for _ in range(MAX_CHUNKS):
            with connection.transaction():
                after, written = turns.tell(connection, turn, after=after, now=now, limit=CHUNK)
            asked += written
            if not after:
                break
    return Done(changed=asked, asked=asked)


def turn_hours(connection: Connection, now: datetime) -> Done:
    """End, free or re-speed the sessions of plans whose hours began or ended a moment ago."""
    changed = asked = 0
    for turn in hours.turned_lately(connection, now):
        done = _in_chunks(connection, partial(_turn_sessions, connection, turn, now))
        changed, asked = changed + done.changed, asked + done.asked
    return Done(changed=changed, asked=asked)


def _turn_sessions(connection: Connection, turn: hours.Turn, now: datetime) -> Done:
    changed, asked = hours.tell(connection, turn, now=now, limit=CHUNK)
    return Done(changed=changed, asked=asked)


def end_sessions_without_right(connection: Connection, now: datetime) -> Done:
    """Ask again for the end of sessions whose subscription may not be online: nothing is missed by a lost change."""

    def chunk() -> Done:
        sessions = queries.sessions_without_right(
            connection, blocked=sorted(BLOCKED_CUSTOMERS), seen_since=now - SEEN_LATELY, asked_since=now - ASK_AGAIN,
            now=now, limit=CHUNK,
        )  # fmt: skip
        asked = enqueue_change(
            connection, kind="disconnect", reason="late_start", requested_by=fairuse.ACTOR, now=now, sessions=sessions
        ) if sessions else []  # fmt: skip
        return Done(changed=len(asked), asked=len(asked))

    return _in_chunks(connection, chunk)


def let_out_of_gardens(connection: Connection, now: datetime) -> Done:
    """End sessions in a walled garden that may be customers again, or may not even be there."""
    after, asked = "", 0
    for _ in range(MAX_CHUNKS):
        with connection.transaction():
            after, written = gardens.let_out(connection, after=after, now=now, limit=CHUNK)
        asked += written
        if not after:
            break
    return Done(changed=asked, asked=asked)


def end_vouchers(connection: Connection, now: datetime) -> Done:
    """Mark vouchers whose time is over, and end what they still run."""

    def chunk() -> Done:
        due = voucher_queries.end_vouchers(connection, now=now, limit=CHUNK)
        asked = enqueue_change(
            connection, kind="disconnect", reason="voucher_over", requested_by=fairuse.ACTOR, now=now,
            subscription_ids=due,
        ) if due else []  # fmt: skip
        return Done(changed=len(due), asked=len(asked))

    return _in_chunks(connection, chunk)


def keep_partitions(connection: Connection, now: datetime) -> Done:
    """Make the coming months of all tables that are cut by month, and drop receipts that nobody names any more."""
    this_month = partitions.month_of(now)
    changed = 0
    for parent in partitions.PARENTS:
        first = partitions.month_before(this_month, 1)
        changed += len(partitions.ensure_months(connection, parent, first_month=first, months=MONTHS_AHEAD + 2))
    return Done(changed=changed + _drop_receipts(connection, now))


def retire_months(connection: Connection, now: datetime) -> Done:
    """Take months out of the live tables that are older than staff want to keep, each into a file first."""
    settings = get_settings()
    return Done(changed=retirement.retire(connection, now, folder=settings.archive_folder, node=settings.node))


def roll_hours(connection: Connection, now: datetime) -> Done:
    """Book usage to its hours."""
    return Done(changed=rollups.roll_hours(connection, now))


def roll_months(connection: Connection, now: datetime) -> Done:
    """Sum the months that are over."""
    return Done(changed=rollups.roll_months(connection, now))


def _drop_receipts(connection: Connection, now: datetime) -> int:
    months = receipts.receipt_retention_months(connection) or RECEIPT_MONTHS
    oldest = partitions.month_before(partitions.month_of(now), months) - RECEIPT_NAMED_FOR

    def chunk() -> Done:
        return Done(changed=receipts.drop_receipts(connection, unused_since=oldest, limit=CHUNK))

    return _in_chunks(connection, chunk).changed


JOBS: dict[str, Callable[[Connection, datetime], Done]] = {
    "stale-sessions": close_stale_sessions,
    "router-restarts": end_what_restarts_ended,
    "put-aside": forget_settled_records,
    "fup-reset": reset_fair_use,
    "quota-reset": give_allowances_back,
    "quota-turns": tell_new_periods,
    "topups": turn_topups,
    "hours": turn_hours,
    "unwanted-sessions": end_sessions_without_right,
    "gardens": let_out_of_gardens,
    "vouchers": end_vouchers,
    "partitions": keep_partitions,
    "retire": retire_months,
    "usage-hours": roll_hours,
    "usage-months": roll_months,
}
SWEEP = (
    *("vouchers", "fup-reset", "quota-reset", "quota-turns", "topups", "hours"),
    *("router-restarts", "stale-sessions", "unwanted-sessions", "gardens", "put-aside"),
)


def _in_chunks(connection: Connection, chunk: Callable[[], Done]) -> Done:
    """Repeats a step, each in its transaction, until it finds less than a full chunk to do."""
    changed = asked = 0
    for _ in range(MAX_CHUNKS):
        with connection.transaction():
            done = chunk()
        changed, asked = changed + done.changed, asked + done.asked
        if done.changed < CHUNK:
            break
    return Done(changed=changed, asked=asked)
