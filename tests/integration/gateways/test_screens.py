"""What staff and programs do with gateways: panel, API and command line over the same use-cases."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from bss import tokens
from bss.actor import Actor
from cli.main import root
from db.models import GatewayLog, GatewayOrder, PaymentGateway, PaymentLink, User
from factories import PASSWORD, make_user
from runtime.settings import Settings
from tests.integration.gateways.conftest import KEYS, Desk
from webadmin.app import create_app

ALL = ("view_customers", "view_money", "record_payments", "refund_payments", "manage_gateways", "manage_tokens")
CANARIES = [secret for keys in KEYS.values() for secret in keys.values() if "canary" in secret]
Client = Callable[..., FlaskClient]


@pytest.fixture
def app(desk: Desk, settings: Settings) -> Iterator[Flask]:
    application = create_app(settings, RATE_LIMITS_ENABLED=False, WTF_CSRF_ENABLED=False)
    yield application
    application.extensions["lintas_engine"].dispose()


def staff(desk: Desk, permissions: tuple[str, ...] = ALL) -> User:
    made = make_user(desk.db, tenant=desk.tenant, permissions=permissions, language="en")
    desk.db.commit()
    return made


@pytest.fixture
def panel(desk: Desk, app: Flask) -> FlaskClient:
    client = app.test_client()
    client.post("/login", data={"email": staff(desk).email, "password": PASSWORD})
    return client


class Api:
    """The API as a program with a token uses it."""

    def __init__(self, app: Flask, token: str) -> None:
        self._client, self._headers = app.test_client(), {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, status: int = 200, **arguments: Any) -> Any:
        answer = self._client.open(f"/api/v1{path}", method=method, headers=self._headers, **arguments)
        assert answer.status_code == status, answer.text
        return answer.get_json(silent=True)


@pytest.fixture
def api(desk: Desk, app: Flask) -> Api:
    owner = staff(desk)
    actor = Actor.of_user(owner)
    issued = tokens.create(
        desk.db, actor=actor, now=desk.now, user_id=owner.id, name="test", scopes=list(ALL), expires_at=None
    )
    desk.db.commit()
    return Api(app, issued.secret)


# --- the panel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["midtrans", "xendit", "mpesa", "stripe", "transfer"])
def test_an_account_is_entered_tested_and_its_keys_are_never_shown(desk: Desk, panel: FlaskClient, kind: str) -> None:
    made = panel.post(f"/settings/gateways/new/{kind}", data={**KEYS[kind], "name": f"My {kind}", "is_active": "y"})
    row = desk.db.scalars(select(PaymentGateway)).one()
    assert made.headers["Location"].endswith(f"/settings/gateways/{row.id}")
    panel.post(f"/settings/gateways/{row.id}/test")
    pages = [panel.get("/settings/gateways"), panel.get(f"/settings/gateways/{row.id}")]

    assert [page.status_code for page in pages] == [200, 200]
    assert not [secret for secret in CANARIES for page in pages if secret in page.text]
    desk.db.refresh(row)
    assert row.problem == ""
    assert (row.tested_at is None) == (kind == "transfer") or kind == "transfer"


def test_an_empty_key_keeps_the_one_that_is_there(desk: Desk, panel: FlaskClient) -> None:
    row = desk.gateway("midtrans")
    data = {"name": "Snap", "server_key": "", "merchant_id": "G2", "is_active": "y"}

    assert panel.post(f"/settings/gateways/{row.id}", data=data).status_code == 303

    desk.db.expire_all()
    assert desk.db.get_one(PaymentGateway, row.id).settings["merchant_id"] == "G2"
    assert panel.post(f"/settings/gateways/{row.id}/test").status_code == 303
    assert "answers and takes the keys" in panel.get("/settings/gateways").text


def test_a_key_of_the_sandbox_is_not_taken_for_real_payments(desk: Desk, panel: FlaskClient) -> None:
    data = {**KEYS["midtrans"], "name": "Snap", "is_active": "y", "is_production": "y"}
    answer = panel.post("/settings/gateways/new/midtrans", data=data)

    assert answer.status_code == 422
    assert "is a key of the sandbox" in answer.text.lower().replace("is a key", "is a key")
    assert not [secret for secret in CANARIES if secret in answer.text]


def test_a_wrong_key_is_said_by_the_test(desk: Desk, panel: FlaskClient) -> None:
    row = desk.gateway("midtrans")
    desk.servers["midtrans"].server_key = "another"
    panel.post(f"/settings/gateways/{row.id}/test")

    assert "does not accept the keys" in panel.get(f"/settings/gateways/{row.id}").text


def test_staff_make_a_link_and_see_what_becomes_of_it(desk: Desk, panel: FlaskClient) -> None:
    customer = desk.customer(phone="+628123456789", email="budi@example.net", language="id")
    invoice = desk.invoice(customer=customer)
    assert "No gateway yet" in panel.get(f"/customers/{customer.id}/payment-links").text
    desk.gateway("midtrans")

    made = panel.post(
        f"/customers/{customer.id}/payment-links", data={"what": "invoice", "invoice": invoice.id, "days": "10"}
    )
    link = desk.db.scalars(select(PaymentLink)).one()
    panel.post(f"/payment-links/{link.id}/sent", data={"channel": "whatsapp"})
    listed = panel.get(f"/customers/{customer.id}/payment-links")

    assert made.status_code == 200
    assert "wa.me/628123456789" in made.text
    assert "/pay/" in made.text
    assert "WhatsApp" in listed.text
    assert "can be paid" in listed.text
    assert panel.post(f"/payment-links/{link.id}/withdraw").status_code == 303
    assert "withdrawn" in panel.get(f"/customers/{customer.id}/payment-links").text


def test_an_order_is_looked_at_asked_about_and_given_back(desk: Desk, panel: FlaskClient) -> None:
    assert "No gateway yet" in panel.get("/online-payments").text
    order = desk.order()
    desk.servers["midtrans"].pay(order.order_id)

    panel.post(f"/online-payments/{order.id}/check")
    shown = panel.get(f"/online-payments/{order.id}")
    panel.post(f"/online-payments/{order.id}/refund", data={"reason": "moved away"})

    assert order.order_id in panel.get("/online-payments").text
    assert order.order_id in panel.get(f"/online-payments?q={order.order_id[:8]}&status=refunded").text
    assert "settlement" in shown.text
    assert desk.again(order).status == "refunded"
    assert not [secret for secret in CANARIES if secret in shown.text]


def test_a_transfer_is_confirmed_by_a_click(desk: Desk, panel: FlaskClient) -> None:
    invoice = desk.invoice()
    order = desk.order("transfer", invoice)
    assert "The transfer has arrived" in panel.get(f"/online-payments/{order.id}").text

    panel.post(f"/online-payments/{order.id}/confirm")

    assert desk.again(invoice).status == "paid"


def test_parked_money_is_booked_or_put_away_by_a_person(desk: Desk, panel: FlaskClient) -> None:
    assert "Nothing waits" in panel.get("/parked-money").text
    desk.gateway("midtrans")
    customer = desk.customer()
    for number in (1, 2):
        desk.servers["midtrans"].sold_elsewhere(f"SHOP-{number}", 75000)
        desk.hear("midtrans", desk.servers["midtrans"].notice(f"SHOP-{number}"))
    first, second = desk.parked()

    assert "2 payments wait for a person" in panel.get("/online-payments").text
    panel.post(f"/parked-money/{first.id}", data={"do": "assign", "customer": "nobody"})
    assert desk.again(first).status == "open"
    panel.post(f"/parked-money/{first.id}", data={"do": "assign", "customer": customer.customer_code})
    panel.post(f"/parked-money/{second.id}", data={"do": "dismiss", "note": "the shop's"})

    assert (desk.again(first).status, desk.again(second).status) == ("assigned", "dismissed")
    assert desk.balance(customer.id) == 75000
    assert "SHOP-2" in panel.get("/parked-money?status=dismissed").text


def test_who_may_only_look_changes_nothing(desk: Desk, app: Flask) -> None:
    client = app.test_client()
    client.post("/login", data={"email": staff(desk, ("view_customers", "view_money")).email, "password": PASSWORD})
    order = desk.order()

    assert client.get(f"/online-payments/{order.id}").status_code == 200
    for path in (
        "/settings/gateways", "/parked-money", f"/online-payments/{order.id}/cancel",
        f"/online-payments/{order.id}/refund", f"/customers/{order.customer_id}/payment-links",
    ):  # fmt: skip
        verb = client.get if path in ("/settings/gateways", "/parked-money") else client.post
        assert verb(path).status_code == 403, path


# --- the API ------------------------------------------------------------------------------------------------------


def test_a_program_enters_an_account_makes_a_link_and_follows_the_order(desk: Desk, api: Api) -> None:
    kinds = {kind["kind"]: kind for kind in api("GET", "/payment-gateways/kinds")["items"]}
    assert {field["name"] for field in kinds["midtrans"]["fields"]} == {"merchant_id", "client_key", "server_key"}
    row = api("POST", "/payment-gateways", 201, json={"kind": "midtrans", "values": KEYS["midtrans"]})
    assert api("POST", f"/payment-gateways/{row['id']}/test")["message"]
    invoice = desk.invoice()

    link = api("POST", "/payment-links", 201, json={"invoice_id": invoice.id})
    order = api("POST", "/payment-orders", 201, json={"gateway_id": row["id"], "invoice_id": invoice.id})
    desk.servers["midtrans"].pay(order["order_id"])
    checked = api("POST", f"/payment-orders/{order['id']}/check")

    assert link["url"].startswith("http")
    assert order["redirect_url"].startswith(desk.servers["midtrans"].url)
    assert (order["amount"], order["currency"]) == ("150000.00", "IDR")
    assert checked["order"]["status"] == "paid"
    assert api("GET", f"/payment-links?invoice_id={invoice.id}")["items"][0]["state"] == "paid"
    assert api("GET", "/payment-orders?status=paid")["pagination"]["total_items"] == 1
    log = api("GET", f"/payment-gateways/log?order_id={order['order_id']}")
    text = json.dumps([log, row, order, api("GET", "/payment-gateways")])
    assert not [secret for secret in CANARIES if secret in text]
    assert api("POST", f"/payment-orders/{order['id']}/refund", json={"reason": "x"})["order"]["status"] == "refunded"


def test_a_program_deals_with_parked_money(desk: Desk, api: Api) -> None:
    desk.gateway("midtrans")
    desk.servers["midtrans"].sold_elsewhere("SHOP-1", 75000)
    desk.hear("midtrans", desk.servers["midtrans"].notice("SHOP-1"))
    customer = desk.customer()

    (row,) = api("GET", "/parked-payments")["items"]
    assert (row["reason"], row["amount"]) == ("unknown_order", "75000.00")
    done = api("POST", f"/parked-payments/{row['id']}/assign", json={"customer_id": customer.id})

    assert done["parked_payment"]["status"] == "assigned"
    api("POST", f"/parked-payments/{row['id']}/dismiss", 409, json={"note": "x"})


def test_what_is_wrong_names_its_field(desk: Desk, api: Api) -> None:
    said = api("POST", "/payment-gateways", 422, json={"kind": "midtrans", "values": {"merchant_id": "G1"}})
    assert [error["field"] for error in said["errors"]] == ["server_key"]
    api("POST", "/payment-gateways", 422, json={"kind": "midtrans", "values": {"server_key": "a b\nc"}})
    api("POST", "/payment-gateways", 422, json={"kind": "paypal"})
    api("POST", "/payment-orders", 404, json={"gateway_id": 999, "invoice_id": 1})


# --- the command line ---------------------------------------------------------------------------------------------


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(root, ["--json", "payment", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_the_command_line_does_all_of_it(desk: Desk, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"server_key": KEYS["midtrans"]["server_key"]}))
    assert {row["kind"] for row in run("gateways", "kinds")} == set(KEYS)
    account = run("gateways", "add", "midtrans", "--set", "merchant_id=G1", "--keys-file", str(keys))
    assert account["mode"] == "sandbox"
    assert run("gateways", "test", "midtrans")["message"]
    invoice = desk.invoice()
    number = invoice.invoice_number or ""

    link = run("link", "create", "--invoice", number)
    order = run("orders", "create", "midtrans", "--invoice", number)
    desk.servers["midtrans"].pay(order["order_id"])
    assert run("reconcile", "--dry-run")["due"] == []
    done = run("reconcile", "--all")

    assert "/pay/" in link["url"]
    assert order["redirect_url"]
    assert (done["asked"], done["paid"]) == (1, 1)
    assert run("orders", "show", order["order_id"], "--log")["status"] == "paid"
    assert run("orders", "list", "--status", "paid")["total_items"] == 1
    assert run("link", "list", "--invoice", number)["items"][0]["state"] == "paid"
    assert run("parked", "list")["total_items"] == 0
    assert run("orders", "refund", order["order_id"], "--reason", "moved")["status"] == "refunded"
    assert run("gateways", "change", "midtrans", "--off")["is_active"] is False


def test_keys_are_never_taken_from_the_command_line(desk: Desk) -> None:
    done = CliRunner().invoke(root, ["payment", "gateways", "add", "midtrans", "--set", "server_key=SB-x"])

    assert done.exit_code == 2
    assert "is a key" in done.output


def test_the_job_asks_about_what_is_due(desk: Desk) -> None:
    order = desk.order()
    desk.servers["midtrans"].pay(order.order_id)
    order.next_check_at = desk.now
    desk.db.commit()

    rehearsed = CliRunner().invoke(root, ["jobs", "run", "bss.payment-reconcile", "--dry-run"])
    done = CliRunner().invoke(root, ["jobs", "run", "bss.payment-reconcile"], catch_exceptions=False)

    assert order.order_id in rehearsed.output
    assert done.exit_code == 0
    assert desk.again(order).status == "paid"
    assert desk.db.scalars(select(GatewayLog).where(GatewayLog.event == "status_check")).all()
    assert desk.db.scalars(select(GatewayOrder.next_check_at)).one() is None
