"""What one provider may never see of another, and what nobody may ever see."""

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from bss import expenses, invoices, payments
from bss.actor import Actor
from bss.gateways import accounts, links
from bss.permissions import PERMISSIONS
from db.models import (
    AuditLog,
    CustomerContact,
    CustomerEquipment,
    CustomerJob,
    CustomerTransfer,
    Family,
    GatewayOrder,
    Invoice,
    Operator,
    ParkedPayment,
    PlanRollout,
    Role,
    SessionChange,
    Tenant,
    User,
)
from domain.invoices import Line
from factories import make_customer, make_nas, make_plan, make_session, make_subscription, make_tenant, make_user
from webadmin.permissions import need_of

CANARY = "canary-7f3a9c"
BODIES = {
    "change-plan": {"service_plan_id": 1},
    "change-expiry": {"expires_at": None},
    "assign-ip": {"assigned_ip": None},
    "mac-binding": {"mac_binding": "fixed"},
    "macs": {"mac": "AA:BB:CC:DD:EE:FF"},
    "block": {"status": "disabled"},
    "quotas": {"quotas": []},
    "topups": {"amount_bytes": 5},
    "members": {"subscription_id": 1},
    "cancel": {"reason": "wrong"},
    "mark-paid": {"method": "cash"},
    "refund": {"reason": "wrong"},
    "void": {"reason": "wrong"},
    "balance": {"kind": "credit", "amount": "5.00", "description": "x"},
    "days": {"days": 1},
    "take-back": {"reason": "wrong"},
    "pdf": {"payment_link": "https://pay.example.net/x"},
    "payouts": {"amount": "5.00"},
    "recharge": {"kind": "days", "days": 1},
    "tags": {"tag": "VIP"},
    "contacts": {"type": "phone", "value": "0812345678"},
    "equipment": {"device_name": "ONT"},
    "transfer": {"to_operator_id": None},
    "plan-change": {"service_plan_id": 1},
    "copy": {"name": "Copy"},
    "hotspot-credentials": {"service_plan_id": 1},
    "anonymize": {"confirm": "CUST-1"},
    "erase": {"confirm": "CUST-1"},
}
# By the whole rule, where the last word alone does not tell which body is meant.
_NAS = "/api/v1/nas/<int:nas_id>"
_DAYS = {"period_start": "2026-12-01", "period_end": "2026-12-03"}
_SUSPEND = {"suspend_on": None}
BODIES_OF_RULE = {
    "/api/v1/subscriptions/<int:subscription_id>/bill": _DAYS,
    "/api/v1/subscriptions/<int:subscription_id>/bill/preview": _DAYS,
    "/api/v1/subscriptions/<int:subscription_id>/suspend-date/preview": _SUSPEND,
    "/api/v1/subscriptions/<int:subscription_id>/cancel": {},
    "/api/v1/parked-payments/<int:parked_id>/assign": {"customer_id": 1},
    "/api/v1/parked-payments/<int:parked_id>/give-back": {"note": "wrong"},
    "/api/v1/parked-payments/<int:parked_id>/take-back": {"note": "wrong"},
    "/api/v1/parked-payments/<int:parked_id>/dismiss": {"note": "wrong"},
    "/api/v1/payment-links/<int:link_id>/sent": {"channel": "sms"},
    f"{_NAS}/disconnect": {"username": "budi"},
    f"{_NAS}/trust-certificate": {"fingerprint": "9f" * 32},
    f"{_NAS}/secrets": {"username": "cctv-1"},
    f"{_NAS}/secrets/enable": {"username": "cctv-1"},
    f"{_NAS}/secrets/disable": {"username": "cctv-1"},
    f"{_NAS}/secrets/remove": {"username": "cctv-1"},
    f"{_NAS}/queues": {"name": "noc", "target": "10.20.0.5"},
    f"{_NAS}/queues/remove": {"name": "noc"},
    f"{_NAS}/address-lists": {"list": "isolir", "address": "10.20.0.5"},
    f"{_NAS}/address-lists/remove": {"list": "isolir", "address": "10.20.0.5"},
    f"{_NAS}/end-sessions": {"username": "cctv-1"},
    f"{_NAS}/forget-device": {"mac": "AA:BB:CC:DD:EE:01"},
}

