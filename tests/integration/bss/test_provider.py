"""Upper and lower case of usernames: one name or two, for all of a provider's subscriptions."""

from datetime import datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bss import payments, provider, subscriptions, vouchers
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from db.engine import psycopg_of
from db.models import AuditLog, RadReply, Subscription, Tenant, Voucher
from db.queries.accounting import subscriptions_by_name
from db.queries.named import subscription_named
from db.queries.vouchers import voucher_by_code
from domain.names import folded
from factories import make_customer, make_plan, make_subscription, make_tenant


def switch(db: Session, actor: Actor, now: datetime, *, ignore_case: bool = True) -> Tenant:
    return provider.set_usernames_ignore_case(db, actor=actor, now=now, ignore_case=ignore_case)


def names(db: Session) -> list[str]:
    return list(db.scalars(select(Subscription.username).order_by(Subscription.id)))


def test_every_name_is_stored_folded_with_what_hangs_on_it(
    db: Session, keys_file: object, actor: Actor, now: datetime, tenant: Tenant
) -> None:
    row = make_subscription(db, tenant_id=tenant.id, username="Budi@Rumah")
    make_subscription(db, tenant_id=tenant.id, username="AA:BB:CC:DD:EE:FF", connection_type="dhcp")
    db.add(RadReply(tenant_id=tenant.id, username="Budi@Rumah", attribute="Framed-Pool", op=":=", value="own"))
    plan = make_plan(db, tenant=tenant, connection_type="hotspot")
    vouchers.create(db, actor=actor, now=now, service_plan_id=plan.id, count=1, validity_s=None, prefix="HOT-")
    db.flush()

    changed = switch(db, actor, now)

    assert changed.usernames_ignore_case is True
    assert names(db)[:2] == ["budi@rumah", "AA:BB:CC:DD:EE:FF"]
    assert db.scalars(select(RadReply.username)).all() == ["budi@rumah"]
    code = db.scalars(select(Voucher.code)).one()
    assert (code, code) == (names(db)[2], code.lower())
    assert voucher_by_code(db, code.upper(), tenant_id=tenant.id) is not None
    found = subscription_named(db, "BUDI@RUMAH", tenant_id=tenant.id)
    assert found is not None
    assert found.id == row.id
    assert subscriptions_by_name(psycopg_of(db), [(tenant.id, "BUDI@rumah")]) == {(tenant.id, "BUDI@rumah"): row.id}
    assert db.scalars(select(AuditLog.action).where(AuditLog.entity_type == "tenants")).all() == ["tenant.updated"]


def test_a_new_name_in_another_spelling_is_taken(
    db: Session, keys_file: object, actor: Actor, now: datetime, tenant: Tenant
) -> None:
    switch(db, actor, now)
    customer, plan = make_customer(db, tenant=tenant), make_plan(db, tenant=tenant)

    def create(username: str) -> Subscription:
        return subscriptions.create(
            db, actor=actor, now=now, username=username, customer_id=customer.id, service_plan_id=plan.id
        ).row

    row = create("Siti")
    renamed = subscriptions.edit(db, actor=actor, now=now, subscription_id=row.id, changes={"username": "SITI2"})

    assert renamed.row.username == "siti2"
    with pytest.raises(Conflict, match="is taken"):
        create("Siti2")


def test_it_waits_until_no_two_names_are_alike(
    db: Session, keys_file: object, actor: Actor, now: datetime, tenant: Tenant
) -> None:
    make_subscription(db, tenant_id=tenant.id, username="budi")
    make_subscription(db, tenant_id=tenant.id, username="Budi")
    make_subscription(db, tenant_id=tenant.id, username="BUDI", status="terminated")

    with pytest.raises(Conflict, match="in two spellings, such as") as refused:
        switch(db, actor, now)

    assert refused.value.problems[0].field == "usernames_ignore_case"
    assert names(db) == ["budi", "Budi", "BUDI"]


def test_another_provider_is_not_touched_and_off_keeps_the_names(
    db: Session, keys_file: object, actor: Actor, now: datetime, tenant: Tenant
) -> None:
    other = make_tenant(db)
    make_subscription(db, tenant_id=other.id, username="Budi")
    make_subscription(db, tenant_id=tenant.id, username="Budi")

    switch(db, actor, now)
    assert names(db) == ["Budi", "budi"]
    switch(db, actor, now, ignore_case=False)
    make_subscription(db, tenant_id=tenant.id, username="BUDI")

    assert names(db) == ["Budi", "budi", "BUDI"]


@pytest.mark.parametrize("name", ["Budi", "ÉCOLE-İ", "aa-bb-cc-dd-ee-ff", "0812ABCDEF12", "AA:BB", "budi"])
def test_the_database_folds_as_the_program_does(db: Session, name: str) -> None:
    assert db.scalar(text("SELECT folded_username(:name)"), {"name": name}) == folded(name)


@pytest.mark.usefixtures("keys_file")
def test_the_currency_stays_from_the_first_amount_on_and_the_zone_from_the_first_subscription(
    db: Session, tenant: Tenant, actor: Actor, now: datetime
) -> None:
    given = {"timezone": "Asia/Jayapura", "currency": "kes"}
    assert provider.change(db, actor=actor, now=now, changes=given)
    assert (tenant.timezone, tenant.currency) == ("Asia/Jayapura", "KES")
    customer = make_customer(db, tenant=tenant)
    payments.receive(db, actor=actor, now=now, customer_id=customer.id, amount=1000, method="cash")
    make_subscription(db, tenant=tenant, customer=customer)

    for name, value in (("timezone", "Asia/Jakarta"), ("currency", "IDR")):
        with pytest.raises(Conflict) as refusal:
            provider.change(db, actor=actor, now=now, changes={name: value})
        assert refusal.value.problems[0].field == name
    assert provider.change(db, actor=actor, now=now, changes={"currency": " kes "})
    with pytest.raises(Invalid):
        provider.change(db, actor=actor, now=now, changes={"currency": "money"})
