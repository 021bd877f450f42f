"""A customer's life over the real servers: login, usage, fair use, the CoA, and what staff do while he is online."""

import os
import time
from datetime import UTC, datetime

import pytest

from bss import customers, subscriptions
from bss.actor import Actor
from coa.connection import connect
from coa.drain import drain
from db.models import Subscription
from integration.live.conftest import GIGABYTE, go_online, used_bytes
from live_stack import LiveStack
from radius_stack import wait_for
from runtime.tasks import nudge_coa
from simulator import Login, LoginRefused, Method, Service, SimulatedRouter


def test_what_the_router_counted_is_the_customers_usage(
    live: LiveStack, router: SimulatedRouter, customer: Subscription
) -> None:
    session = go_online(live, router, customer)

    session.traffic(download_bytes=123_456_789, upload_bytes=9_876_543)
    session.interim()

    wait_for(lambda: used_bytes(live, customer) == 133_333_332)
    session.stop()
    wait_for(lambda: live.radius.sql("SELECT 1 FROM radacct WHERE username = %s AND acctstoptime IS NOT NULL",
                                     customer.username))  # fmt: skip
    assert used_bytes(live, customer) == 133_333_332


def test_crossing_the_fair_use_limit_slows_the_running_session_within_a_second(
    live: LiveStack, router: SimulatedRouter, customer: Subscription
) -> None:
    session = go_online(live, router, customer)
    assert session.rate_limit == "5M/10M"

    session.traffic(download_bytes=GIGABYTE)
    began = time.monotonic()
    session.interim()
    router.wait_for_coa(1)

    assert time.monotonic() - began < 1.0
    wait_for(lambda: session.rate_limit == "1M/2M")
    wait_for(lambda: live.radius.sql(
        "SELECT 1 FROM session_changes WHERE subscription_id = %s AND status = 'ack' AND reason = 'fup'", customer.id
    ))  # fmt: skip
    session.stop()
    again = go_online(live, router, customer)
    assert again.rate_limit == "1M/2M", "the next login is slowed too"
    again.stop()


@pytest.mark.parametrize("what", ["subscription", "customer"])
def test_who_is_suspended_is_disconnected_within_a_second_and_stays_out(
    what: str, live: LiveStack, router: SimulatedRouter, customer: Subscription
) -> None:
    session = go_online(live, router, customer)
    actor = Actor.system(tenant_id=customer.tenant_id, name="test")

    began, now = time.monotonic(), datetime.now(UTC)
    with live.radius.sessions() as db:
        if what == "subscription":
            subscriptions.suspend(db, actor=actor, now=now, subscription_id=customer.id, reason="overdue")
        else:
            customers.suspend(db, actor=actor, now=now, customer_id=customer.customer_id, reason="overdue")
        db.commit()
    nudge_coa()
    router.wait_until(lambda: not session.is_open)

    assert time.monotonic() - began < 1.0
    with pytest.raises(LoginRefused):
        router.login_pppoe(customer.username, f"pw-{customer.username}", mac="02:00:00:10:00:01")
    wait_for(lambda: live.radius.wait_for_record(customer.username)[7] == f"{what}_suspended")


def test_a_session_that_begins_after_the_suspension_is_ended_too(
    live: LiveStack, router: SimulatedRouter, customer: Subscription
) -> None:
    """Accept, then suspend, then Start: the outbox could not know the session yet; its Start tells."""
    login = Login(
        service=Service.PPPOE, username=customer.username, password=f"pw-{customer.username}", method=Method.PAP
    )
    result = wait_for(lambda: router.login(login, start=False), 5)
    session = router.session(result.session_id)
    live.radius.sql("UPDATE subscriptions SET status = 'suspended' WHERE id = %s", customer.id)

    session.start()

    router.wait_until(lambda: not session.is_open, timeout_seconds=10)


def test_without_redis_the_sweep_still_changes_the_session(
    live: LiveStack, router: SimulatedRouter, customer: Subscription
) -> None:
    session = go_online(live, router, customer)
    actor = Actor.system(tenant_id=customer.tenant_id, name="test")
    with live.radius.sessions() as db:
        subscriptions.suspend(db, actor=actor, now=datetime.now(UTC), subscription_id=customer.id, reason="overdue")
        db.commit()

    os.environ["LINTAS_KEYS_FILE"] = str(live.radius.settings.keys_file)
    with connect(live.radius.settings.database_url) as connection:
        drain(connection, clock=lambda: datetime.now(UTC))

    router.wait_until(lambda: not session.is_open)
