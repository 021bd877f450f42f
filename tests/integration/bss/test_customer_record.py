"""A customer's record: every field, contacts in one spelling, families, recommendations, and no lost edit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bss import customers, provider, subscriptions
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, StaleVersion, TooMany
from db.engine import make_engine
from db.models import AuditLog, Customer, Subscription, Tenant
from factories import make_customer, make_plan, make_subscription

pytestmark = pytest.mark.usefixtures("keys_file")
WHOLE: dict[str, Any] = {
    "name": "John Doe",
    "phone": "0812345678",
    "email": "John@Example.net",
    "address": "Jl. Melati 5",
    "apartment_number": "B-12",
    "house_number": "5",
    "city": "Bandung",
    "province": "Jawa Barat",
    "postal_code": "40111",
    "location": "behind the mosque",
    "latitude": Decimal("-6.20880000"),
    "longitude": Decimal("106.84560000"),
    "birth_date": date(1990, 2, 28),
    "gender": "male",
    "id_card_number": "3273012345670001",
    "company_name": "PT Maju",
    "tax_id": "01.234.567.8-901.000",
    "customer_type": "business",
    "metadata": {"pole": "A-17", "floors": 2},
}


def test_every_field_of_the_record_is_kept(db: Session, actor: Actor, now: datetime) -> None:
    customer = customers.create(db, actor=actor, now=now, **WHOLE)
    db.commit()
    db.expire_all()

    kept = {name: getattr(customer, {"metadata": "details"}.get(name, name)) for name in WHOLE}
    assert kept == WHOLE | {"phone": "+62812345678", "email": "John@example.net"}
    assert (customer.country, customer.status, customer.created_by_name) == ("Indonesia", "prospect", "test")
    assert customer.customer_code == f"CUST-{customer.registration_date:%Y%m}0001"


def test_the_number_of_the_identity_card_is_in_no_table_and_no_log(db: Session, actor: Actor, now: datetime) -> None:
    customer = customers.create(db, actor=actor, now=now, **WHOLE)
    changes = {"id_card_number": "3273019999990001"}
    customers.edit(db, actor=actor, now=now, customer_id=customer.id, changes=changes)
    db.commit()

    stored = db.execute(text("SELECT id_card_number_enc FROM customers")).scalar_one()
    logged = " ".join(str((row.old_values, row.new_values)) for row in db.scalars(select(AuditLog)))
    assert b"3273019999990001" not in bytes(stored)
    assert "32730" not in logged
    assert "(not shown)" in logged


@pytest.mark.parametrize("typed", ["0812345678", "+62812345678", "62812345678", "0062 812-345-678"])
def test_a_number_has_one_spelling_whatever_was_typed(db: Session, actor: Actor, now: datetime, typed: str) -> None:
    customer = customers.create(db, actor=actor, now=now, name="Budi", whatsapp=typed)

    assert customer.whatsapp == "+62812345678"
    with pytest.raises(Conflict, match="belongs to another customer"):
        customers.create(db, actor=actor, now=now, name="Ani", whatsapp="0812345678")


def test_without_a_whatsapp_number_it_is_the_phones(db: Session, actor: Actor, now: datetime) -> None:
    filled = customers.create(db, actor=actor, now=now, name="Budi", phone="0812345678")
    given = customers.create(db, actor=actor, now=now, name="Ani", phone="0812345679", whatsapp="0812345600")

    assert filled.whatsapp == "+62812345678"
    assert given.whatsapp == "+62812345600"


def test_a_provider_may_ask_for_a_whatsapp_number(db: Session, actor: Actor, now: datetime) -> None:
    provider.change(db, actor=actor, now=now, changes={"require_whatsapp": True})

    with pytest.raises(Invalid) as refusal:
        customers.create(db, actor=actor, now=now, name="Budi", email="b@example.net")
    head = customers.create(db, actor=actor, now=now, name="Budi", phone="0812345678")
    child = customers.create(db, actor=actor, now=now, name="Adik", parent_customer_id=head.id)

    assert refusal.value.problems[0].field == "whatsapp"
    assert (child.whatsapp, child.phone, child.email) == (None, None, None)
    with pytest.raises(Invalid):
        customers.edit(db, actor=actor, now=now, customer_id=head.id, changes={"whatsapp": None})


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"latitude": "91", "longitude": "1"}, "latitude"),
        ({"latitude": "1", "longitude": "-180.5"}, "longitude"),
        ({"latitude": "NaN", "longitude": "1"}, "latitude"),
        ({"latitude": "1"}, "longitude"),
        ({"birth_date": date(1899, 1, 1)}, "birth_date"),
        ({"birth_date": datetime.now(UTC).date() + timedelta(days=2)}, "birth_date"),
        ({"gender": "unknown"}, "gender"),
        ({"postal_code": "x" * 11}, "postal_code"),
        ({"metadata": {"x": "y" * 10_001}}, "metadata"),
        ({"metadata": ["a"]}, "metadata"),
        ({"status": "blacklisted"}, "status"),
        ({"referred_by": "NOBODY99"}, "referred_by"),
        ({"parent_customer_id": 2**40}, "parent_customer_id"),
        ({"operator_id": 2**40}, "operator_id"),
        ({"tags": ["x" * 51]}, "tags"),
    ],
)
def test_a_value_that_cannot_be_kept_is_named(
    db: Session, actor: Actor, now: datetime, over: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        customers.create(db, actor=actor, now=now, **{"name": "Budi"} | over)

    assert refusal.value.problems[0].field == field


def test_all_that_is_wrong_is_said_at_once(db: Session, actor: Actor, now: datetime) -> None:
    with pytest.raises(Invalid) as refusal:
        customers.create(db, actor=actor, now=now, name="", email="x", gender="y")

    assert {problem.field for problem in refusal.value.problems} == {"name", "email", "gender"}


def test_the_provider_says_which_state_and_code_a_customer_begins_with(
    db: Session, actor: Actor, now: datetime
) -> None:
    changes = {"default_customer_status": "active", "customer_code_prefix": "nusa"}
    provider.change(db, actor=actor, now=now, changes=changes)

    customer = customers.create(db, actor=actor, now=now, name="Budi")

    assert (customer.status, customer.customer_code[:5]) == ("active", "NUSA-")


def test_a_family_has_one_head(db: Session, actor: Actor, now: datetime) -> None:
    head, member, other = (make_customer(db, tenant_id=actor.tenant_id) for _ in range(3))
    join: dict[str, Any] = {"actor": actor, "now": now}
    customers.set_parent(db, **join, customer_id=member.id, parent_customer_id=head.id)

    with pytest.raises(Conflict, match="family itself"):
        customers.set_parent(db, **join, customer_id=other.id, parent_customer_id=member.id)
    with pytest.raises(Conflict, match="family of its own"):
        customers.set_parent(db, **join, customer_id=head.id, parent_customer_id=other.id)
    with pytest.raises(Invalid):
        customers.set_parent(db, **join, customer_id=other.id, parent_customer_id=other.id)
    customers.set_parent(db, **join, customer_id=member.id, parent_customer_id=None)
    assert member.parent_customer_id is None


def test_who_recommended_a_customer_is_kept_by_either_code(db: Session, actor: Actor, now: datetime) -> None:
    first = customers.create(db, actor=actor, now=now, name="Budi")
    assert first.referral_code is not None

    by_referral = customers.create(db, actor=actor, now=now, name="Ani", referred_by=first.referral_code.lower())
    by_customer = customers.create(db, actor=actor, now=now, name="Adi", referred_by=first.customer_code)

    assert by_referral.referred_by_id == by_customer.referred_by_id == first.id
    assert len({first.referral_code, by_referral.referral_code, by_customer.referral_code}) == 3


def test_programs_add_so_many_an_hour_and_people_as_many_as_they_like(
    db: Session, actor: Actor, tenant: Tenant, now: datetime
) -> None:
    provider.change(db, actor=actor, now=now, changes={"tokens_add_per_hour": 10})
    program = Actor(tenant_id=tenant.id, kind="token", name="billing")
    for number in range(10):
        customers.create(db, actor=program, now=now, name=f"Customer {number}")

    with pytest.raises(TooMany):
        customers.create(db, actor=program, now=now, name="The eleventh")
    customers.create(db, actor=actor, now=now, name="By hand")
    customers.create(db, actor=program, now=now + timedelta(hours=1, seconds=1), name="An hour later")


def test_a_deleted_customer_comes_back_with_suspended_subscriptions(db: Session, actor: Actor, now: datetime) -> None:
    customer = customers.create(db, actor=actor, now=now, name="Budi", phone="0812345678", status="active")
    issued = subscriptions.create(
        db, actor=actor, now=now, customer_id=customer.id, username="budi",
        service_plan_id=make_plan(db, tenant_id=actor.tenant_id).id, never_expires=True,
    )  # fmt: skip
    customers.delete(db, actor=actor, now=now, customer_id=customer.id)
    assert make_subscription(db, tenant_id=actor.tenant_id, username="budi", status="terminated")

    customers.restore(db, actor=actor, now=now, customer_id=customer.id)

    back = db.get_one(Subscription, issued.row.id)
    assert (customer.deleted_at, customer.status) == (None, "active")
    assert (back.deleted_at, back.status, back.suspend_reason) == (None, "suspended", "customer deleted")
    subscriptions.activate(db, actor=actor, now=now, subscription_id=back.id)
    with pytest.raises(NotFound):
        customers.restore(db, actor=actor, now=now, customer_id=customer.id)


def test_what_was_given_away_meanwhile_stops_a_restoration(db: Session, actor: Actor, now: datetime) -> None:
    first = customers.create(db, actor=actor, now=now, name="Budi", phone="0812345678")
    named = make_subscription(db, tenant_id=actor.tenant_id, username="ani")
    for customer_id in (first.id, named.customer_id):
        customers.delete(db, actor=actor, now=now, customer_id=customer_id)
    customers.create(db, actor=actor, now=now, name="Adi", phone="0812345678")
    make_subscription(db, tenant_id=actor.tenant_id, username="ani")
    db.commit()

    with pytest.raises(Conflict, match="belongs to another customer"):
        customers.restore(db, actor=actor, now=now, customer_id=first.id)
    db.rollback()
    with pytest.raises(Conflict, match="username was given"):
        customers.restore(db, actor=actor, now=now, customer_id=named.customer_id)


def test_edits_at_the_same_time_lose_nothing(db: Session, db_url: str, actor: Actor, now: datetime) -> None:
    """Each of eight threads adds its letter to the notes, loading again whenever somebody was quicker."""
    customer = make_customer(db, tenant_id=actor.tenant_id)
    db.commit()
    engine = make_engine(db_url, pool_size=8)

    def write(letter: str) -> int:
        refused = 0
        while True:
            with Session(engine) as session:
                seen = session.get_one(Customer, customer.id)
                changes = {"notes": seen.notes + letter}
                try:
                    customers.edit(
                        session, actor=actor, now=now, customer_id=seen.id, changes=changes, version=seen.version
                    )
                    session.commit()
                except StaleVersion:
                    refused += 1
                    continue
                return refused

    with ThreadPoolExecutor(8) as pool:
        refused = sum(pool.map(write, "abcdefgh" * 4))
    engine.dispose()

    db.refresh(customer)
    assert sorted(customer.notes) == sorted("abcdefgh" * 4)
    assert customer.version == 33
    assert refused > 0


def test_free_text_is_kept_as_given(db: Session, actor: Actor, now: datetime) -> None:
    notes = "<script>alert(1)</script> & 'quotes'\nsecond line"

    customer = customers.create(db, actor=actor, now=now, name=" <b>Budi</b> ", notes=notes)

    assert (customer.name, customer.notes) == ("<b>Budi</b>", notes)
