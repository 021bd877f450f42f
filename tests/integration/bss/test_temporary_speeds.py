"""A speed given for two hours ends after two hours, on the running session too."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import subscriptions, tasks
from bss.actor import Actor
from bss.temporary_speeds import end_over
from db.models import AuditLog, NasServer, SessionChange, SubscriptionLimits
from factories import make_session, make_subscription
from runtime.settings import Settings

pytestmark = pytest.mark.usefixtures("keys_file")
HOURS = timedelta(hours=2)


def boosted(db: Session, actor: Actor, router: NasServer, now: datetime, until: datetime | None) -> int:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    make_session(db, subscription, router)
    changes = {"download_kbps": 50_000, "upload_kbps": 50_000, "speed_expires_at": until}
    subscriptions.set_limits(db, actor=actor, now=now, subscription_id=subscription.id, changes=changes)
    return subscription.id


def waiting(db: Session) -> list[tuple[int | None, str]]:
    rows = db.scalars(select(SessionChange).where(SessionChange.status == "pending").order_by(SessionChange.id))
    return [(row.subscription_id, row.attributes["Mikrotik-Rate-Limit"]) for row in rows]


def test_the_session_gets_its_usual_rate_back(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    over = boosted(db, actor, router, now, now + HOURS)
    running = boosted(db, actor, router, now, now + 2 * HOURS)
    permanent = boosted(db, actor, router, now, None)

    early = end_over(db, now=now + HOURS - timedelta(seconds=1))
    ended, effect = end_over(db, now=now + HOURS)

    assert (early[0], ended, effect.sessions) == (0, 1, 1)
    assert waiting(db) == [(running, "50M/50M"), (permanent, "50M/50M"), (over, "5M/10M")]
    assert db.get_one(SubscriptionLimits, over).download_kbps is None
    assert "subscription.speed_ended" in db.scalars(select(AuditLog.action)).all()


def test_a_second_run_finds_nothing(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    boosted(db, actor, router, now, now + HOURS)
    end_over(db, now=now + HOURS)

    assert end_over(db, now=now + HOURS)[0] == 0


def test_the_job_commits(db: Session, settings: Settings, actor: Actor, router: NasServer, now: datetime) -> None:
    subscription_id = boosted(db, actor, router, now - 2 * HOURS, now - HOURS)
    db.commit()

    assert tasks.end_temporary_speeds() == 1

    db.expire_all()
    assert db.get_one(SubscriptionLimits, subscription_id).speed_expires_at is None
