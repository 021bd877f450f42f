"""A customer's own data handed out, made anonymous, erased, and forgotten by themselves after a time."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, inspect, select, text
from sqlalchemy.orm import Session

from bss import audit_chain, customers, invoices, payments, personal_data, pictures, provider
from bss.actor import Actor
from bss.customers import contacts, equipment, tags
from bss.failure import Conflict, Invalid, NotFound
from db.engine import psycopg_of
from db.models import AuditLog, Customer, Invoice, NasServer, Payment, RadAcct, Subscription
from factories import make_customer, make_session, make_subscription, make_tenant
from integration.api.test_customer_pictures import picture

pytestmark = pytest.mark.usefixtures("keys_file")
SECRETS = (
    "Budi",
    "budi@",
    "Jalan Mawar",
    "3273012345670001",
    "aa:bb:cc",
    "AA:BB:CC",
    "10.9.8.7",
    "Tetangga",
    "8123456",
)


@pytest.fixture
def customer(db: Session, actor: Actor, now: datetime) -> Customer:
    """A customer with something in every place, whose sessions are over."""
    given = {"phone": "08123456789", "email": "budi@example.net", "address": "Jalan Mawar 1", "city": "Bandung"}
    row = customers.create(db, actor=actor, now=now, name="Budi Santoso", id_card_number="3273012345670001", **given)  # type: ignore[arg-type]
    of: dict[str, Any] = {"actor": actor, "now": now, "customer_id": row.id}
    tags.add(db, **of, tag="Tetangga")
    contacts.add(db, **of, kind="phone", value="08123456111")
    equipment.add(db, **of, device_name="Router Budi", mac_address="aa:bb:cc:00:11:22")
    pictures.put(db, **of, kind="photo", upload=picture())
    return row


@pytest.fixture
def subscription(db: Session, actor: Actor, customer: Customer) -> Subscription:
    return make_subscription(
        db, tenant_id=actor.tenant_id, customer_id=customer.id, username="budi@rumah", notes="Budi's", status="active"
    )


def seen(db: Session, subscription: Subscription, router: NasServer, now: datetime) -> None:
    """One session that is over, and a login with its receipt."""
    make_session(
        db, subscription, router, acctstoptime=now, callingstationid="AA:BB:CC:00:11:22", framedipaddress="10.9.8.7"
    )
    db.execute(
        text("INSERT INTO decision_receipts (id, tenant_id, body, last_used_on) VALUES ('r1', :t, :b, now()::date);"),
        {"t": subscription.tenant_id, "b": json.dumps({"profile": {"username": "budi@rumah"}})},
    )
    db.execute(
        text(
            "INSERT INTO access_log (decided_at, tenant_id, subscription_id, nas_server_id, username, callingstationid,"
            " service, result, reason, decision_id, details, receipt_id) VALUES (:n, :t, :s, :r, 'budi@rumah',"
            " 'AA:BB:CC:00:11:22', 'pppoe', 'accept', 'accepted', 'd1', '{\"mac\": \"AA:BB:CC:00:11:22\"}', 'r1')"
        ),
        {"n": now, "t": subscription.tenant_id, "s": subscription.id, "r": router.id},
    )


def bill(db: Session, actor: Actor, now: datetime, customer: Customer, *, is_paid: bool) -> None:
    given: dict[str, Any] = {"actor": actor, "now": now}
    line = invoices.line_of({"description": "Modem", "unit_price": "100000"})
    draft = invoices.Draft(kind="one_off", lines=[line], notes="for Budi")
    row = invoices.create(db, **given, customer_id=customer.id, draft=draft).row
    if is_paid:
        paid: dict[str, Any] = {"amount": row.total, "method": "cash", "invoice_id": row.id, "note": "Budi paid"}
        payments.receive(db, **given, customer_id=customer.id, **paid)


def everything(db: Session) -> str:
    """All that stands in the database, in one text, without what nobody wrote about him."""
    db.flush()
    tables = inspect(db.connection()).get_table_names()
    left = [name for name in tables if name not in ("alembic_version", "tenants", "users")]
    return "\n".join(
        str(row[0]) for name in left for row in db.execute(text(f'SELECT to_jsonb(t)::text FROM "{name}" t'))
    )


def test_everything_about_a_customer_is_handed_out_without_secrets(
    db: Session, actor: Actor, now: datetime, customer: Customer, subscription: Subscription, router: NasServer
) -> None:
    seen(db, subscription, router, now)
    bill(db, actor, now, customer, is_paid=True)

    told = personal_data.export(db, actor=actor, now=now, customer_id=customer.id)

    assert json.loads(json.dumps(told)) == told
    assert (told["customer"]["name"], told["customer"]["id_card_number"]) == ("Budi Santoso", "3273012345670001")
    counts = {name: len(rows) for name, rows in told.items() if isinstance(rows, list)}
    assert counts | {"activity": 0, "balance_history": 0} == counts | {
        "contacts": 1, "tags": 1, "equipment": 1, "pictures": 1, "subscriptions": 1, "invoices": 1, "invoice_items": 1,
        "payments": 1, "sessions": 1, "logins": 1, "tickets": 0, "left_off": 0, "activity": 0, "balance_history": 0,
    }  # fmt: skip
    assert told["sessions"][0]["callingstationid"] == "AA:BB:CC:00:11:22"
    assert told["exported_at"] == now.isoformat()
    assert subscription.service_password not in json.dumps(told)
    assert "_enc" not in json.dumps(told)
    assert "customer.data_exported" in set(db.scalars(select(AuditLog.action)))


def test_nothing_of_an_anonymous_customer_is_left_in_any_table_and_the_books_stand(
    db: Session, actor: Actor, now: datetime, customer: Customer, subscription: Subscription, router: NasServer
) -> None:
    seen(db, subscription, router, now)
    bill(db, actor, now, customer, is_paid=True)
    assert all(secret in everything(db) for secret in ("Budi", "Jalan Mawar", "AA:BB:CC", "10.9.8.7", "Tetangga"))

    done = personal_data.anonymize(
        db, actor=actor, now=now, customer_id=customer.id, confirm=customer.customer_code.lower()
    )

    left = everything(db)
    assert [secret for secret in SECRETS if secret in left] == []
    assert done.ending == "anonymous"
    assert (customer.name, customer.status, customer.whatsapp) == (
        "Anonymous Customer", "inactive", f"+628{customer.id:09d}",
    )  # fmt: skip
    assert customer.anonymized_at == now
    assert customer.notes.startswith("Made anonymous on ")
    assert (subscription.username, subscription.status) == (f"anonymous-{subscription.id}", "terminated")
    assert [row.total for row in db.scalars(select(Invoice))] == [row.amount for row in db.scalars(select(Payment))]
    assert db.scalar(select(func.sum(RadAcct.acctoutputoctets))) is not None
    actions = [row.action for row in db.scalars(select(AuditLog).where(AuditLog.customer_id == customer.id))]
    assert {"customer.created", "customer.anonymized"} <= set(actions)


def test_a_second_time_changes_nothing(db: Session, actor: Actor, now: datetime, customer: Customer) -> None:
    of: dict[str, Any] = {"actor": actor, "customer_id": customer.id, "confirm": customer.customer_code}
    personal_data.anonymize(db, now=now, **of)
    before = everything(db)

    personal_data.anonymize(db, now=now + timedelta(days=1), **of)

    assert everything(db) == before


def test_two_anonymous_customers_never_have_the_same_number(
    db: Session, actor: Actor, now: datetime, customer: Customer
) -> None:
    make_customer(db, tenant_id=actor.tenant_id, whatsapp=f"+628{customer.id:09d}")

    personal_data.anonymize(db, actor=actor, now=now, customer_id=customer.id, confirm=customer.customer_code)

    assert customer.whatsapp == f"+628{customer.id + 10**9}"


def test_who_owes_is_needed_unless_somebody_says_otherwise(
    db: Session, actor: Actor, now: datetime, customer: Customer
) -> None:
    bill(db, actor, now, customer, is_paid=False)
    of: dict[str, Any] = {"actor": actor, "now": now, "customer_id": customer.id, "confirm": customer.customer_code}

    with pytest.raises(Conflict):
        personal_data.anonymize(db, **of)
    assert customer.name == "Budi Santoso"
    assert personal_data.anonymize(db, **of, with_open_money=True).ending == "anonymous"


def test_a_running_session_and_a_wrong_code_stop_it(
    db: Session, actor: Actor, now: datetime, customer: Customer, subscription: Subscription, router: NasServer
) -> None:
    make_session(db, subscription, router)
    of: dict[str, Any] = {"actor": actor, "now": now, "customer_id": customer.id}

    with pytest.raises(Invalid):
        personal_data.anonymize(db, **of, confirm="CUST-1")
    with pytest.raises(Conflict):
        personal_data.anonymize(db, **of, confirm=customer.customer_code)
    foreign = make_customer(db, tenant=make_tenant(db))
    with pytest.raises(NotFound):
        personal_data.erase(db, actor=actor, now=now, customer_id=foreign.id, confirm=foreign.customer_code)


def test_who_never_had_a_bill_is_erased_without_a_trace(
    db: Session, actor: Actor, now: datetime, customer: Customer, subscription: Subscription, router: NasServer
) -> None:
    seen(db, subscription, router, now)
    customer_id = customer.id

    done = personal_data.erase(db, actor=actor, now=now, customer_id=customer_id, confirm=customer.customer_code)

    assert (done.ending, done.customer_id) == ("erased", customer_id)
    for model in (Customer, Subscription, RadAcct):
        assert db.scalars(select(model)).all() == []
    assert "customer.erased" in set(db.scalars(select(AuditLog.action)))


def test_of_who_had_bills_a_nameless_stub_stays_behind_them(
    db: Session, actor: Actor, now: datetime, customer: Customer, subscription: Subscription, router: NasServer
) -> None:
    seen(db, subscription, router, now)
    bill(db, actor, now, customer, is_paid=True)
    customer_id = customer.id

    personal_data.erase(db, actor=actor, now=now, customer_id=customer_id, confirm=customer.customer_code)

    stub = db.scalars(select(Customer)).one()
    assert (stub.name, stub.deleted_at) == ("Anonymous Customer", now)
    assert db.scalars(select(Invoice.customer_id)).all() == [customer_id]
    assert db.scalars(select(RadAcct)).all() == []
    assert db.scalars(select(Subscription)).all() == []


@pytest.mark.parametrize("ending", ["anonymous", "erased"])
def test_deleted_customers_are_forgotten_when_their_time_is_over(
    db: Session, actor: Actor, now: datetime, customer: Customer, ending: str
) -> None:
    owing = make_customer(db, tenant_id=actor.tenant_id)
    bill(db, actor, now, owing, is_paid=False)
    provider.change(
        db, actor=actor, now=now, changes={"forget_deleted_after_days": 30, "deleted_customers_become": ending}
    )
    for row in (customer, owing):
        customers.delete(db, actor=actor, now=now, customer_id=row.id)
    code, left = customer.customer_code, owing.customer_code

    assert personal_data.due(db, actor=actor, now=now + timedelta(days=29)) == []
    later = now + timedelta(days=31)
    assert [row[1] for row in personal_data.due(db, actor=actor, now=later)] == [code, left]
    told = dict(personal_data.forget_due(db, actor=actor, now=later))

    assert told[code] is None
    assert "money is open" in (told[left] or "")
    names = set(db.scalars(select(Customer.name)))
    assert ("Budi Santoso" in names, "Anonymous Customer" in names) == (False, ending == "anonymous")


def test_without_the_setting_nobody_is_forgotten(db: Session, actor: Actor, now: datetime, customer: Customer) -> None:
    provider.change(db, actor=actor, now=now, changes={"forget_deleted_after_days": None})
    customers.delete(db, actor=actor, now=now, customer_id=customer.id)

    assert personal_data.due(db, actor=actor, now=now + timedelta(days=4000)) == []


def test_the_audit_log_lets_nothing_be_changed_but_its_values(
    db: Session, actor: Actor, now: datetime, customer: Customer
) -> None:
    for statement in (
        "UPDATE audit_logs SET new_values = NULL",
        "SET LOCAL lintas.forgetting = 'on'; UPDATE audit_logs SET actor_name = 'nobody'",
        "SET LOCAL lintas.forgetting = 'on'; DELETE FROM audit_logs",
    ):
        with pytest.raises(Exception, match="audit_logs"), db.begin_nested():
            db.execute(text(statement))


def test_the_chain_over_the_audit_log_still_holds_when_somebody_is_forgotten_and_nothing_can_hide_behind_it(
    db: Session, actor: Actor, now: datetime, customer: Customer
) -> None:
    db.flush()
    connection, key = psycopg_of(db), b"key"
    while audit_chain.seal_portion(connection, key=key, now=now):
        pass
    personal_data.anonymize(db, actor=actor, now=now, customer_id=customer.id, confirm=customer.customer_code)
    while audit_chain.seal_portion(connection, key=key, now=now):
        pass

    assert audit_chain.verify(connection, key=key, now=now).findings == ()
    db.execute(text("SET LOCAL lintas.forgetting = 'on'"))
    db.execute(text('UPDATE audit_logs SET new_values = new_values || \'{"name": "Somebody"}\''))
    assert {finding.kind for finding in audit_chain.verify(connection, key=key, now=now).findings} == {"changed"}
