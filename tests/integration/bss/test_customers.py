"""Customers: codes, contacts, blocks that reach the network, and the end of the relation."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import customers
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, StaleVersion
from db.engine import make_engine
from db.models import AuditLog, Customer, NasServer, SessionChange
from domain.lifecycle import IllegalMove
from factories import make_customer, make_session, make_subscription, make_tenant

pytestmark = pytest.mark.usefixtures("keys_file")


def test_a_customer_gets_a_code_of_the_tenants_month(db: Session, actor: Actor) -> None:
    # In Jakarta it is December already.
    now = datetime(2026, 11, 30, 17, 30, tzinfo=UTC)

    customer = customers.create(db, actor=actor, now=now, name=" Budi Santoso ", phone="0812-3456-789", email="B@x.org")

    assert customer.customer_code == "CUST-2026120001"
    assert (customer.name, customer.phone, customer.status) == ("Budi Santoso", "+628123456789", "prospect")
    assert str(customer.registration_date) == "2026-12-01"
    assert db.scalars(select(AuditLog.action)).all() == ["customer.created"]


def test_two_customers_do_not_share_a_phone_in_any_spelling(db: Session, actor: Actor, now: datetime) -> None:
    customers.create(db, actor=actor, now=now, name="First", phone="+62 812 3456 789")

    with pytest.raises(Conflict, match="belongs to another customer"):
        customers.create(db, actor=actor, now=now, name="Second", phone="0062 812-3456789")


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"email": "no address"}, "email"),
        ({"phone": "letters"}, "phone"),
        ({"customer_type": "alien"}, "customer_type"),
        ({"status": "suspended"}, "status"),
    ],
)
def test_a_bad_value_is_named(db: Session, actor: Actor, now: datetime, over: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        customers.create(db, actor=actor, now=now, **{"name": "Budi"} | over)

    assert refusal.value.problems[0].field == field


def test_suspending_a_customer_ends_every_session_and_keeps_the_subscriptions_states(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id)
    owned = [make_subscription(db, customer=customer) for _ in range(2)]
    for subscription in owned:
        make_session(db, subscription, router)

    changed = customers.suspend(db, actor=actor, now=now, customer_id=customer.id, reason="overdue")

    assert (customer.status, customer.suspend_reason) == ("suspended", "overdue")
    assert [row.status for row in owned] == ["active", "active"]
    assert changed.effect.sessions == 2
    assert set(db.scalars(select(SessionChange.reason))) == {"customer_blocked"}


def test_activating_can_bring_suspended_subscriptions_back(db: Session, actor: Actor, now: datetime) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id, status="suspended")
    kept = make_subscription(db, customer=customer, status="disabled")
    back = make_subscription(db, customer=customer, status="suspended")

    customers.activate(db, actor=actor, now=now, customer_id=customer.id, with_subscriptions=True)

    assert (customer.status, back.status, kept.status) == ("active", "active", "disabled")


def test_terminating_ends_everything_and_frees_the_username(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id, username="budi")
    make_session(db, subscription, router)

    changed = customers.terminate(db, actor=actor, now=now, customer_id=subscription.customer_id)

    assert (subscription.status, subscription.customer.status) == ("terminated", "terminated")
    assert changed.effect.sessions == 1
    assert make_subscription(db, tenant_id=actor.tenant_id, username="budi").id != subscription.id


def test_a_deleted_customer_is_gone_and_his_phone_is_free(db: Session, actor: Actor, now: datetime) -> None:
    customer = customers.create(db, actor=actor, now=now, name="Budi", phone="08123456789")

    customers.delete(db, actor=actor, now=now, customer_id=customer.id)

    assert customers.create(db, actor=actor, now=now, name="Ani", phone="08123456789").id != customer.id
    with pytest.raises(NotFound):
        customers.edit(db, actor=actor, now=now, customer_id=customer.id, changes={"name": "x"})


def test_an_edit_is_kept_with_what_was_before(db: Session, actor: Actor, now: datetime) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id, city="Bandung")

    customers.edit(db, actor=actor, now=now, customer_id=customer.id, changes={"city": "Bogor", "name": customer.name})

    entry = db.scalars(select(AuditLog)).one()
    assert (entry.old_values, entry.new_values) == ({"city": "Bandung"}, {"city": "Bogor"})
    assert (entry.actor_name, entry.customer_id, entry.created_at) == ("test", customer.id, now)


def test_the_second_of_two_edits_of_one_version_is_refused(db: Session, actor: Actor, now: datetime) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id)
    seen = customer.version
    customers.edit(db, actor=actor, now=now, customer_id=customer.id, changes={"city": "Bogor"}, version=seen)

    with pytest.raises(StaleVersion):
        customers.edit(db, actor=actor, now=now, customer_id=customer.id, changes={"city": "Depok"}, version=seen)


def test_an_illegal_block_changes_nothing(db: Session, actor: Actor, now: datetime) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id, status="terminated")

    with pytest.raises(IllegalMove):
        customers.block(db, actor=actor, now=now, customer_id=customer.id, status="blacklisted")

    assert customer.status == "terminated"
    assert db.scalars(select(AuditLog)).all() == []


def test_another_tenants_customer_does_not_exist(db: Session, actor: Actor, now: datetime) -> None:
    foreign: Customer = make_customer(db, tenant=make_tenant(db))

    for use_case in (customers.suspend, customers.activate, customers.terminate, customers.delete):
        with pytest.raises(NotFound):
            use_case(db, actor=actor, now=now, customer_id=foreign.id)


def test_codes_given_out_at_the_same_time_are_different(db: Session, db_url: str, actor: Actor, now: datetime) -> None:
    db.commit()
    engine = make_engine(db_url, pool_size=4)

    def add(number: int) -> str:
        with Session(engine) as session:
            customer = customers.create(session, actor=actor, now=now, name=f"Customer {number}")
            session.commit()
            return customer.customer_code

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(add, range(20)))
    engine.dispose()

    assert sorted(int(code[-4:]) for code in codes) == list(range(1, 21))
