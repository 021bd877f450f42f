"""A plan's change reaches running sessions in stages, goes on when told to, and stops when routers refuse it."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bss import plans, rollouts
from bss.actor import Actor
from bss.failure import Conflict, NotFound
from bss.tasks import continue_rollouts
from db.models import AuditLog, NasServer, PlanRollout, ServicePlan, SessionChange, SubscriptionLimits
from factories import make_nas, make_plan, make_session, make_subscription, make_tenant
from runtime.settings import Settings

pytestmark = pytest.mark.usefixtures("keys_file")
FASTER = {"download_kbps": 30_000, "upload_kbps": 15_000}


@pytest.fixture
def plan(db: Session, actor: Actor, router: NasServer, now: datetime) -> ServicePlan:
    """A plan with fifty running sessions that began an hour ago."""
    plan = make_plan(db, tenant_id=actor.tenant_id)
    for _ in range(50):
        subscription = make_subscription(db, tenant_id=actor.tenant_id, plan=plan)
        make_session(db, subscription, router, acctstarttime=now - timedelta(hours=1))
    return plan


def begin(db: Session, actor: Actor, now: datetime, plan: ServicePlan, **more: object) -> PlanRollout:
    rollout = rollouts.start(db, actor=actor, now=now, plan_id=plan.id, changes=FASTER, **more).row  # type: ignore[arg-type]
    assert rollout is not None
    return rollout


def answer(db: Session, status: str, *, most: int = 1000) -> None:
    """The routers answer what waits."""
    waiting = select(SessionChange.id).where(SessionChange.status == "pending").limit(most)
    db.execute(update(SessionChange).where(SessionChange.id.in_(waiting.scalar_subquery())).values(status=status))
    db.expire_all()


def step(db: Session, rollout: PlanRollout, now: datetime) -> str:
    """The job looks until nothing more is to do."""
    while rollouts.step(db, now=now, rollout_id=rollout.id):
        pass
    db.flush()
    return rollout.state


def asked(db: Session) -> int:
    return db.scalar(select(func.count()).select_from(SessionChange).where(SessionChange.status != "superseded")) or 0


def test_it_goes_by_one_ten_and_all_and_waits_for_a_word_between(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan
) -> None:
    rollout = begin(db, actor, now, plan)
    assert (plan.download_kbps, asked(db), step(db, rollout, now)) == (30_000, 1, "running")

    seen = []
    for _ in range(3):
        answer(db, "ack")
        seen.append((step(db, rollout, now), asked(db)))
        if rollout.state == "waiting":
            rollouts.advance(db, actor=actor, now=now, rollout_id=rollout.id)
            step(db, rollout, now)

    assert seen == [("waiting", 1), ("waiting", 5), ("done", 50)]
    assert db.scalar(select(func.count(SessionChange.acctuniqueid.distinct()))) == 50
    assert {row.attributes["Mikrotik-Rate-Limit"] for row in db.scalars(select(SessionChange))} == {"15M/30M"}
    actions = db.scalars(select(AuditLog.action).where(AuditLog.entity_type == "plan_rollouts"))
    assert sorted(actions) == [f"plan_rollout.{what}" for what in ("advanced", "advanced", "done", "started")]


def test_it_can_go_on_by_itself(db: Session, actor: Actor, now: datetime, plan: ServicePlan) -> None:
    rollout = begin(db, actor, now, plan, is_automatic=True)

    for _ in range(6):
        answer(db, "ack")
        step(db, rollout, now)

    assert (rollout.state, asked(db)) == ("done", 50)


@pytest.mark.parametrize("is_automatic", [True, False])
def test_refusals_stop_it_until_staff_says_go_on(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, is_automatic: bool
) -> None:
    rollout = begin(db, actor, now, plan, is_automatic=is_automatic)
    answer(db, "nak")

    assert step(db, rollout, now) == "stopped"
    assert (rollout.stopped_because, asked(db)) == ("failures", 1)

    rollouts.advance(db, actor=actor, now=now, rollout_id=rollout.id)
    assert (rollout.state, rollout.stage, asked(db)) == ("running", 2, 5)


def test_a_stop_takes_back_what_has_not_left_and_going_on_asks_it_again(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan
) -> None:
    rollout = begin(db, actor, now, plan)
    answer(db, "ack")
    step(db, rollout, now)
    rollouts.advance(db, actor=actor, now=now, rollout_id=rollout.id)
    answer(db, "ack", most=2)

    rollouts.stop(db, actor=actor, now=now, rollout_id=rollout.id)
    db.expire_all()
    assert (rollout.state, asked(db)) == ("stopped", 3)
    assert step(db, rollout, now) == "stopped"
    with pytest.raises(Conflict, match="cannot be stopped"):
        rollouts.stop(db, actor=actor, now=now, rollout_id=rollout.id)

    rollouts.advance(db, actor=actor, now=now, rollout_id=rollout.id)
    assert (rollout.stage, asked(db)) == (2, 5)


def test_who_logs_in_meanwhile_has_the_new_plan_and_is_not_asked(
    db: Session, actor: Actor, router: NasServer, now: datetime, plan: ServicePlan
) -> None:
    rollout = begin(db, actor, now, plan)
    late = make_subscription(db, tenant_id=actor.tenant_id, plan=plan)
    make_session(db, late, router, acctstarttime=now + timedelta(seconds=1))
    for _ in range(2):
        answer(db, "ack")
        step(db, rollout, now)
        rollouts.advance(db, actor=actor, now=now, rollout_id=rollout.id)
    answer(db, "ack")

    assert step(db, rollout, now) == "done"
    assert late.id not in set(db.scalars(select(SessionChange.subscription_id)))


def test_sessions_in_a_walled_garden_keep_the_speed_of_the_garden(
    db: Session, actor: Actor, router: NasServer, now: datetime, plan: ServicePlan
) -> None:
    for _ in range(60):
        debtor = make_subscription(db, tenant_id=actor.tenant_id, plan=plan, status="suspended")
        make_session(db, debtor, router, acctstarttime=now - timedelta(hours=1), class_=f"lts1:{debtor.id}:g0:d1")
    rollout = begin(db, actor, now, plan, is_automatic=True)
    assert rollout.sessions == 50

    for _ in range(6):
        answer(db, "ack")
        step(db, rollout, now)

    assert (rollout.state, asked(db)) == ("done", 50)


def test_each_session_gets_its_own_rate(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id)
    special = make_subscription(db, tenant_id=actor.tenant_id, plan=plan)
    db.add(SubscriptionLimits(subscription_id=special.id, download_kbps=50_000, upload_kbps=50_000))
    make_session(db, special, router, acctstarttime=now - timedelta(hours=1))
    db.flush()

    begin(db, actor, now, plan)

    assert db.scalars(select(SessionChange)).one().attributes == {"Mikrotik-Rate-Limit": "50M/50M"}


def test_without_a_new_speed_or_anybody_online_there_is_none(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan
) -> None:
    nobody = make_plan(db, tenant_id=actor.tenant_id)

    priced = rollouts.start(db, actor=actor, now=now, plan_id=plan.id, changes={"price": "1000"})
    alone = rollouts.start(db, actor=actor, now=now, plan_id=nobody.id, changes=FASTER)

    assert (priced.row, alone.row, plan.price, nobody.download_kbps) == (None, None, 1000, 30_000)


def test_a_change_for_all_takes_the_place_of_a_roll_out(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan
) -> None:
    first = begin(db, actor, now, plan)
    plans.edit(db, actor=actor, now=now, plan_id=plan.id, changes={"download_kbps": 40_000})
    db.expire_all()
    assert first.state == "replaced"

    second = begin(db, actor, now, plan)
    db.expire_all()
    with pytest.raises(Conflict):
        rollouts.advance(db, actor=actor, now=now, rollout_id=first.id)
    assert second.state == "running"


def test_a_stopped_one_cannot_go_on_beside_a_newer_one(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan
) -> None:
    first = begin(db, actor, now, plan)
    rollouts.stop(db, actor=actor, now=now, rollout_id=first.id)
    rollouts.start(db, actor=actor, now=now, plan_id=plan.id, changes={"download_kbps": 40_000})

    with pytest.raises(Conflict, match="newer roll-out"):
        rollouts.advance(db, actor=actor, now=now, rollout_id=first.id)


def test_another_provider_does_not_see_it(db: Session, actor: Actor, now: datetime, plan: ServicePlan) -> None:
    rollout = begin(db, actor, now, plan)
    stranger = Actor.system(tenant_id=make_tenant(db).id, name="stranger")

    with pytest.raises(NotFound, match="roll-out"):
        rollouts.stop(db, actor=stranger, now=now, rollout_id=rollout.id)


def test_the_job_asks_a_large_stage_in_portions(
    db: Session, settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts, "PORTION", 7)
    tenant = make_tenant(db)
    actor, router = Actor.system(tenant_id=tenant.id, name="test"), make_nas(db, tenant=tenant)
    plan = make_plan(db, tenant=tenant)
    for _ in range(30):
        subscription = make_subscription(db, tenant=tenant, plan=plan)
        make_session(db, subscription, router, acctstarttime=now - timedelta(hours=1))
    rollout = begin(db, actor, now, plan)
    rollout.stage, rollout.stage_at = 3, None
    db.commit()

    continue_rollouts.run()

    db.expire_all()
    assert (asked(db), rollout.state) == (30, "running")
