"""Customers who are added in the background: once, whole or not at all, and tried again when it was nobody's fault."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bss import accounts, operators, registrations
from bss.actor import Actor
from bss.customers import tasks
from bss.failure import Conflict, Invalid
from db.models import AuditLog, Customer, CustomerRegistration, Subscription, Tenant
from factories import make_customer, make_plan
from runtime.settings import Settings

pytestmark = pytest.mark.usefixtures("keys_file")
Ask = Callable[..., CustomerRegistration]


@pytest.fixture
def ask(db: Session, actor: Actor) -> Ask:
    def make(name: str = "Budi", *, by: Actor = actor, key: str | None = None, **asked: Any) -> CustomerRegistration:
        customer = {"name": name} | asked.pop("customer", {})
        row = registrations.ask(
            db, actor=by, now=datetime.now(UTC), asked={"customer": customer, **asked}, request_key=key
        )
        db.commit()
        return row

    return make


def run_job(db: Session) -> int:
    done = tasks.add_registered()["tried"]
    db.expire_all()
    return done


def test_a_customer_is_added_with_all_that_was_asked_for_and_the_password_is_forgotten(
    db: Session, settings: Settings, tenant: Tenant, ask: Ask
) -> None:
    plan = make_plan(db, tenant=tenant)
    service = {
        "username": "budi", "password": "rahasia-9", "service_plan_id": plan.id,
        "expires_at": datetime(2027, 1, 31, tzinfo=UTC),
    }  # fmt: skip
    given = {"birth_date": date(1990, 2, 28), "tags": ["VIP"], "latitude": -6.2, "longitude": 106.8}
    row = ask(customer=given, subscription=service, initial_balance=Decimal("-150000.00"), device_name="ONT")
    kept = db.execute(text("SELECT asked_enc FROM customer_registrations")).scalar_one()

    assert (run_job(db), run_job(db)) == (1, 0)

    customer, subscription = db.get_one(Customer, row.customer_id), db.scalars(select(Subscription)).one()
    assert (row.state, row.tries, row.problem) == ("done", 1, "")
    assert (customer.name, str(customer.birth_date), customer.balance) == ("Budi", "1990-02-28", -150000)
    assert (subscription.username, subscription.service_password) == ("budi", "rahasia-9")
    assert subscription.expires_at == service["expires_at"]
    assert b"rahasia" not in bytes(kept)
    assert db.execute(text("SELECT asked_enc FROM customer_registrations")).scalar_one() is None
    assert "rahasia" not in str([(one.old_values, one.new_values) for one in db.scalars(select(AuditLog))])


def test_what_a_use_case_refuses_is_over_at_once_with_its_reason(
    db: Session, settings: Settings, tenant: Tenant, ask: Ask
) -> None:
    make_customer(db, tenant=tenant, whatsapp="+62812345678")
    row = ask(customer={"whatsapp": "0812345678"})

    run_job(db)

    assert (row.state, row.tries, row.customer_id) == ("failed", 1, None)
    assert "whatsapp" in row.problem
    assert db.scalars(select(Customer.name).where(Customer.name == "Budi")).all() == []


def test_a_fault_of_the_system_is_tried_again_after_30_60_and_120_seconds_and_then_told(
    db: Session, settings: Settings, actor: Actor, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("SELECT 1", {}, Exception("the server closed the connection"))

    row, waits = ask(), []
    with monkeypatch.context() as patched:
        patched.setattr(accounts, "create", fail)
        for _ in range(4):
            row.next_try_at = datetime.now(UTC) - timedelta(seconds=1)
            db.commit()
            begun = datetime.now(UTC)
            assert run_job(db) == 1
            waits.append((row.next_try_at - begun).total_seconds() if row.state == "waiting" else 0)

    # A machine that is busy takes its time between two looks at the clock.
    assert waits == [pytest.approx(pause, abs=15) for pause in (30, 60, 120, 0)]
    assert (row.state, row.tries, row.problem) == ("failed", 4, "an error of the system: OperationalError")

    registrations.repeat(db, actor=actor, now=datetime.now(UTC), registration_id=row.id)
    db.commit()
    run_job(db)
    assert (row.state, row.tries, row.problem) == ("done", 1, "")
    with pytest.raises(Conflict, match="it is done"):
        registrations.repeat(db, actor=actor, now=datetime.now(UTC), registration_id=row.id)


def test_after_an_outage_he_is_added_once(
    db: Session, settings: Settings, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crash comes after everything was written and before it was committed."""
    row = ask()
    crashes = [True]

    @event.listens_for(Session, "before_commit")
    def crash(session: Session) -> None:
        if crashes and session.scalars(select(Customer.id)).all():
            crashes.pop()
            raise OperationalError("COMMIT", {}, Exception("gone"))

    try:
        run_job(db)
    finally:
        event.remove(Session, "before_commit", crash)
    assert db.scalars(select(Customer)).all() == []
    row.next_try_at = datetime.now(UTC) - timedelta(seconds=1)
    db.commit()

    run_job(db)

    assert (row.state, row.tries) == ("done", 2)
    assert len(db.scalars(select(Customer)).all()) == 1


def test_the_same_key_is_the_same_registration(db: Session, settings: Settings, ask: Ask) -> None:
    first, again, other = ask(key="k1"), ask(key="k1"), ask("Ani", key="k2")

    assert (first.id == again.id, first.id == other.id) == (True, False)
    assert run_job(db) == 2
    assert ask(key="k1").state == "done"


def test_what_cannot_be_meant_is_refused_when_it_is_asked_for(ask: Ask) -> None:
    for bad in ({"name": ""}, {"nonsense": 1}):
        with pytest.raises(Invalid):
            ask(**({"name": "Budi"} | bad))
    with pytest.raises(Invalid, match="too much"):
        ask(customer={"notes": "x" * 70_000})


def test_an_operators_customer_is_the_operators(
    db: Session, settings: Settings, tenant: Tenant, actor: Actor, ask: Ask
) -> None:
    north = operators.create(db, actor=actor, now=datetime.now(UTC), name="North", level=10)
    staff = Actor(tenant_id=tenant.id, kind="user", name="Sari", operator_id=north.id)
    row = ask(by=staff)

    run_job(db)

    customer = db.get_one(Customer, row.customer_id)
    assert (row.state, customer.operator_id, customer.created_by_name) == ("done", north.id, "Sari")


def test_what_was_over_long_ago_is_forgotten_by_night(db: Session, settings: Settings, ask: Ask) -> None:
    old, new = ask(), ask("Ani")
    run_job(db)
    old.finished_at = datetime.now(UTC) - registrations.KEPT - timedelta(hours=1)
    db.commit()

    tasks.forget_customers()

    db.expire_all()
    assert db.scalars(select(CustomerRegistration.id)).all() == [new.id]
