"""Into a walled garden and out of it with a running session, and a voucher's first login, over the real servers."""

import time
from datetime import UTC, datetime

import pytest

from bss import gardens, subscriptions, vouchers
from bss.actor import Actor
from db.models import Subscription
from factories import make_plan
from integration.live.conftest import go_online
from live_stack import LiveStack
from radius_stack import wait_for
from runtime.tasks import nudge_coa
from simulator import LoginRefused, SessionHandle, SimulatedRouter


def again(live: LiveStack, router: SimulatedRouter, customer: Subscription, session: SessionHandle) -> SessionHandle:
    """The session was ended by the server; the customer's device dials again."""
    router.wait_until(lambda: not session.is_open)
    closed = "SELECT 1 FROM radacct WHERE acctsessionid = %s AND acctstoptime IS NOT NULL"
    wait_for(lambda: live.radius.sql(closed, session.session_id))
    return go_online(live, router, customer)


def test_a_suspended_customer_ends_in_the_garden_and_is_back_at_full_speed_when_he_paid(
    live: LiveStack, router: SimulatedRouter, customer: Subscription
) -> None:
    actor = Actor.system(tenant_id=customer.tenant_id, name="test")
    with live.radius.sessions() as db:
        gardens.put(
            db, actor=actor, now=datetime.now(UTC), reason="subscription_suspended",
            values={"address_list": "isolir", "download_kbps": 256, "upload_kbps": 128},
        )  # fmt: skip
        db.commit()
    session = go_online(live, router, customer)
    assert session.rate_limit == "5M/10M"

    with live.radius.sessions() as db:
        subscriptions.suspend(db, actor=actor, now=datetime.now(UTC), subscription_id=customer.id, reason="overdue")
        db.commit()
    nudge_coa()
    inside = again(live, router, customer, session)
    assert inside.rate_limit == "128k/256k"
    assert ("Mikrotik-Address-List", "isolir") in inside.session.reply

    began = time.monotonic()
    with live.radius.sessions() as db:
        subscriptions.activate(db, actor=actor, now=datetime.now(UTC), subscription_id=customer.id)
        db.commit()
    nudge_coa()
    router.wait_until(lambda: not inside.is_open)
    assert time.monotonic() - began < 1.0
    outside = again(live, router, customer, inside)
    assert outside.rate_limit == "5M/10M"
    assert "Mikrotik-Address-List" not in dict(outside.session.reply)
    outside.stop()


def test_a_voucher_begins_with_its_first_login_and_takes_that_device(
    live: LiveStack, router: SimulatedRouter, customer: Subscription
) -> None:
    actor = Actor.system(tenant_id=customer.tenant_id, name="test")
    with live.radius.sessions() as db:
        plan = make_plan(db, connection_type="hotspot")
        (voucher,) = vouchers.create(
            db, actor=actor, now=datetime.now(UTC), service_plan_id=plan.id, count=1, validity_s=3600, binds_mac=True
        )
        code = voucher.code
        db.commit()

    session = wait_for(lambda: _try(router, code, "02:00:00:20:00:01"), 5)

    state = "SELECT state, extract(epoch FROM valid_until - first_used_at)::int FROM vouchers WHERE code = %s"
    wait_for(lambda: live.radius.sql(state, code) == [("active", 3600)], 10)
    session.stop()
    with pytest.raises(LoginRefused):
        router.login_hotspot(code, "", mac="02:00:00:20:00:02")
    wait_for(lambda: live.radius.wait_for_record(code)[7] == "wrong_device")


def _try(router: SimulatedRouter, code: str, mac: str) -> SessionHandle | None:
    try:
        return router.login_hotspot(code, "", mac=mac)
    except LoginRefused:
        return None
