"""Asks routers by itself: whether they answer, what somebody looked for in vain, and whether their secrets drifted.

Many at once, each with its own deadline: a dead router costs its own thread and nobody's time.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

import routeros
from bss.router_api.access import status_after, target_of_account
from bss.router_api.dispatch import ROUTERS_AT_ONCE
from bss.router_api.drift import Drift, drift_of, order_repairs
from bss.router_api.parts import PARTS, Rows
from bss.router_api.reading import MAX_ROWS
from db.crypto import UnableToDecrypt
from db.queries import router_snapshots
from db.queries.router_orders import Account, accounts_of, active_accounts
from domain.router_secret import BOTH, LOCAL
from routeros import RouterApiError

CHECK_S = 4.0
PATIENT_S = 15.0
# A router whose packets came within so long is there, whatever its API does.
HEARD_WITHIN = timedelta(minutes=10)
WANTED_SINCE = timedelta(minutes=2)
MOST_QUESTIONS = 64

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of asking one router."""

    account: Account
    part: str
    rows: Rows | None = None
    error: RouterApiError | UnableToDecrypt | None = None


def check_all(connection: Connection, *, clock: Callable[[], datetime]) -> int:
    """Ask every router with an account whether it is there; returns how many are."""
    answers = _ask_all([(account, "overview", CHECK_S) for account in active_accounts(connection)])
    for answer in answers:
        _record(connection, answer, clock())
    return sum(answer.error is None for answer in answers)


def _record(connection: Connection, answer: Answer, now: datetime) -> None:
    account = answer.account
    if answer.error is None:
        router_snapshots.record_check(connection, account.id, status="online", problem=None, answered=True, now=now)
        _keep(connection, answer, now)
        return
    is_heard = account.last_seen_at is not None and now - account.last_seen_at < HEARD_WITHIN
    status = "unknown"
    if isinstance(answer.error, RouterApiError):
        status = status_after(answer.error, is_heard=is_heard)
    router_snapshots.record_check(
        connection, account.id, status=status, problem=str(answer.error), answered=False, now=now
    )


def ask_what_is_missing(connection: Connection, *, clock: Callable[[], datetime]) -> int:
    """Ask with patience what somebody looked for a moment ago and did not get; returns how many answered."""
    wanted = router_snapshots.take_questions(connection, since=clock() - WANTED_SINCE, most=MOST_QUESTIONS)
    accounts = accounts_of(connection, {nas_id for nas_id, _ in wanted})
    questions = [(accounts[nas_id], part, PATIENT_S) for nas_id, part in wanted if nas_id in accounts and part in PARTS]
    answers = _ask_all(questions)
    for answer in answers:
        if answer.error is None:
            _keep(connection, answer, clock())
        else:
            router_snapshots.keep_problem(connection, answer.account.id, answer.part, problem=str(answer.error))
    return sum(answer.error is None for answer in answers)


def repair_drift(connection: Connection, *, clock: Callable[[], datetime]) -> int:
    """Compare the secrets of every router that keeps its own with what they should be, and order what differs."""
    ordered = 0
    for account, drift in drifts(connection, now=clock()):
        if isinstance(drift, Drift):
            ordered += order_repairs(connection, account, drift, now=clock())
            rows = drift.as_rows()
            router_snapshots.keep_snapshot(
                connection, account.id, "drift", rows[:MAX_ROWS], total=len(rows), now=clock()
            )
        else:
            router_snapshots.ask_for(connection, account.id, "drift", problem=str(drift), now=None)
    return ordered


def drifts(connection: Connection, *, now: datetime) -> list[tuple[Account, Drift | RouterApiError | UnableToDecrypt]]:
    """What every router that keeps its own secrets has otherwise than it should, or why it could not be asked."""
    accounts = active_accounts(connection, modes=(LOCAL, BOTH))
    with ThreadPoolExecutor(ROUTERS_AT_ONCE, thread_name_prefix="drift") as threads:
        found = list(threads.map(_secrets, accounts))
    return [
        (account, drift_of(connection, account, there, now=now) if isinstance(there, tuple) else there)
        for account, there in zip(accounts, found, strict=True)
    ]


def _secrets(account: Account) -> Any:
    try:
        with routeros.open(target_of_account(account), deadline_s=CHECK_S, even_if_resting=True) as router:
            router.identity()
            router.allow(PATIENT_S)
            return router.ppp_secrets(with_passwords=True), router.hotspot_users(with_passwords=True)
    except (RouterApiError, UnableToDecrypt) as error:
        return error


def _ask_all(questions: Sequence[tuple[Account, str, float]]) -> list[Answer]:
    with ThreadPoolExecutor(ROUTERS_AT_ONCE, thread_name_prefix="look") as threads:
        return list(threads.map(lambda question: _ask(*question), questions))


def _ask(account: Account, part: str, deadline_s: float) -> Answer:
    try:
        with routeros.open(target_of_account(account), deadline_s=deadline_s, even_if_resting=True) as router:
            return Answer(account=account, part=part, rows=PARTS[part](router))
    except (RouterApiError, UnableToDecrypt) as error:
        return Answer(account=account, part=part, error=error)


def _keep(connection: Connection, answer: Answer, now: datetime) -> None:
    rows = answer.rows or []
    router_snapshots.keep_snapshot(
        connection, answer.account.id, answer.part, rows[:MAX_ROWS], total=len(rows), now=now
    )