NO_BODY = {"test-connection", "import", "disconnect", "deactivate", "reactivate", "lift-fup", "advance", "stop", "test"}
NO_BODY |= {"restore", "confirm", "check", "withdraw", "resend-speed", "password-link"}
NO_BODY |= {"issue", "pay-from-balance"}
# What takes a file.
FILES = {"photo", "id-card-picture"}
# What a change of such a row must say, by the last word of its address or the name of its id.
PATCHES: dict[str, dict[str, object]] = {
    "user_id": {"operator_id": None},
    "/roles": {"roles": ["viewer"]},
    "mac_id": {"status": "approved"},
    "invoice_id": {"due_date": "2026-11-30"},
}
# Of the installation, and no provider's.
NO_LISTS = {
    "/api/v1/me",
    "/api/v1/radius-server",
    "/api/v1/radius-server/health",
    "/api/v1/audit-logs/check",
    "/api/v1/attributes",
    "/api/v1/payment-gateways/kinds",
    "/api/v1/provider",
    "/api/v1/customers/statistics",
    "/api/v1/customers/export.csv",
    "/api/v1/customers/export.xlsx",
    "/api/v1/accounting/records",
    "/api/v1/accounting/silent-sessions",
    "/api/v1/metrics",
    "/api/v1/retention",
    "/api/v1/billing-rules",
    "/api/v1/jobs",
    "/api/v1/permissions",
    "/api/v1/webhooks/events",
    "/api/v1/dashboard/stats",
    "/api/v1/provider/letterhead",
    "/api/v1/books/trial-balance",
    "/api/v1/books/journal.csv",
    "/api/v1/books/journal.xlsx",
}
# Where the one who asks finds himself, and nobody else's rows.
WITH_OWN_ROWS = {"/api/v1/staff", "/api/v1/roles", "/api/v1/audit-logs"}
# What a list cannot be asked without.
QUESTIONS = {"/api/v1/address-holders": {"address": "100.64.0.10"}}
# What the test itself did is in the audit log.
MADE_HERE = ("api_tokens", "expenses", "invoices", "payments", "payment_gateways", "payment_links")


@pytest.fixture
def theirs(db: Session, keys_file: object) -> dict[str, object]:
    """Another provider with one of everything."""
    tenant = make_tenant(db)
    subscription = make_subscription(
        db, tenant=tenant, service_password=f"{CANARY}-pw", customer=make_customer(db, tenant=tenant, name="Hidden")
    )
    router = make_nas(db, tenant=tenant, radius_secret=f"{CANARY}-secret-0123456789")
    session = make_session(db, subscription, router)
    change = SessionChange(
        tenant_id=tenant.id,
        subscription_id=subscription.id,
        nas_server_id=router.id,
        acctuniqueid=session.acctuniqueid,
        acctsessionid=session.acctsessionid,
        username=subscription.username,
        kind="disconnect",
        reason="staff",
        requested_by="them",
        caused_at=session.acctstarttime,
    )
    family = Family(tenant_id=tenant.id, name="Hidden")
    rollout = PlanRollout(
        tenant_id=tenant.id, service_plan_id=subscription.service_plan_id, sessions=1, plan_before={}, plan_after={},
        requested_by="them", started_at=session.acctstarttime, stage=1,
    )  # fmt: skip
    customer_id = subscription.customer_id
    operator = Operator(tenant_id=tenant.id, name="Hidden", level=1, version=1)
    own = {"tenant_id": tenant.id, "customer_id": customer_id}
    contact = CustomerContact(**own, type="email", value="hidden@example.net")
    piece = CustomerEquipment(**own, device_name="Hidden")
    transfer = CustomerTransfer(**own, requested_by="them")
    job = CustomerJob(
        tenant_id=tenant.id, kind="bulk", action="suspend", total=1, requested_by="them",
        started_at=session.acctstarttime,
    )  # fmt: skip
    db.add_all([change, family, rollout, operator, contact, piece, transfer, job])
    db.flush()
    me = Actor.system(tenant_id=tenant.id, name="them")
    paid = {"customer_id": subscription.customer_id, "amount": 5000, "method": "cash"}
    payment = payments.receive(db, actor=me, now=session.acctstarttime, **paid).payment
    line = Line(item_type="other", description="Hidden", unit_price=Decimal(9000))
    draft = invoices.Draft(kind="manual", lines=[line])
    invoice = invoices.create(
        db, actor=me, now=session.acctstarttime, customer_id=subscription.customer_id, draft=draft
    ).row
    return {
        "customer_id": subscription.customer_id,
        "plan_id": subscription.service_plan_id,
        "subscription_id": subscription.id,
        "nas_id": router.id,
        "session_id": session.acctuniqueid,
        "change_id": change.id,
        "token_id": 1,
        "mac_id": 1,
        "family_id": family.id,
        "topup_id": 1,
        "rollout_id": rollout.id,
        "operator_id": operator.id,
        "contact_id": contact.id,
        "equipment_id": piece.id,
        "transfer_id": transfer.id,
        "job_id": job.id,
        "tag": "VIP",
        "user_id": make_user(db, tenant=tenant).id,
        "invoice_id": invoice.id,
        "payment_id": payment.id,
        "expense_id": expenses.record(
            db, actor=me, now=session.acctstarttime, category="Hidden", amount=9000, description=CANARY
        ).row.id,
        **paying_of(db, me, invoice),
    }


