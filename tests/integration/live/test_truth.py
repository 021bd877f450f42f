"""The merge law through a real FreeRADIUS, spool, collector and PostgreSQL: the router's bytes, in any order."""

import asyncio
import random
import time

import pytest

from db.models import Subscription
from domain.sessions import first_state, merge
from integration.live.conftest import password_of
from live_stack import LiveStack
from radius_stack import wait_for
from session_truth import Report, TruthfulSession
from simulator import Login, LoginRefused, Method, Service, SimulatedRouter
from simulator.attributes import Counters
from simulator.router import Router
from simulator.session import Report as RouterReport
from simulator.session import SimulatedSession

KINDS = {"start": "Start", "interim": "Interim-Update", "stop": "Stop"}


async def deliver(router: Router, session: SimulatedSession, truth: TruthfulSession, report: Report, ends: int) -> None:
    """The report as it would come when it had been on its way since it was made; sent until it is acknowledged."""
    ago_s = ends - report.after_us // 1_000_000
    told = RouterReport(
        facts=session.facts,
        status=KINDS[report.kind],
        counters=Counters(upload_bytes=report.upload_bytes, download_bytes=report.download_bytes),
        session_seconds=report.session_time_s,
        cause="User-Request" if report.kind == "stop" else "",
    )
    router.gigawords = truth.sends_gigawords
    packet = router._accounting_packet(told, int(time.time()) - ago_s, ago_s)
    for _ in range(20):
        if (await router.acct_client.exchange(packet)).reply is not None:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("the report was never acknowledged")


def log_in(router: SimulatedRouter, customer: Subscription) -> SimulatedSession | None:
    """A session whose packets are this test's to send."""
    login = Login(
        service=Service.PPPOE, username=customer.username, password=password_of(customer), mac="02:00:00:30:00:01",
        method=Method.PAP,
    )  # fmt: skip
    try:
        return router.run(router.router.open(login, start=False))
    except LoginRefused:
        return None


def a_session(seed: int) -> TruthfulSession:
    """A generated session that is over, the same for each seed."""
    dice = random.Random(seed)
    at_us = up = down = 0
    reports = [Report(kind="start", after_us=0, session_time_s=0, upload_bytes=0, download_bytes=0)]
    for number in range(5):
        at_us += dice.randrange(60, 900) * 1_000_000
        up, down = up + dice.randrange(2**30), down + dice.randrange(2**30)
        reports.append(
            Report(
                kind="stop" if number == 4 else "interim", after_us=at_us, session_time_s=at_us // 1_000_000,
                upload_bytes=up, download_bytes=down,
            )
        )  # fmt: skip
    return TruthfulSession(
        reports=tuple(reports), sends_gigawords=bool(seed % 2), upload_bytes=up, download_bytes=down, is_over=True
    )


@pytest.mark.parametrize("seed", range(6))
def test_any_order_and_copies_of_a_sessions_packets_end_at_the_routers_bytes(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, seed: int
) -> None:
    truth, dice = a_session(seed), random.Random(seed)
    session = wait_for(lambda: log_in(router, customer), 20)
    order = [*truth.reports, *dice.choices(truth.reports, k=4)]
    dice.shuffle(order)
    ends = truth.reports[-1].session_time_s

    async def send_all() -> None:
        for report in order:
            await deliver(router.router, session, truth, report, ends)

    before = _received(live)
    router.run(send_all())
    wait_for(lambda: _received(live) == before + len(order))

    packets = [truth.packet(report, 1_790_000_000_000_000) for report in order]
    state = first_state(packets[0])
    for packet in packets[1:]:
        state = merge(state, packet)
    assert (state.upload_bytes, state.download_bytes) == (truth.upload_bytes, truth.download_bytes)
    rows = live.radius.sql(
        "SELECT acctinputoctets, acctoutputoctets, acctsessiontime, acctterminatecause FROM radacct"
        " WHERE acctsessionid = %s AND username = %s",
        session.session_id, customer.username,
    )  # fmt: skip
    assert rows == [(truth.upload_bytes, truth.download_bytes, ends, "User-Request")]
    used = live.radius.sql(
        "SELECT sum(upload_bytes), sum(download_bytes) FROM usage_daily WHERE subscription_id = %s", customer.id
    )
    assert [tuple(map(int, row)) for row in used] == [(truth.upload_bytes, truth.download_bytes)]


def _received(live: LiveStack) -> int:
    (counted,) = live.radius.sql(
        "SELECT coalesce(sum(records), 0) FROM record_outcomes WHERE outcome IN ('stored', 'merged')"
    )
    return int(counted[0])
