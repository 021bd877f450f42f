"""Gardens are set per reason; whoever paid is let out of one at once; a debtor is refused and let in again."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import customers, gardens, network, subscriptions, vouchers
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound
from db.models import AuditLog, NasServer, SessionChange, Subscription, Tenant, Voucher
from domain.access import belongs_in_garden
from factories import make_customer, make_plan, make_session, make_subscription


def put(db: Session, actor: Actor, now: datetime, reason: str = "*", **values: Any) -> Any:
    return gardens.put(db, actor=actor, now=now, reason=reason, values=values or {"address_list": "isolir"})


def asked(db: Session) -> list[tuple[str, str]]:
    return [(row.kind, row.reason) for row in db.scalars(select(SessionChange).order_by(SessionChange.id))]


def in_garden(db: Session, router: NasServer, tenant: Tenant, **over: Any) -> Subscription:
    """A subscription with a session in a walled garden."""
    customer = make_customer(db, tenant=tenant, **over.pop("customer", {}))
    row = make_subscription(db, tenant_id=tenant.id, customer=customer, **over)
    make_session(db, row, router, class_=f"lts1:{row.id}:g0:d1")
    return row


def test_a_garden_is_made_changed_and_removed_and_each_is_on_record(
    db: Session, actor: Actor, now: datetime, keys_file: object
) -> None:
    made = put(db, actor, now)
    changed = put(db, actor, now, download_kbps=256)
    gardens.remove(db, actor=actor, now=now, reason="*")

    assert made is changed
    assert (made.download_kbps, made.address_list) == (256, "isolir")
    actions = db.scalars(select(AuditLog.action).order_by(AuditLog.id)).all()
    assert actions == ["garden.created", "garden.updated", "garden.removed"]
    with pytest.raises(NotFound):
        gardens.remove(db, actor=actor, now=now, reason="*")


@pytest.mark.parametrize(
    ("reason", "values", "field"),
    [
        ("*", {"download_kbps": 256}, "address_list"),
        ("*", {"address_list": "isolir", "upload_kbps": 0}, "upload_kbps"),
        ("*", {"address_list": "isolir", "session_timeout_s": 59}, "session_timeout_s"),
        ("*", {"address_list": "isolir", "redirect_url": "javascript:alert(1)"}, "redirect_url"),
        ("*", {"address_list": "x" * 101}, "address_list"),
        ("*", {"nonsense": 1}, "nonsense"),
        ("wrong_password", {"address_list": "isolir"}, "reason"),
    ],
)
def test_a_garden_without_walls_or_with_nonsense_is_refused(
    db: Session, actor: Actor, now: datetime, reason: str, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        put(db, actor, now, reason, **values)

    assert [problem.field for problem in refused.value.problems] == [field]


def test_who_is_activated_is_let_out_of_the_garden_and_nobody_else(
    db: Session, actor: Actor, now: datetime, router: NasServer, tenant: Tenant
) -> None:
    put(db, actor, now)
    row = in_garden(db, router, tenant, status="suspended")
    other = in_garden(db, router, tenant, status="suspended")
    make_session(db, row, router)
    assert belongs_in_garden(network.profile_of(db, row.id), now)

    changed = subscriptions.activate(db, actor=actor, now=now, subscription_id=row.id)

    assert changed.effect.sessions == 1
    assert asked(db) == [("disconnect", "garden_over")]
    assert not belongs_in_garden(network.profile_of(db, row.id), now)
    assert belongs_in_garden(network.profile_of(db, other.id), now)


def test_a_customer_who_is_activated_is_let_out_with_all_he_has(
    db: Session, actor: Actor, now: datetime, router: NasServer, tenant: Tenant
) -> None:
    row = in_garden(db, router, tenant, customer={"status": "suspended"})

    changed = customers.activate(db, actor=actor, now=now, customer_id=row.customer_id)

    assert changed.effect.sessions == 1
    assert asked(db) == [("disconnect", "garden_over")]


def test_a_term_that_was_moved_lets_its_customer_out(
    db: Session, actor: Actor, now: datetime, router: NasServer, tenant: Tenant
) -> None:
    row = in_garden(db, router, tenant, status="expired", expires_at=now.replace(year=now.year - 1))

    end = now.replace(year=now.year + 1, day=1)
    changed = subscriptions.change_expiry(db, actor=actor, now=now, subscription_id=row.id, expires_at=end)

    assert changed.effect.sessions == 1
    assert asked(db) == [("disconnect", "garden_over")]


@pytest.mark.parametrize(
    ("before", "after", "mark", "changes"),
    [
        (None, "100", "", [("disconnect", "credit_change")]),
        ("200", "100", "", [("disconnect", "credit_change")]),
        ("100", "200", "g", [("disconnect", "credit_change")]),
        ("100", None, "g", [("disconnect", "credit_change")]),
        ("100", "200", "", []),
        ("200", "300", "", []),
        ("50", "100", "g", []),
    ],
)
def test_a_credit_limit_reaches_running_sessions_when_it_decides_otherwise(
    db: Session,
    actor: Actor,
    now: datetime,
    router: NasServer,
    tenant: Tenant,
    before: str | None,
    after: str | None,
    mark: str,
    changes: list[tuple[str, str]],
) -> None:
    customer = make_customer(db, tenant=tenant, balance=-150, credit_limit=before)
    row = make_subscription(db, tenant_id=tenant.id, customer=customer)
    make_session(db, row, router, class_=f"lts1:{row.id}:{mark}0:d1")
    db.refresh(customer)

    customers.edit(db, actor=actor, now=now, customer_id=customer.id, changes={"credit_limit": after})

    assert asked(db) == changes
    assert network.profile_of(db, row.id).is_over_credit is (after is not None and int(after) < 150)


# --- vouchers -----------------------------------------------------------------------------------------------------


def test_vouchers_are_codes_of_their_own_under_one_walk_in_customer(
    db: Session, actor: Actor, now: datetime, tenant: Tenant, keys_file: object
) -> None:
    plan = make_plan(db, tenant=tenant, connection_type="hotspot")

    first = vouchers.create(db, actor=actor, now=now, service_plan_id=plan.id, count=3, validity_s=3600, batch="a")
    more = vouchers.create(db, actor=actor, now=now, service_plan_id=plan.id, count=2, validity_s=None)

    rows = db.scalars(select(Subscription)).all()
    assert {row.username for row in rows} == {voucher.code for voucher in (*first, *more)}
    assert len({row.customer_id for row in rows}) == 1
    assert {(row.connection_type, row.status, row.expires_at) for row in rows} == {("hotspot", "active", None)}
    assert {len(voucher.code) for voucher in first} == {14}
    profile = network.profile_of(db, first[0].subscription_id)
    assert profile.voucher is not None
    assert (profile.voucher.state, profile.voucher.validity_s) == ("unused", 3600)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": vouchers.MAX_AT_ONCE + 1}, "count"),
        ({"prefix": "=A1"}, "prefix"),
        ({"validity_s": 59}, "validity_s"),
        ({"batch": "x" * 51}, "batch"),
    ],
)
def test_vouchers_that_make_no_sense_are_refused(
    db: Session, actor: Actor, now: datetime, tenant: Tenant, over: dict[str, Any], field: str
) -> None:
    plan = make_plan(db, tenant=tenant, connection_type="hotspot")
    values = {"service_plan_id": plan.id, "count": 1, "validity_s": 3600} | over

    with pytest.raises(Invalid) as refused:
        vouchers.create(db, actor=actor, now=now, **values)

    assert [problem.field for problem in refused.value.problems] == [field]


def test_a_voucher_needs_a_hotspots_plan(db: Session, actor: Actor, now: datetime, tenant: Tenant) -> None:
    plan = make_plan(db, tenant=tenant, connection_type="pppoe")

    with pytest.raises((Invalid, Conflict), match="hotspot"):
        vouchers.create(db, actor=actor, now=now, service_plan_id=plan.id, count=1, validity_s=3600)


@pytest.mark.parametrize(("used_before", "state"), [(False, "unused"), (True, "active")])
def test_a_disabled_voucher_comes_back_as_it_was(
    db: Session, actor: Actor, now: datetime, tenant: Tenant, keys_file: object, used_before: bool, state: str
) -> None:
    plan = make_plan(db, tenant=tenant, connection_type="hotspot")
    (row,) = vouchers.create(db, actor=actor, now=now, service_plan_id=plan.id, count=1, validity_s=3600)
    row.first_used_at = now if used_before else None
    db.flush()

    vouchers.set_disabled(db, actor=actor, now=now, voucher_id=row.id, disabled=True)
    assert db.get_one(Voucher, row.id).state == "disabled"
    vouchers.set_disabled(db, actor=actor, now=now, voucher_id=row.id, disabled=False)
    assert db.get_one(Voucher, row.id).state == state
