"""Measures customers' lines from their routers: each in a thread of its own, one at a time for a router.

A router sends as fast as it can for some seconds, so a test is a thing that staff ask for, never a routine.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

import routeros
from bss.router_api.access import target_of_account
from db.crypto import UnableToDecrypt
from db.engine import psycopg_of
from db.models import CustomerSpeedTest
from db.queries import speed_tests as queries
from db.queries.router_orders import Account, accounts_of
from routeros import Router, RouterApiError
from runtime.logs import get_logger

TESTS_AT_ONCE = 4
EACH_WAY_S, PINGS = 5, 3
FIRST_ANSWER_S, TEST_S = 4.0, 30.0
CLAIM_FOR = timedelta(seconds=90)
ABANDONED = "the test was interrupted"

log = get_logger("bss.speed_tests")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One test with what it needs. `repr()` shows no password."""

    test_id: int
    address: str
    account: Account | None
    login: dict[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What came of it, from the customer's side; `problem` is empty when there is a figure."""

    download_kbps: int | None = None
    upload_kbps: int | None = None
    latency_ms: Decimal | None = None
    problem: str = ""


def claim(session: Session, *, now: datetime) -> list[Asked]:
    """Take the next tests, one for each router; the caller commits before he measures."""
    queries.fail_abandoned(session, now=now, problem=ABANDONED)
    tests = queries.claim_tests(session, until=now + CLAIM_FOR, limit=TESTS_AT_ONCE)
    accounts = accounts_of(psycopg_of(session), {test.nas_server_id for test in tests if test.nas_server_id})
    return [_asked(test, accounts) for test in tests]


def measure_all(asked: Sequence[Asked]) -> list[Measured]:
    """Measure them side by side; knows no database."""
    with ThreadPoolExecutor(TESTS_AT_ONCE, thread_name_prefix="speed") as threads:
        return list(threads.map(measure, asked))


def _asked(test: CustomerSpeedTest, accounts: dict[int, Account]) -> Asked:
    login = json.loads(test.account or "{}")
    return Asked(
        test_id=test.id,
        address=str(test.address),
        account=accounts.get(test.nas_server_id or 0),
        # RouterOS has a user of its own for what is left out.
        login={word: said for word, said in login.items() if said},
    )


def measure(asked: Asked) -> Measured:
    """Measure one line now; never raises."""
    if asked.account is None:
        return Measured(problem="the router's API has no account any more")
    try:
        target = target_of_account(asked.account)
        with routeros.open(target, deadline_s=FIRST_ANSWER_S, even_if_resting=True) as router:
            router.identity()
            router.allow(TEST_S)
            return _measured(router, asked)
    except (RouterApiError, UnableToDecrypt) as error:
        return Measured(problem=str(error))


def _measured(router: Router, asked: Asked) -> Measured:
    test = {"duration": f"{EACH_WAY_S}s", "protocol": "tcp", **asked.login}
    latency = router.round_trip_ms(asked.address, count=PINGS)
    sent, received = router.send_to(asked.address, **test), router.receive_from(asked.address, **test)
    # What the router sends is what the customer downloads.
    download, upload = sent.tx_bps // 1000 or None, received.rx_bps // 1000 or None
    problem = "" if download or upload else f"the test server at his end did not take part: {sent.status or 'silent'}"
    rounded = None if latency is None else round(Decimal(latency), 3)
    return Measured(download_kbps=download, upload_kbps=upload, latency_ms=rounded, problem=problem)


def store(session: Session, test_id: int, result: Measured, *, now: datetime) -> None:
    """Keep what came of a test, unless somebody called it over meanwhile."""
    test = queries.lock_running(session, test_id)
    if test is None:
        return
    test.download_kbps, test.upload_kbps, test.latency_ms = (
        result.download_kbps, result.upload_kbps, result.latency_ms,
    )  # fmt: skip
    test.state, test.problem = "failed" if result.problem else "done", result.problem[:300]
    test.measured_at, test.claimed_until, test.account = now, None, None
    session.flush()
    log.info("line measured", test=test_id, outcome=test.state)