def paying_of(db: Session, me: Actor, invoice: Invoice) -> dict[str, object]:
    """An account at a gateway with an order, money that waits for a person, and a link."""
    now = invoice.created_at
    gateway = accounts.create(
        db, actor=me, now=now, kind="midtrans", name="Hidden", values={"server_key": f"SB-{CANARY}"}
    )
    owned = {"tenant_id": me.tenant_id, "gateway_id": gateway.id, "amount": 9000, "currency": "IDR"}
    order = GatewayOrder(
        **owned, order_id="HIDDEN-1", customer_id=invoice.customer_id, invoice_id=invoice.id, purpose="invoice",
        page_key="hidden", expires_at=now,
    )  # fmt: skip
    waiting = ParkedPayment(**owned, reason="unknown_order", transaction_id="hidden")
    db.add_all([order, waiting])
    link = links.create(db, actor=me, now=now, invoice_id=invoice.id).row
    return {"gateway_id": gateway.id, "order_row_id": order.id, "parked_id": waiting.id, "link_id": link.id}


def api_routes(app: Flask) -> list[tuple[str, str, set[str]]]:
    """Method, rule and arguments of every route of the API."""
    return [
        (method, rule.rule, rule.arguments)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.endpoint.startswith("api_docs")
        for method in sorted(rule.methods or set())
        if method in {"GET", "POST", "PATCH", "DELETE"}
    ]


