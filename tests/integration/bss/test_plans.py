"""Plans: what may be sold, and what an edit does to the people who are online with it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import plans, provider
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from db.models import NasServer, SessionChange, Subscription, SubscriptionFupState, SubscriptionLimits
from factories import make_plan, make_session, make_subscription

pytestmark = pytest.mark.usefixtures("keys_file")
BASE = {"name": "Rumah 20", "download_kbps": 20_000, "upload_kbps": 10_000}
TIER = {"threshold_bytes": 1000, "reduction_percent": 50}


def test_a_plan_gets_a_short_name_and_its_tiers(db: Session, actor: Actor, now: datetime) -> None:
    plan = plans.create(db, actor=actor, now=now, values=BASE | {"fup_rules": [TIER, TIER | {"threshold_bytes": 2000}]})

    assert plan.slug == "rumah-20"
    assert [(rule.tier, rule.threshold_bytes) for rule in plan.fup_rules] == [(1, 1000), (2, 2000)]


def test_a_new_plan_has_the_providers_days_of_grace_unless_it_says_otherwise(
    db: Session, actor: Actor, now: datetime
) -> None:
    provider.change(db, actor=actor, now=now, changes={"grace_period_days": 3})

    usual = plans.create(db, actor=actor, now=now, values=BASE)
    own = plans.create(db, actor=actor, now=now, values=BASE | {"name": "Other", "grace_period_days": 0})

    assert (usual.grace_period_days, own.grace_period_days) == (3, 0)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"name": ""}, "name"),
        ({"download_kbps": 0}, "download_kbps"),
        ({"upload_kbps": -1}, "upload_kbps"),
        ({"priority": 9}, "priority"),
        ({"price": "1.001"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"slug": "With Spaces"}, "slug"),
        ({"burst_enabled": True}, "burst_download_kbps"),
        (
            {"burst_enabled": True, "burst_download_kbps": 30_000, "burst_upload_kbps": 30_000},
            "burst_time_s",
        ),
        (
            {"fup_rules": [TIER | {"reduced_download_kbps": 1, "reduced_upload_kbps": 1}]},
            "fup_rules.0.reduction_percent",
        ),
        ({"fup_rules": [{"threshold_bytes": 1, "reduced_download_kbps": 1}]}, "fup_rules.0.reduction_percent"),
        ({"fup_rules": [{"threshold_bytes": 1}]}, "fup_rules.0.reduction_percent"),
        ({"fup_rules": [TIER, TIER]}, "fup_rules.1.threshold_bytes"),
        ({"fup_rules": [TIER | {"tier": 2}, TIER | {"tier": 2, "threshold_bytes": 9000}]}, "fup_rules"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_bad_value_is_named(db: Session, actor: Actor, now: datetime, over: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        plans.create(db, actor=actor, now=now, values=BASE | over)

    assert refusal.value.problems[0].field == field


def test_everything_that_is_wrong_is_said_at_once(db: Session, actor: Actor, now: datetime) -> None:
    with pytest.raises(Invalid) as refusal:
        plans.create(db, actor=actor, now=now, values=BASE | {"priority": 9, "price": "x"})

    assert {problem.field for problem in refusal.value.problems} == {"priority", "price"}


def test_two_plans_cannot_share_a_short_name(db: Session, actor: Actor, now: datetime) -> None:
    plans.create(db, actor=actor, now=now, values=BASE)

    with pytest.raises(Conflict, match="belongs to another plan"):
        plans.create(db, actor=actor, now=now, values=BASE)


def rates(db: Session) -> dict[int | None, str]:
    rows = db.scalars(select(SessionChange).where(SessionChange.status == "pending"))
    return {row.subscription_id: row.attributes["Mikrotik-Rate-Limit"] for row in rows}


def test_a_new_speed_reaches_those_online_each_with_his_own_rate(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id)
    plain, special, offline = (make_subscription(db, tenant_id=actor.tenant_id, plan=plan) for _ in range(3))
    other = make_subscription(db, tenant_id=actor.tenant_id)
    db.add(SubscriptionLimits(subscription_id=special.id, download_kbps=50_000, upload_kbps=50_000))
    for subscription in (plain, special, other):
        make_session(db, subscription, router)

    changed = plans.edit(
        db, actor=actor, now=now, plan_id=plan.id, changes={"download_kbps": 30_000, "upload_kbps": 15_000}
    )

    assert rates(db) == {plain.id: "15M/30M", special.id: "50M/50M"}
    assert changed.effect.sessions == 2
    assert offline.id not in rates(db)


def test_running_sessions_stay_as_they_are_when_asked(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription: Subscription = make_subscription(db, tenant_id=actor.tenant_id)
    make_session(db, subscription, router)

    changed = plans.edit(
        db,
        actor=actor,
        now=now,
        plan_id=subscription.service_plan_id,
        changes={"download_kbps": 30_000},
        apply_live=False,
    )

    assert changed.effect.sessions == 0
    assert rates(db) == {}


def test_a_new_price_concerns_nobody_online(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    make_session(db, subscription, router)

    changed = plans.edit(db, actor=actor, now=now, plan_id=subscription.service_plan_id, changes={"price": "99000"})

    assert changed.effect.sessions == 0
    assert subscription.price == 0


def test_tiers_are_replaced_as_a_whole(db: Session, actor: Actor, now: datetime) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id, tiers=[TIER, TIER | {"threshold_bytes": 5000}])

    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"fup_rules": [TIER | {"threshold_bytes": 7000}]})
    db.expire_all()

    assert [(rule.tier, rule.threshold_bytes) for rule in plan.fup_rules] == [(1, 7000)]


def test_a_higher_threshold_lets_those_go_who_have_not_reached_it(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id, tiers=[TIER])
    subscription = make_subscription(db, tenant_id=actor.tenant_id, plan=plan)
    make_session(db, subscription, router)
    db.add(SubscriptionFupState(subscription_id=subscription.id, tier=1, window_end=now + timedelta(days=9)))
    db.flush()
    db.expire_all()

    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"fup_rules": [TIER | {"threshold_bytes": 10**12}]})

    assert rates(db) == {subscription.id: "5M/10M"}
    assert db.get(SubscriptionFupState, subscription.id) is None


def test_a_plan_in_use_is_deactivated_and_not_deleted(db: Session, actor: Actor, now: datetime) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)

    with pytest.raises(Conflict, match="1 subscriptions have this plan"):
        plans.delete(db, actor=actor, now=now, plan_id=subscription.service_plan_id)
    plans.deactivate(db, actor=actor, now=now, plan_id=subscription.service_plan_id)

    assert subscription.plan.is_active is False


def test_the_reach_of_a_plan_is_told_before_saving(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id)
    online, _offline = (make_subscription(db, tenant_id=actor.tenant_id, plan=plan) for _ in range(2))
    make_session(db, online, router)

    assert plans.reach(db, actor=actor, plan_id=plan.id) == plans.Reach(subscribers=2, online=1)
