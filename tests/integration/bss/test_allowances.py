"""Hours, allowances, top-ups and families: what is accepted, what is written down, and who is stopped or let go."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import families, plans, quotas, subscriptions, topups
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound
from bss.hours import WEEKDAYS
from db.models import (
    AuditLog,
    NasServer,
    QuotaTopup,
    SessionChange,
    Subscription,
    SubscriptionFupState,
    SubscriptionQuotaState,
    UsageDaily,
)
from factories import make_plan, make_session, make_subscription

pytestmark = pytest.mark.usefixtures("keys_file")
BASE = {"name": "Rumah 20", "download_kbps": 20_000, "upload_kbps": 10_000}
WINDOW = {"weekdays": ["mon", "fri"], "start": "22:00", "end": "06:00"}
QUOTA = {"kind": "data", "period": "total", "limit_bytes": 1000}
SLOW = QUOTA | {"action": "throttle", "throttle_download_kbps": 1000, "throttle_upload_kbps": 512}


def online(db: Session, actor: Actor, router: NasServer, *, used: int = 0, **over: Any) -> Subscription:
    """A subscription that is online and has used so many bytes."""
    subscription = make_subscription(db, tenant_id=actor.tenant_id, **over)
    make_session(db, subscription, router)
    today = datetime.now(ZoneInfo("Asia/Jakarta")).date()
    db.add(UsageDaily(subscription_id=subscription.id, nas_server_id=router.id, day=today, download_bytes=used))
    db.flush()
    return subscription


def asked(db: Session, subscription: Subscription) -> list[tuple[str, str]]:
    """What is waiting to be sent for a subscription; what is left of an allowance is another test's subject.

    A new limit takes over the rate of a change that still waits, so both go in one packet.
    """
    statement = select(SessionChange).where(
        SessionChange.subscription_id == subscription.id, SessionChange.status == "pending"
    )
    told = [(row.kind, row.attributes.get("Mikrotik-Rate-Limit", row.reason)) for row in db.scalars(statement)]
    return [one for one in told if one != ("coa", "limits")]


def actions(db: Session) -> list[str]:
    return list(db.scalars(select(AuditLog.action).order_by(AuditLog.id)))


def test_a_plan_keeps_its_hours_and_allowances_as_they_were_written(db: Session, actor: Actor, now: datetime) -> None:
    day = {"weekdays": list(WEEKDAYS), "start": "00:00", "end": "24:00", "download_kbps": 1, "upload_kbps": 2}

    plan = plans.create(db, actor=actor, now=now, values=BASE | {"time_windows": [WINDOW, day], "quotas": [SLOW]})

    db.expire_all()
    lists = plans.lists_of(plan)
    assert lists["time_windows"] == [WINDOW | {"download_kbps": None, "upload_kbps": None}, day]
    assert lists["quotas"] == [SLOW | {"counts": "total"}]
    assert [(row.weekdays, row.start_minute, row.end_minute) for row in plan.time_windows] == [
        (0b0010001, 1320, 360),
        (127, 0, 1440),
    ]


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"time_windows": [WINDOW] * 21}, "time_windows"),
        ({"time_windows": [WINDOW | {"weekdays": []}]}, "time_windows.0.weekdays"),
        ({"time_windows": [WINDOW | {"weekdays": "mon"}]}, "time_windows.0.weekdays"),
        ({"time_windows": [WINDOW | {"weekdays": ["someday"]}]}, "time_windows.0.weekdays"),
        ({"time_windows": [WINDOW | {"start": "24:00"}]}, "time_windows.0.start"),
        ({"time_windows": [WINDOW | {"start": "7"}]}, "time_windows.0.start"),
        ({"time_windows": [WINDOW, WINDOW | {"end": "24:01"}]}, "time_windows.1.end"),
        ({"time_windows": [WINDOW | {"end": "٠٦:٠٠"}]}, "time_windows.0.end"),
        ({"time_windows": [WINDOW | {"download_kbps": 5}]}, "time_windows.0.upload_kbps"),
        ({"time_windows": [WINDOW | {"hue": 5}]}, "time_windows.0.hue"),
        ({"quotas": [QUOTA] * 11}, "quotas"),
        ({"quotas": [QUOTA, QUOTA | {"limit_bytes": 5}]}, "quotas.1.period"),
        ({"quotas": [QUOTA | {"limit_bytes": 0}]}, "quotas.0.limit_bytes"),
        ({"quotas": [QUOTA | {"limit_bytes": 2**62 + 1}]}, "quotas.0.limit_bytes"),
        ({"quotas": [QUOTA | {"limit_s": 60}]}, "quotas.0.limit_s"),
        ({"quotas": [{"kind": "time", "period": "daily", "limit_s": 59}]}, "quotas.0.limit_s"),
        ({"quotas": [QUOTA | {"period": "hourly"}]}, "quotas.0.period"),
        ({"quotas": [QUOTA | {"action": "shout"}]}, "quotas.0.action"),
        ({"quotas": [QUOTA | {"action": "throttle"}]}, "quotas.0.throttle_download_kbps"),
        ({"quotas": [QUOTA | {"throttle_upload_kbps": 5}]}, "quotas.0.throttle_upload_kbps"),
        ({"quotas": [QUOTA | {"hue": 5}]}, "quotas.0.hue"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    db: Session, actor: Actor, now: datetime, over: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        plans.create(db, actor=actor, now=now, values=BASE | over)

    assert [problem.field for problem in refusal.value.problems] == [field]


def test_a_new_allowance_stops_whoever_has_used_more_and_nobody_else(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id)
    over, under = (online(db, actor, router, plan=plan, used=used) for used in (1000, 999))

    changed = plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"quotas": [QUOTA]})

    assert asked(db, over) == [("disconnect", "quota")]
    assert asked(db, under) == [("coa", "5M/10M")]
    assert changed.row.quotas[0].limit_amount == 1000
    assert actions(db) == ["plan.updated"]


def test_a_raised_limit_lets_go_and_keeps_its_number(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id)
    slowed = online(db, actor, router, plan=plan, used=1500)
    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"quotas": [SLOW]})
    assert asked(db, slowed) == [("coa", "512k/1M")]
    number = plan.quotas[0].id

    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"quotas": [SLOW | {"limit_bytes": 2000}]})

    assert plan.quotas[0].id == number
    assert asked(db, slowed) == [("coa", "5M/10M")]
    assert db.scalars(select(SubscriptionQuotaState)).all() == []


def test_without_the_allowance_the_garden_is_left_by_a_new_login(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id)
    shut_in = online(db, actor, router, plan=plan, used=1500)
    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"quotas": [QUOTA | {"action": "garden"}]})
    db.query(SessionChange).update({"status": "ack"})

    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"quotas": []})

    assert asked(db, shut_in) == [("disconnect", "quota_reset")]


def test_hours_that_are_over_end_the_sessions_and_open_ones_only_change_the_speed(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id)
    subscription = online(db, actor, router, plan=plan)
    local = now.astimezone(ZoneInfo("Asia/Jakarta"))
    today, tomorrow = WEEKDAYS[local.weekday()], WEEKDAYS[(local.weekday() + 1) % 7]
    fast = {"weekdays": [today], "start": "00:00", "end": "24:00", "download_kbps": 50_000, "upload_kbps": 50_000}

    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"time_windows": [fast]})
    assert asked(db, subscription) == [("coa", "50M/50M")]
    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"time_windows": [fast | {"weekdays": [tomorrow]}]})
    assert asked(db, subscription) == [("disconnect", "hours")]


def test_an_own_allowance_takes_the_place_of_the_plans_and_gives_it_back(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    plan = plans.create(db, actor=actor, now=now, values=BASE | {"quotas": [QUOTA]})
    subscription = online(db, actor, router, plan=plan, used=1500)
    more = [QUOTA | {"limit_bytes": 5000}]

    quotas.set_own(db, actor=actor, now=now, subscription_id=subscription.id, quotas=more)
    assert asked(db, subscription) == []
    quotas.set_own(db, actor=actor, now=now, subscription_id=subscription.id, quotas=more)
    quotas.set_own(db, actor=actor, now=now, subscription_id=subscription.id, quotas=[])

    assert asked(db, subscription) == [("disconnect", "quota")]
    assert actions(db)[1:] == ["subscription.quotas_changed"] * 2
    log = db.scalars(select(AuditLog).order_by(AuditLog.id.desc()).limit(1)).one()
    assert log.old_values == {"quotas": [more[0] | {"counts": "total", "action": "reject"} | dict.fromkeys(
        ("throttle_download_kbps", "throttle_upload_kbps"))]}  # fmt: skip
    assert log.new_values == {"quotas": []}


def test_a_top_up_frees_at_once_and_its_removal_takes_it_back(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, actor, router, used=1500)
    quotas.set_own(db, actor=actor, now=now, subscription_id=subscription.id, quotas=[SLOW])
    assert asked(db, subscription) == [("coa", "512k/1M")]

    changed = topups.add(db, actor=actor, now=now, subscription_id=subscription.id, amount_bytes=501, note="bonus")
    assert asked(db, subscription) == [("coa", "5M/10M")]
    assert changed.row.valid_until is not None
    assert now < changed.row.valid_until <= now + timedelta(days=32)
    assert changed.row.look_at == changed.row.valid_until
    topups.remove(db, actor=actor, now=now, subscription_id=subscription.id, topup_id=changed.row.id)

    assert asked(db, subscription) == [("coa", "512k/1M")]
    assert db.scalars(select(QuotaTopup)).all() == []
    assert actions(db)[-2:] == ["subscription.topped_up", "subscription.topup_removed"]


def test_a_top_up_of_volume_lifts_fair_use(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    plan = plans.create(
        db, actor=actor, now=now, values=BASE | {"fup_rules": [{"threshold_bytes": 1000, "reduction_percent": 50}]}
    )
    subscription = online(db, actor, router, plan=plan, used=1500)
    db.add(SubscriptionFupState(subscription_id=subscription.id, tier=1, window_end=now + timedelta(days=2)))
    db.flush()
    db.expire(subscription)

    topups.add(db, actor=actor, now=now, subscription_id=subscription.id, amount_bytes=1000, for_good=True)

    assert asked(db, subscription) == [("coa", "10M/20M")]
    assert subscription.fup_state is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"amount_bytes": 0}, "amount_bytes"),
        ({"amount_s": 600}, "amount_s"),
        ({"kind": "time", "amount_bytes": 600}, "amount_bytes"),
        ({"kind": "time", "amount_s": 1}, "amount_s"),
        ({"kind": "luck", "amount_s": 1}, "kind"),
        ({"amount_bytes": 5, "valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, "valid_until"),
        ({"amount_bytes": 5, "valid_until": datetime(2040, 1, 1, tzinfo=UTC), "for_good": True}, "valid_until"),
        ({"amount_bytes": 5, "valid_from": datetime(2030, 1, 1)}, "valid_from"),  # noqa: DTZ001 - that is the point
        ({"amount_bytes": 5, "note": "x" * 201}, "note"),
    ],
)
def test_a_top_up_that_makes_no_sense_is_refused(
    db: Session, actor: Actor, now: datetime, given: dict[str, Any], field: str
) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)

    with pytest.raises(Invalid) as refusal:
        topups.add(db, actor=actor, now=now, subscription_id=subscription.id, **given)

    assert [problem.field for problem in refusal.value.problems] == [field]


def test_members_of_a_family_use_one_allowance_and_leave_with_what_they_used(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    family = families.create(db, actor=actor, now=now, name="Santoso", quotas=[QUOTA])
    heavy, light = online(db, actor, router, used=900), online(db, actor, router, used=100)
    families.add_member(db, actor=actor, now=now, family_id=family.id, subscription_id=light.id)
    assert asked(db, light) == []

    families.add_member(db, actor=actor, now=now, family_id=family.id, subscription_id=heavy.id)
    assert asked(db, light) == asked(db, heavy) == [("disconnect", "quota")]
    assert db.query(SubscriptionQuotaState).count() == 2
    families.remove_member(db, actor=actor, now=now, family_id=family.id, subscription_id=heavy.id)

    assert db.query(SubscriptionQuotaState).count() == 0
    assert actions(db) == ["family.created", *["subscription.family_changed"] * 3]


def test_a_familys_allowance_can_be_raised(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    family = families.create(db, actor=actor, now=now, name="Santoso", quotas=[SLOW])
    member = online(db, actor, router, used=1500)
    families.add_member(db, actor=actor, now=now, family_id=family.id, subscription_id=member.id)
    assert asked(db, member) == [("coa", "512k/1M")]

    changes = {"name": "Santoso besar", "quotas": [SLOW | {"limit_bytes": 9000}]}
    families.edit(db, actor=actor, now=now, family_id=family.id, changes=changes)

    assert asked(db, member) == [("coa", "5M/10M")]
    assert family.name == "Santoso besar"


def test_a_family_is_removed_only_when_nobody_is_in_it(db: Session, actor: Actor, now: datetime) -> None:
    family = families.create(db, actor=actor, now=now, name="Santoso")
    member = make_subscription(db, tenant_id=actor.tenant_id)
    families.add_member(db, actor=actor, now=now, family_id=family.id, subscription_id=member.id)

    with pytest.raises(Conflict, match="1 subscriptions are in it"):
        families.delete(db, actor=actor, now=now, family_id=family.id)
    with pytest.raises(Conflict, match="is in this family"):
        families.add_member(db, actor=actor, now=now, family_id=family.id, subscription_id=member.id)
    families.remove_member(db, actor=actor, now=now, family_id=family.id, subscription_id=member.id)
    families.delete(db, actor=actor, now=now, family_id=family.id)
    with pytest.raises(NotFound):
        families.delete(db, actor=actor, now=now, family_id=family.id)


def test_a_subscription_that_was_deleted_does_not_keep_its_family(db: Session, actor: Actor, now: datetime) -> None:
    family = families.create(db, actor=actor, now=now, name="Santoso")
    member = make_subscription(db, tenant_id=actor.tenant_id)
    families.add_member(db, actor=actor, now=now, family_id=family.id, subscription_id=member.id)
    subscriptions.delete(db, actor=actor, now=now, subscription_id=member.id)

    families.delete(db, actor=actor, now=now, family_id=family.id)

    db.refresh(member)
    assert member.family_id is None


def test_two_families_have_two_names(db: Session, actor: Actor, now: datetime) -> None:
    families.create(db, actor=actor, now=now, name="Santoso")

    with pytest.raises(Conflict, match="belongs to another family"):
        families.create(db, actor=actor, now=now, name="Santoso")


def test_a_move_to_another_plan_takes_its_hours_and_allowances_along(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    subscription = online(db, actor, router, used=1500)
    strict = plans.create(db, actor=actor, now=now, values=BASE | {"quotas": [QUOTA]})
    local = now.astimezone(ZoneInfo("Asia/Jakarta"))
    tomorrow = WEEKDAYS[(local.weekday() + 1) % 7]
    later = {"weekdays": [tomorrow], "start": "00:00", "end": "24:00"}
    shut = plans.create(db, actor=actor, now=now, values=BASE | {"slug": "shut", "time_windows": [later]})
    slow = plans.create(db, actor=actor, now=now, values=BASE | {"slug": "slow", "quotas": [SLOW]})

    for plan, change in (
        (strict, ("disconnect", "quota")),
        (shut, ("disconnect", "hours")),
    ):
        subscriptions.change_plan(db, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=plan.id)
        assert asked(db, subscription) == [change]
    db.query(SessionChange).update({"status": "ack"})
    subscriptions.change_plan(db, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=slow.id)

    assert asked(db, subscription) == [("disconnect", "hours")]
    assert db.query(SubscriptionQuotaState).one().quota_id == slow.quotas[0].id
