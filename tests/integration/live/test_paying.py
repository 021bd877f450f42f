"""From a gateway's message to the router: whoever pays is out of the walled garden within two seconds."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask

from bss import gardens, invoices, subscriptions
from bss.actor import Actor
from bss.gateways import accounts, orders
from bss.gateways.addresses import Addresses
from bss.invoices import Draft
from db.engine import use_tenant
from db.models import GatewayOrder, Subscription
from domain.invoices import Line
from integration.live.conftest import go_online
from integration.live.test_gardens_and_vouchers import again
from live_stack import LiveStack
from radius_stack import wait_for
from runtime.settings import get_settings
from runtime.tasks import QUEUE_COA, nudge_coa
from runtime.tasks import app as jobs
from simulator import SessionHandle, SimulatedRouter
from simulator.gateways import MidtransServer
from webadmin.app import create_app

KEY = "SB-Mid-server-live"
TOGETHER_S = 2.0


@pytest.fixture
def midtrans(router: SimulatedRouter, monkeypatch: pytest.MonkeyPatch) -> Iterator[MidtransServer]:
    with MidtransServer(server_key=KEY) as server:
        monkeypatch.setenv("LINTAS_GATEWAY_HOSTS", f"midtrans={server.url}")
        get_settings.cache_clear()
        yield server


@pytest.fixture
def app(midtrans: MidtransServer) -> Iterator[Flask]:
    application = create_app(get_settings(), TESTING=True)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.fixture
def inside(live: LiveStack, router: SimulatedRouter, customer: Subscription, midtrans: MidtransServer) -> SessionHandle:
    """The customer's session in the garden: he was cut off for an invoice."""
    actor, now = Actor.system(tenant_id=customer.tenant_id, name="test"), datetime.now(UTC)
    garden = {"address_list": "isolir", "download_kbps": 256, "upload_kbps": 128}
    with live.radius.sessions() as db:
        gardens.put(db, actor=actor, now=now, reason="subscription_suspended", values=garden)
        subscriptions.suspend(db, actor=actor, now=now, subscription_id=customer.id, reason="overdue", cause="overdue")
        db.commit()
    session = go_online(live, router, customer)
    assert session.rate_limit == "128k/256k"
    return session


@pytest.fixture
def order(live: LiveStack, customer: Subscription, inside: SessionHandle) -> GatewayOrder:
    """What he owes, begun to be paid at the gateway."""
    actor, now = Actor.system(tenant_id=customer.tenant_id, name="test"), datetime.now(UTC)
    with live.radius.sessions() as db:
        use_tenant(db, customer.tenant_id)
        today = now.date()
        draft = Draft(
            kind="recurring",
            lines=[Line(item_type="service", description="Rumah 20", unit_price=Decimal(150000))],
            subscription_id=customer.id,
            period=(today, today + timedelta(days=30)),
            terms=1,
        )
        invoice = invoices.create(db, actor=actor, now=now, customer_id=customer.customer_id, draft=draft).row
        gateway = accounts.create(
            db, actor=actor, now=now, kind="midtrans", name=f"Midtrans {customer.id}", values={"server_key": KEY}
        )
        db.commit()
        return orders.place(
            db, actor=actor, now=now, gateway_id=gateway.id, at=Addresses(base="http://pay.example"),
            invoice_id=invoice.id,
        )  # fmt: skip


def test_from_the_gateways_message_to_the_routers_answer_it_takes_less_than_two_seconds(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, app: Flask, midtrans: MidtransServer,
    inside: SessionHandle, order: GatewayOrder,
) -> None:  # fmt: skip
    midtrans.pay(order.order_id, "qris")
    notice = midtrans.notice(order.order_id)

    began = time.monotonic()
    answer = app.test_client().post(f"/webhooks/payments/{order.gateway.public_key}", data=notice.body)
    router.wait_until(lambda: not inside.is_open)
    took = time.monotonic() - began

    assert answer.status_code == 200
    assert took < TOGETHER_S
    outside = again(live, router, customer, inside)
    assert outside.rate_limit == "5M/10M"
    acked = "SELECT 1 FROM session_changes WHERE subscription_id = %s AND status = 'ack' AND reason <> 'suspended'"
    wait_for(lambda: live.radius.sql(acked, customer.id))
    outside.stop()


def test_a_server_that_dies_between_the_books_and_the_router_leaves_nobody_outside(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, app: Flask, midtrans: MidtransServer,
    inside: SessionHandle, order: GatewayOrder, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Nobody is woken, as when the process is killed right after its commit; the sweep finds the row by itself."""
    monkeypatch.setattr("webadmin.webhooks.nudge_coa", lambda: False)
    midtrans.pay(order.order_id)

    answer = app.test_client().post(
        f"/webhooks/payments/{order.gateway.public_key}", data=midtrans.notice(order.order_id).body
    )
    waiting = "SELECT 1 FROM session_changes WHERE subscription_id = %s AND status = 'pending'"
    assert answer.status_code == 200
    assert live.radius.sql(waiting, customer.id)
    assert inside.is_open

    with jobs.connection_for_write(get_settings().redis_url) as connection:
        jobs.send_task("coa.sweep", queue=QUEUE_COA, connection=connection)
    router.wait_until(lambda: not inside.is_open)
    again(live, router, customer, inside).stop()


def test_a_server_that_dies_before_its_commit_is_told_again_and_pays_once(
    live: LiveStack, router: SimulatedRouter, customer: Subscription, app: Flask, midtrans: MidtransServer,
    inside: SessionHandle, order: GatewayOrder, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    midtrans.pay(order.order_id)
    body = midtrans.notice(order.order_id).body
    path = f"/webhooks/payments/{order.gateway.public_key}"

    def die(*_: object, **__: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("bss.gateways.booking.queries.mark_links_paid", die)
        assert app.test_client().post(path, data=body).status_code == 500
    paid = "SELECT count(*) FROM payments WHERE customer_id = %s"
    assert live.radius.sql(paid, customer.customer_id) == [(0,)]

    assert app.test_client().post(path, data=body).status_code == 200
    assert app.test_client().post(path, data=body).status_code == 200
    nudge_coa()
    router.wait_until(lambda: not inside.is_open)
    assert live.radius.sql(paid, customer.customer_id) == [(1,)]
    again(live, router, customer, inside).stop()