def filled(rule: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        rule = rule.replace(f"<int:{name}>", str(value)).replace(f"<string:{name}>", str(value))
    return rule


def body_of(method: str, rule: str) -> dict[str, object] | None:
    if method == "PATCH" and rule.endswith("/family"):
        return {"parent_customer_id": None}
    if method == "PATCH" and rule.endswith("/suspend-date"):
        return dict(_SUSPEND)
    if method != "POST":
        return None
    return BODIES_OF_RULE.get(rule) or BODIES.get(rule.rsplit("/", 1)[-1])


def patch_of(rule: str, arguments: set[str]) -> dict[str, object]:
    last = f"/{rule.rsplit('/', 1)[-1]}"
    return PATCHES.get(last) or PATCHES.get(next((name for name in PATCHES if name in arguments), ""), {})


def test_every_address_of_another_providers_row_is_not_found(
    app: Flask, db: Session, client: FlaskClient, theirs: dict[str, object]
) -> None:
    db.commit()
    tried = 0

    for method, rule, arguments in api_routes(app):
        if not arguments or rule.endswith("/tokens/<int:token_id>") or rule.startswith("/api/v1/retention/"):
            continue
        last = rule.rsplit("/", 1)[-1]
        query = {"setup-script": {"server_address": "192.0.2.2"}, "plan-change": {"service_plan_id": 1}}.get(last)
        query = query if method == "GET" else None
        body = body_of(method, rule) or patch_of(rule, arguments)
        without_body = method in {"GET", "DELETE"} or (last in NO_BODY and rule not in BODIES_OF_RULE)
        sent: dict[str, Any] = {"json": None if without_body else body or {}}
        if method == "POST" and last in FILES:
            sent = {"data": {"file": (BytesIO(b"no picture"), "me.png")}}
        answer = client.open(filled(rule, theirs), method=method, query_string=query, **sent)
        tried += 1
        assert answer.status_code == 404, (method, rule, answer.json)

    assert tried > 30
    assert db.scalar(select(func.count()).select_from(AuditLog).where(AuditLog.entity_type.not_in(MADE_HERE))) == 0


def ids_of_others(db: Session, rule: str, mine: Tenant) -> set[int]:
    model: Any = {"staff": User, "roles": Role, "audit-logs": AuditLog}[rule.rsplit("/", 1)[-1]]
    return set(db.scalars(select(model.id).where(model.tenant_id != mine.id)))


def test_no_list_shows_another_providers_rows(
    app: Flask, db: Session, tenant: Tenant, client: FlaskClient, theirs: dict[str, object]
) -> None:
    db.commit()

    for method, rule, arguments in api_routes(app):
        if method == "GET" and not arguments and rule not in NO_LISTS and not rule.endswith("/tokens"):
            answer = client.get(rule, query_string=QUESTIONS.get(rule))
            if rule in WITH_OWN_ROWS:
                shown = {row["id"] for row in answer.json["items"]}
                assert not shown & ids_of_others(db, rule, tenant), rule
                continue
            assert answer.json["items"] == [], rule
            # What is too long to be counted says only whether there is more.
            assert answer.json.get("pagination", {"total_items": 0})["total_items"] == 0, rule


def test_a_reference_to_another_providers_row_does_not_exist(
    db: Session, tenant: Tenant, client: FlaskClient, theirs: dict[str, object]
) -> None:
    customer, plan = make_customer(db, tenant=tenant), make_plan(db, tenant=tenant)
    db.commit()
    good = {"customer_id": customer.id, "service_plan_id": plan.id, "username": "budi"}

    for field, foreign in (("customer_id", "customer_id"), ("service_plan_id", "plan_id"), ("nas_server_id", "nas_id")):
        answer = client.post("/api/v1/subscriptions", json=good | {field: theirs[foreign]})

        assert answer.status_code == 422, answer.json
        assert answer.json["errors"][0]["field"] == field


def test_one_cannot_end_anothers_token(
    db: Session, tenant: Tenant, client: FlaskClient, client_of: Callable[..., FlaskClient]
) -> None:
    colleague = client_of(make_user(db, tenant=tenant, permissions=["view_plans"]))
    token_id = colleague.get("/api/v1/me").json["token"]["id"]

    assert client.delete(f"/api/v1/tokens/{token_id}").status_code == 404
    assert colleague.get("/api/v1/me").status_code == 200


def test_no_answer_ever_holds_a_secret(
    app: Flask, db: Session, tenant: Tenant, admin: User, client: FlaskClient
) -> None:
    admin.password = f"{CANARY}-hash"
    subscription = make_subscription(db, tenant=tenant, service_password=f"{CANARY}-pw")
    router = make_nas(db, tenant=tenant, radius_secret=f"{CANARY}-secret-0123456789")
    session = make_session(db, subscription, router)
    db.commit()
    mine = {
        "customer_id": subscription.customer_id,
        "plan_id": subscription.service_plan_id,
        "subscription_id": subscription.id,
        "nas_id": router.id,
        "session_id": session.acctuniqueid,
        "change_id": 1,
        "token_id": 1,
        "mac_id": 1,
    }

    for method, rule, _ in sorted(api_routes(app), reverse=True):
        last = rule.rsplit("/", 1)[-1]
        if last in {"change-secret", "change-password", "setup-script"} or method == "DELETE":
            continue
        answer = client.open(filled(rule, mine), method=method, json=body_of(method, rule))
        for part in parts_of(answer):
            assert CANARY.encode() not in part, (method, rule)
            assert b"argon2" not in part, (method, rule)


def parts_of(answer: TestResponse) -> list[bytes]:
    """What there is to read in an answer; a workbook is a zip archive, whose bytes would hide everything."""
    if not answer.data.startswith(b"PK"):
        return [answer.data]
    with ZipFile(BytesIO(answer.data)) as workbook:
        return [workbook.read(name) for name in workbook.namelist()]


def test_each_permission_opens_something(app: Flask) -> None:
    used = {need_of(app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules()}
    asked_inside = {"edit_time_limit"}
    # These open screens that come with later parts of the product.
    later = {"view_reports"}

    assert set(PERMISSIONS) - used - asked_inside - later == set()
