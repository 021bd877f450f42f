"""The door for gateways and the pages for payers, through the web application: what gets in, and what does not."""

import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.serving import make_server

from bss.gateways import accounts, links
from db.models import GatewayLog, GatewayOrder, PaymentLink
from runtime.settings import Settings
from tests.integration.gateways.conftest import KEYS, Desk
from webadmin.app import create_app


@pytest.fixture
def app(desk: Desk, settings: Settings) -> Iterator[Flask]:
    application = create_app(settings, RATE_LIMITS_ENABLED=False)
    yield application
    application.extensions["lintas_engine"].dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@contextmanager
def listening(app: Flask) -> Iterator[str]:
    """The application on a real socket, as gateways reach it."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def tell(client: FlaskClient, desk: Desk, kind: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    answer = client.post(
        f"/webhooks/payments/{desk.gateway(kind).public_key}",
        data=body,
        headers={"Content-Type": "application/json", **(headers or {})},
    )
    return answer.status_code


# --- webhooks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["midtrans", "xendit", "stripe"])
def test_a_gateway_tells_over_http_and_the_invoice_is_paid_once(desk: Desk, app: Flask, kind: str) -> None:
    invoice = desk.invoice()
    order = desk.order(kind, invoice)
    notice = desk.pay(order)
    with listening(app) as base:
        told = desk.servers[kind].deliver(notice, f"{base}/webhooks/payments/{order.gateway.public_key}", times=5)

    assert told == [200] * 5
    assert desk.again(invoice).status == "paid"
    assert len(desk.payments()) == 1
    rows = desk.db.scalars(select(GatewayLog).where(GatewayLog.event == "notification")).all()
    assert [row.repeats for row in rows] == [4]


def test_hundreds_of_altered_messages_over_http_change_nothing(desk: Desk, client: FlaskClient) -> None:
    order = desk.order()
    desk.servers["midtrans"].pay(order.order_id)
    true = json.loads(desk.servers["midtrans"].notice(order.order_id).body)
    dice = random.Random(7)
    statuses = set()
    for number in range(400):
        name = dice.choice(["order_id", "status_code", "gross_amount", "signature_key"])
        other = dice.choice([f"{true[name]}{number}", true[name][:-1], true[name].upper() + "X", "", None, number, []])
        body = json.dumps(true | {name: other}).encode()
        statuses.add(tell(client, desk, "midtrans", body))

    assert statuses == {403}
    assert not desk.payments()
    assert desk.again(order).status == "pending"
    assert desk.db.scalar(select(func.count()).select_from(GatewayLog).where(GatewayLog.event == "notification")) == 0


def test_anybody_elses_token_or_no_token_is_refused(desk: Desk, client: FlaskClient) -> None:
    order = desk.order("xendit")
    notice = desk.pay(order)
    for token in ("", "x", KEYS["xendit"]["callback_token"] + "x", KEYS["stripe"]["webhook_secret"]):
        assert tell(client, desk, "xendit", notice.body, {"X-Callback-Token": token}) == 403

    assert desk.again(order).status == "pending"


def test_a_message_to_another_gateways_address_is_refused(desk: Desk, client: FlaskClient) -> None:
    order = desk.order("midtrans")
    notice = desk.pay(order)

    assert tell(client, desk, "stripe", notice.body) == 403
    assert client.post("/webhooks/payments/unknown", data=notice.body).status_code == 404
    assert tell(client, desk, "transfer", notice.body) == 404


def test_a_message_too_long_is_not_read(desk: Desk, client: FlaskClient) -> None:
    assert tell(client, desk, "midtrans", b"x" * 100_000) == 413


def test_without_our_database_the_gateway_is_told_to_come_again(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = desk.order()
    notice = desk.pay(order)
    key = order.gateway.public_key
    away = create_app(settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"}))
    try:
        status = away.test_client().post(f"/webhooks/payments/{key}", data=notice.body).status_code
    finally:
        away.extensions["lintas_engine"].dispose()

    assert status == 503
    assert desk.hear("midtrans", notice).outcome == "done"


def test_while_the_gateway_itself_is_away_it_is_told_to_come_again(desk: Desk, client: FlaskClient) -> None:
    order = desk.order()
    notice = desk.pay(order)
    desk.servers["midtrans"].bad_day.errors = 1

    assert tell(client, desk, "midtrans", notice.body) == 503
    assert tell(client, desk, "midtrans", notice.body) == 200
    assert desk.again(order).status == "paid"


def test_messages_are_limited_by_their_sender(desk: Desk, settings: Settings) -> None:
    limited = create_app(settings)
    try:
        client = limited.test_client()
        told = [tell(client, desk, "midtrans", b"{}") for _ in range(70)]
    finally:
        limited.extensions["lintas_engine"].dispose()

    assert told[0] == 403
    assert told[-1] == 429


def test_a_message_needs_neither_cookie_nor_csrf_token_and_gives_none(desk: Desk, client: FlaskClient) -> None:
    order = desk.order()
    answer = client.post(f"/webhooks/payments/{order.gateway.public_key}", data=desk.pay(order).body)

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert not [
        secret for keys in KEYS.values() for secret in keys.values() if "canary" in secret and secret in answer.text
    ]


# --- the payer's pages --------------------------------------------------------------------------------------------


def link_of(desk: Desk, **over: object) -> tuple[PaymentLink, str]:
    issued = links.create(desk.db, actor=desk.actor, now=desk.now, **over)  # type: ignore[arg-type]
    desk.db.commit()
    return issued.row, issued.secret


def test_a_payer_goes_from_the_link_to_the_gateway_and_back(desk: Desk, app: Flask, client: FlaskClient) -> None:
    invoice = desk.invoice(customer=desk.customer(language="en", name="Budi Santoso"))
    desk.gateway("midtrans")
    link, token = link_of(desk, invoice_id=invoice.id)

    page = client.get(f"/pay/{token}")
    chosen = client.post(f"/pay/{token}", data={"gateway": desk.gateway("midtrans").id})
    order = desk.db.scalars(select(GatewayOrder)).one()
    desk.servers["midtrans"].pay(order.order_id, "qris")
    back = client.get(f"/pay/orders/{order.page_key}/finish?link={token}")

    assert (page.status_code, chosen.status_code, back.status_code) == (200, 200, 200)
    assert "Budi Santoso" in page.text
    assert "150" in page.text
    assert order.redirect_url is not None
    assert order.redirect_url in chosen.text
    assert "Paid. Thank you." in back.text
    assert desk.again(invoice).status == "paid"
    row = desk.again(link)
    assert (row.open_count, row.click_count, row.paid_at is not None) == (1, 1, True)
    assert "This is paid" in client.get(f"/pay/{token}").text


def test_whoever_comes_back_before_the_message_is_told_at_once(desk: Desk, client: FlaskClient) -> None:
    order = desk.order("stripe")
    before = client.get(f"/pay/orders/{order.page_key}/finish")
    desk.servers["stripe"].pay(order.order_id)
    soon = client.get(f"/pay/orders/{order.page_key}/finish")
    order.checked_at = desk.now - timedelta(minutes=1)
    desk.db.commit()
    later = client.get(f"/pay/orders/{order.page_key}/error")

    assert 'http-equiv="refresh"' in before.text
    assert desk.servers["stripe"].questions("/v1/checkout/sessions/") == 2
    assert 'http-equiv="refresh"' in soon.text
    assert 'http-equiv="refresh"' not in later.text
    assert desk.again(order).status == "paid"


def test_what_the_gateways_page_says_counts_for_nothing(desk: Desk, client: FlaskClient) -> None:
    order = desk.order()
    page = client.get(f"/pay/orders/{order.page_key}/finish?transaction_status=settlement&status_code=200")

    assert "Paid" not in re.sub(r"<title>.*</title>", "", page.text)
    assert desk.again(order).status == "pending"


@pytest.mark.parametrize(("language", "words"), [("en", "How would you like to pay?"), ("id", None)])
def test_the_page_speaks_the_customers_language(
    desk: Desk, client: FlaskClient, language: str, words: str | None
) -> None:
    invoice = desk.invoice(customer=desk.customer(language=language))
    desk.gateway("midtrans")
    _, token = link_of(desk, invoice_id=invoice.id)

    page = client.get(f"/pay/{token}", headers={"Accept-Language": "fr"})

    assert f'<html lang="{language}"' in page.text
    assert words is None or words in page.text


def test_a_page_shows_nothing_else_of_the_customer_and_is_kept_by_nobody(desk: Desk, client: FlaskClient) -> None:
    customer = desk.customer(phone="+628123456789", email="budi@example.net", address="Jalan Melati 5")
    desk.gateway("midtrans")
    _, token = link_of(desk, invoice_id=desk.invoice(customer=customer).id)

    page = client.get(f"/pay/{token}")

    for private in ("+628123456789", "budi@example.net", "Jalan Melati", customer.customer_code):
        assert private not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"


@pytest.mark.parametrize("path", ["/pay/x", "/pay/" + "A" * 43, "/pay/orders/x/finish", "/pay/orders/x/other"])
def test_a_guessed_address_is_not_there(desk: Desk, client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_over_a_link_that_has_ended_nothing_can_be_begun(desk: Desk, client: FlaskClient) -> None:
    link, token = link_of(desk, invoice_id=desk.invoice().id)
    gateway = desk.gateway("midtrans")
    links.withdraw(desk.db, actor=desk.actor, now=desk.now, link_id=link.id)
    desk.db.commit()

    assert client.get(f"/pay/{token}").status_code == 410
    assert client.post(f"/pay/{token}", data={"gateway": gateway.id}).status_code == 303
    assert desk.db.scalar(select(func.count()).select_from(GatewayOrder)) == 0


def test_a_gateway_that_is_away_is_said_on_the_page_and_another_can_be_chosen(desk: Desk, client: FlaskClient) -> None:
    desk.gateway("midtrans")
    transfer = desk.gateway("transfer")
    _, token = link_of(desk, invoice_id=desk.invoice(customer=desk.customer(language="en")).id)
    desk.servers["midtrans"].bad_day.errors = -1

    failed = client.post(f"/pay/{token}", data={"gateway": desk.gateway("midtrans").id})
    chosen = client.post(f"/pay/{token}", data={"gateway": transfer.id}, follow_redirects=True)

    assert failed.status_code == 409
    assert "How would you like to pay?" in failed.text
    assert "1234567890" in chosen.text


def test_an_account_that_was_removed_is_offered_to_nobody_and_still_heard(desk: Desk, client: FlaskClient) -> None:
    invoice = desk.invoice()
    order = desk.order("midtrans", invoice)
    _, token = link_of(desk, invoice_id=invoice.id)
    accounts.remove(desk.db, actor=desk.actor, now=desk.now, gateway_id=order.gateway_id)
    desk.db.commit()

    assert order.gateway.name not in client.get(f"/pay/{token}").text
    assert tell(client, desk, "midtrans", desk.pay(order).body) == 200
    assert desk.again(invoice).status == "paid"
