"""What the verbs of a subscription write: status, audit and outbox in one transaction, or nothing at all."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import subscriptions
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, StaleVersion
from db.models import (
    AuditLog,
    FupEvent,
    NasServer,
    SessionChange,
    Subscription,
    SubscriptionFupState,
    SubscriptionLimits,
    UsageDaily,
)
from domain.lifecycle import IllegalMove
from domain.period import period_at
from factories import make_customer, make_nas, make_plan, make_session, make_subscription, make_tenant

pytestmark = pytest.mark.usefixtures("keys_file")


def changes_of(db: Session, subscription: Subscription) -> list[tuple[str, str, dict[str, str]]]:
    rows = db.scalars(select(SessionChange).where(SessionChange.subscription_id == subscription.id))
    return [(row.kind, row.reason, row.attributes) for row in rows if row.status == "pending"]


def actions_on(db: Session, row: Subscription) -> list[str]:
    statement = select(AuditLog).where(AuditLog.entity_type == row.__tablename__, AuditLog.entity_id == row.id)
    return [entry.action for entry in db.scalars(statement.order_by(AuditLog.id))]


def online(db: Session, router: NasServer, **over: object) -> Subscription:
    subscription = make_subscription(db, tenant_id=router.tenant_id, **over)
    make_session(db, subscription, router)
    return subscription


def test_suspending_writes_status_audit_and_outbox(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    subscription = online(db, router)

    changed = subscriptions.suspend(db, actor=actor, now=now, subscription_id=subscription.id, reason="overdue")

    assert (subscription.status, subscription.suspend_reason, subscription.suspended_at) == (
        "suspended",
        "overdue",
        now,
    )
    assert actions_on(db, subscription) == ["subscription.suspended"]
    assert changes_of(db, subscription) == [("disconnect", "suspend", {})]
    assert changed.effect.sessions == 1
    assert str(changed.effect) == "1 session will be disconnected"


def test_a_rollback_takes_all_three_back(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    subscription = online(db, router)
    db.commit()

    subscriptions.suspend(db, actor=actor, now=now, subscription_id=subscription.id)
    db.rollback()

    assert subscription.status == "active"
    assert actions_on(db, subscription) == []
    assert changes_of(db, subscription) == []


def test_an_illegal_move_changes_nothing(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    subscription = online(db, router, status="terminated")

    with pytest.raises(IllegalMove, match="a terminated subscription cannot become suspended"):
        subscriptions.suspend(db, actor=actor, now=now, subscription_id=subscription.id)

    assert subscription.status == "terminated"
    assert actions_on(db, subscription) == []
    assert changes_of(db, subscription) == []


def test_a_new_subscription_is_active_and_takes_its_terms_from_the_plan(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id, status="prospect")
    plan = make_plan(db, tenant_id=actor.tenant_id, price=Decimal(150000), billing_cycle="custom", validity_days=10)

    issued = subscriptions.create(
        db,
        actor=actor,
        now=now,
        customer_id=customer.id,
        service_plan_id=plan.id,
        username="  budi@rumah ",
        nas_server_id=router.id,
    )

    subscription = issued.row
    assert (subscription.username, subscription.status, subscription.price) == ("budi@rumah", "active", plan.price)
    assert subscription.expires_at == now + timedelta(days=10)
    assert subscription.service_password == issued.secret
    assert len(issued.secret) >= 16
    assert customer.status == "active"
    assert subscription.subscription_code.startswith("SUB-")
    assert actions_on(db, subscription) == ["subscription.created", "subscription.activated"]
    assert issued.secret not in repr(issued)


def test_codes_run_on_without_gaps(db: Session, actor: Actor, now: datetime) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id)
    plan = make_plan(db, tenant_id=actor.tenant_id)

    codes = [
        subscriptions.create(
            db, actor=actor, now=now, customer_id=customer.id, service_plan_id=plan.id, username=f"name{number}"
        ).row.subscription_code
        for number in range(3)
    ]

    assert [int(code[-4:]) for code in codes] == [1, 2, 3]


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"username": " "}, "username"),
        ({"username": "bu\u0000di"}, "username"),
        ({"username": "bu\u200bdi"}, "username"),
        ({"password": "short"}, "password"),
        ({"connection_type": "dhcp"}, "service_plan_id"),
        ({"assigned_ip": "10.0.0.300"}, "assigned_ip"),
        ({"assigned_ip": "224.0.0.1"}, "assigned_ip"),
        ({"price": "-1"}, "price"),
        ({"billing_day": 32}, "billing_day"),
        ({"macs": ["not a mac"]}, "macs"),
        ({"customer_id": 2**62}, "customer_id"),
        ({"nas_server_id": 2**62}, "nas_server_id"),
    ],
)
def test_a_bad_value_is_named(db: Session, actor: Actor, now: datetime, over: dict[str, object], field: str) -> None:
    given = {
        "customer_id": make_customer(db, tenant_id=actor.tenant_id).id,
        "service_plan_id": make_plan(db, tenant_id=actor.tenant_id).id,
        "username": "budi",
    }

    with pytest.raises(Invalid) as refusal:
        subscriptions.create(db, actor=actor, now=now, **given | over)

    assert refusal.value.problems[0].field == field


def test_a_username_is_taken_until_its_owner_is_terminated(db: Session, actor: Actor, now: datetime) -> None:
    first = make_subscription(db, tenant_id=actor.tenant_id, username="budi")
    given = {"customer_id": first.customer_id, "service_plan_id": first.service_plan_id, "username": "budi"}

    with pytest.raises(Conflict, match="is taken"), db.begin_nested():
        subscriptions.create(db, actor=actor, now=now, **given)
    subscriptions.terminate(db, actor=actor, now=now, subscription_id=first.id)

    customer = make_customer(db, tenant_id=actor.tenant_id)
    assert subscriptions.create(db, actor=actor, now=now, **given | {"customer_id": customer.id}).row.status == "active"


def test_a_dhcp_username_is_a_mac_address_in_one_spelling(db: Session, actor: Actor, now: datetime) -> None:
    issued = subscriptions.create(
        db,
        actor=actor,
        now=now,
        customer_id=make_customer(db, tenant_id=actor.tenant_id).id,
        service_plan_id=make_plan(db, tenant_id=actor.tenant_id, connection_type="dhcp").id,
        username="1:0:11:32:c9:fd:24",
    )

    assert issued.row.username == "00:11:32:C9:FD:24"


def test_one_address_serves_one_subscription_even_without_a_router(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    first = make_subscription(db, tenant_id=actor.tenant_id)
    second = make_subscription(db, tenant_id=actor.tenant_id, nas_server_id=router.id)
    subscriptions.assign_ip(db, actor=actor, now=now, subscription_id=first.id, assigned_ip="10.9.9.9")

    with pytest.raises(Conflict, match="belongs to another subscription"):
        subscriptions.assign_ip(db, actor=actor, now=now, subscription_id=second.id, assigned_ip="10.9.9.9")


def test_another_plan_reaches_the_live_session_as_its_new_rate(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, router)
    plan = make_plan(db, tenant_id=actor.tenant_id, download_kbps=20_000, upload_kbps=8_000, price="200000")

    changed = subscriptions.change_plan(
        db, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=plan.id
    )

    assert changes_of(db, subscription) == [("coa", "plan_change", {"Mikrotik-Rate-Limit": "8M/20M"})]
    assert changed.effect.coa_ids
    assert subscription.price == plan.price
    assert subscription.plan is plan


def test_an_unlimited_plan_is_sent_as_zero(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    subscription = online(db, router)
    plan = make_plan(db, tenant_id=actor.tenant_id, download_kbps=0, upload_kbps=0)

    subscriptions.change_plan(db, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=plan.id)

    assert changes_of(db, subscription) == [("coa", "plan_change", {"Mikrotik-Rate-Limit": "0/0"})]


def test_a_plan_with_another_pool_needs_a_new_login(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, router)
    plan = make_plan(db, tenant_id=actor.tenant_id, ip_pool="public")

    subscriptions.change_plan(db, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=plan.id)

    assert changes_of(db, subscription) == [("disconnect", "plan_change", {})]


def test_usage_so_far_decides_the_tier_of_the_new_plan(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, router)
    period = period_at("daily", now, _zone(), subscription.billing_day)
    db.add(
        UsageDaily(
            subscription_id=subscription.id,
            day=period.first_day,
            nas_server_id=router.id,
            download_bytes=800,
            upload_bytes=300,
        )
    )
    tier = {"threshold_bytes": 1000, "reset_period": "daily", "reduction_percent": 50}
    plan = make_plan(db, tenant_id=actor.tenant_id, tiers=[tier])

    subscriptions.change_plan(db, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=plan.id)

    state = db.get(SubscriptionFupState, subscription.id)
    assert state is not None
    assert (state.tier, state.usage_at_activation_bytes, state.window_end) == (1, 1100, period.end)
    assert changes_of(db, subscription) == [("coa", "plan_change", {"Mikrotik-Rate-Limit": "2500k/5M"})]
    assert [event.action for event in db.scalars(select(FupEvent))] == ["activate"]


def test_a_speed_of_its_own_reaches_the_live_session_and_can_be_cleared(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, router)
    until = now + timedelta(hours=2)

    subscriptions.set_limits(
        db,
        actor=actor,
        now=now,
        subscription_id=subscription.id,
        changes={"download_kbps": 50_000, "upload_kbps": 50_000, "speed_expires_at": until},
    )
    assert changes_of(db, subscription) == [("coa", "speed_change", {"Mikrotik-Rate-Limit": "50M/50M"})]
    subscriptions.set_limits(
        db,
        actor=actor,
        now=now,
        subscription_id=subscription.id,
        changes={"download_kbps": None, "upload_kbps": None},
    )

    assert changes_of(db, subscription) == [("coa", "speed_change", {"Mikrotik-Rate-Limit": "5M/10M"})]
    assert db.get(SubscriptionLimits, subscription.id) is None


def test_a_speed_needs_both_sides(db: Session, actor: Actor, now: datetime) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)

    with pytest.raises(Invalid, match="set both speeds or neither"):
        subscriptions.set_limits(
            db, actor=actor, now=now, subscription_id=subscription.id, changes={"download_kbps": 1}
        )


def test_a_session_time_is_told_the_running_session(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, router)

    subscriptions.set_limits(
        db, actor=actor, now=now, subscription_id=subscription.id, changes={"session_timeout_s": 3600}
    )

    assert changes_of(db, subscription) == [("coa", "limits", {"Session-Timeout": "3600"})]
    assert subscription.limits is not None
    assert subscription.limits.session_timeout_s == 3600


def test_a_new_password_ends_the_session_and_never_reaches_the_audit_log(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, router)

    issued = subscriptions.change_password(db, actor=actor, now=now, subscription_id=subscription.id)

    assert changes_of(db, subscription) == [("disconnect", "password_change", {})]
    entry = db.scalars(select(AuditLog)).one()
    assert issued.secret not in f"{entry.old_values} {entry.new_values}"


def test_an_expiry_in_the_past_ends_it_and_one_ahead_brings_it_back(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, router, grace_period_days=0)

    subscriptions.change_expiry(
        db, actor=actor, now=now, subscription_id=subscription.id, expires_at=now - timedelta(seconds=1)
    )
    assert (subscription.status, subscription.customer.status) == ("expired", "expired")
    assert changes_of(db, subscription) == [("disconnect", "expire", {})]
    subscriptions.change_expiry(
        db, actor=actor, now=now, subscription_id=subscription.id, expires_at=now + timedelta(days=1)
    )

    assert (subscription.status, subscription.customer.status) == ("active", "active")


def test_an_expiry_within_grace_keeps_the_session(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    subscription = online(db, router, grace_period_days=3)

    changed = subscriptions.change_expiry(
        db, actor=actor, now=now, subscription_id=subscription.id, expires_at=now - timedelta(days=2)
    )

    assert subscription.status == "active"
    assert changed.effect.disconnect_ids == ()
    # It lasts to the end of grace and is told so.
    assert len(changed.effect.coa_ids) == 1


def test_binding_ends_the_sessions_of_devices_that_are_not_listed(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    known = make_session(db, subscription, router, callingstationid="aa-bb-cc-00-00-01")
    stranger = make_session(db, subscription, router, callingstationid="AA:BB:CC:00:00:02")
    subscriptions.add_mac(db, actor=actor, now=now, subscription_id=subscription.id, mac="aabb.cc00.0001")

    changed = subscriptions.set_mac_binding(
        db, actor=actor, now=now, subscription_id=subscription.id, mac_binding="fixed"
    )

    ended = db.scalars(select(SessionChange.acctuniqueid)).all()
    assert ended == [stranger.acctuniqueid]
    assert known.acctuniqueid not in ended
    assert changed.effect.sessions == 1


def test_a_blocked_device_loses_its_session_and_an_approved_one_keeps_it(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    make_session(db, subscription, router, callingstationid="AA:BB:CC:00:00:01")
    added = subscriptions.add_mac(
        db, actor=actor, now=now, subscription_id=subscription.id, mac="AA:BB:CC:00:00:01", status="pending"
    )

    approved = subscriptions.approve_mac(db, actor=actor, now=now, subscription_id=subscription.id, mac_id=added.row.id)
    blocked = subscriptions.set_mac_status(
        db, actor=actor, now=now, subscription_id=subscription.id, mac_id=added.row.id, status="blocked"
    )

    assert (approved.effect.sessions, blocked.effect.sessions) == (0, 1)


def test_a_stale_version_is_refused(db: Session, actor: Actor, now: datetime) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    seen = subscription.version
    subscriptions.edit(db, actor=actor, now=now, subscription_id=subscription.id, changes={"notes": "one"})

    with pytest.raises(StaleVersion, match="load it again"):
        subscriptions.edit(
            db, actor=actor, now=now, subscription_id=subscription.id, changes={"notes": "two"}, version=seen
        )


def test_another_tenants_subscription_does_not_exist(db: Session, actor: Actor, now: datetime) -> None:
    foreign = make_subscription(db, tenant=make_tenant(db))

    with pytest.raises(NotFound):
        subscriptions.suspend(db, actor=actor, now=now, subscription_id=foreign.id)


def test_a_blocked_customer_gets_no_new_subscription(db: Session, actor: Actor, now: datetime) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id, status="blacklisted")
    plan = make_plan(db, tenant_id=actor.tenant_id)

    with pytest.raises(Conflict, match="the customer is blacklisted"):
        subscriptions.create(
            db, actor=actor, now=now, customer_id=customer.id, service_plan_id=plan.id, username="budi"
        )


def test_the_last_subscription_leaves_a_customer_without_service_who_may_take_a_new_one(
    db: Session, actor: Actor, now: datetime
) -> None:
    first = make_subscription(db, tenant_id=actor.tenant_id)
    customer = first.customer

    subscriptions.terminate(db, actor=actor, now=now, subscription_id=first.id)
    assert (customer.status, customer.suspend_reason) == ("suspended", "no subscription left")
    subscriptions.create(
        db, actor=actor, now=now, customer_id=customer.id, service_plan_id=first.service_plan_id, username="anew"
    )

    assert (customer.status, customer.suspend_reason) == ("active", None)


def test_moving_to_another_router_checks_the_address_there(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    other = make_nas(db, tenant_id=actor.tenant_id)
    make_subscription(db, tenant_id=actor.tenant_id, nas_server_id=other.id, assigned_ip="10.9.9.9")
    mine = make_subscription(db, tenant_id=actor.tenant_id, nas_server_id=router.id, assigned_ip="10.9.9.9")

    with pytest.raises(Conflict, match="belongs to another subscription"):
        subscriptions.edit(db, actor=actor, now=now, subscription_id=mine.id, changes={"nas_server_id": other.id})


def _zone() -> ZoneInfo:
    return ZoneInfo("Asia/Jakarta")
