"""Staff puts fair use on or lifts it: with the figures, with a history, and on the running sessions."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import fair_use_by_hand as use
from bss.actor import Actor
from bss.failure import Conflict
from db.models import FupEvent, NasServer, SessionChange, Subscription, UsageDaily
from factories import make_plan, make_session, make_subscription

pytestmark = pytest.mark.usefixtures("keys_file")
GB = 10**9
TIERS = [
    {"threshold_bytes": 100 * GB, "reduction_percent": 50, "reset_period": "monthly"},
    {"threshold_bytes": 200 * GB, "reduction_percent": 80, "reset_period": "monthly"},
]


@pytest.fixture
def heavy(db: Session, actor: Actor, router: NasServer, now: datetime) -> Callable[[int], Subscription]:
    """A subscription online that has used so many gigabytes today."""

    def make(used_gb: int) -> Subscription:
        plan = make_plan(db, tenant_id=actor.tenant_id, tiers=TIERS)
        subscription = make_subscription(db, tenant_id=actor.tenant_id, plan=plan)
        make_session(db, subscription, router)
        db.add(
            UsageDaily(
                subscription_id=subscription.id, day=now.date(), nas_server_id=router.id, download_bytes=used_gb * GB
            )
        )
        db.flush()
        db.expire_all()
        return subscription

    return make


def told(db: Session) -> list[str]:
    changes = db.scalars(select(SessionChange).where(SessionChange.status == "pending"))
    return [change.attributes["Mikrotik-Rate-Limit"] for change in changes]


def test_below_the_limit_it_is_refused_with_the_figures(
    db: Session, actor: Actor, now: datetime, heavy: Callable[[int], Subscription]
) -> None:
    with pytest.raises(Conflict, match="only 30000 of 100000 MB are used"):
        use.activate(db, actor=actor, now=now, subscription_id=heavy(30).id)
    assert told(db) == []


@pytest.mark.parametrize(
    ("used_gb", "more", "tier", "rate"),
    [
        (150, {}, 1, "2500k/5M"),
        (250, {}, 2, "1M/2M"),
        (30, {"override": True}, 1, "2500k/5M"),
        (30, {"override": True, "tier": 2}, 2, "1M/2M"),
    ],
)
def test_it_slows_the_running_session_and_is_written_down(
    db: Session, actor: Actor, now: datetime, heavy: Callable[[int], Subscription], used_gb: int,
    more: dict[str, object], tier: int, rate: str,
) -> None:  # fmt: skip
    subscription = heavy(used_gb)

    changed = use.activate(db, actor=actor, now=now, subscription_id=subscription.id, **more)  # type: ignore[arg-type]

    assert changed.effect.sessions == 1
    assert told(db) == [rate]
    state = subscription.fup_state
    assert state is not None
    assert (state.tier, state.activated_by) == (tier, actor.name)
    assert state.window_end is not None
    assert state.window_end > now
    event = db.scalars(select(FupEvent)).one()
    assert (event.action, event.tier, event.usage_bytes) == ("activate", tier, used_gb * GB)


def test_it_is_lifted_until_the_period_ends(
    db: Session, actor: Actor, now: datetime, heavy: Callable[[int], Subscription]
) -> None:
    subscription = heavy(150)
    use.activate(db, actor=actor, now=now, subscription_id=subscription.id)

    use.lift(db, actor=actor, now=now, subscription_id=subscription.id)

    assert told(db) == ["5M/10M"]
    assert subscription.fup_state is not None
    assert subscription.fup_state.tier == 0
    with pytest.raises(Conflict, match="does not slow it now"):
        use.lift(db, actor=actor, now=now, subscription_id=subscription.id)


def test_what_cannot_be_is_said(db: Session, actor: Actor, now: datetime, heavy: Callable[[int], Subscription]) -> None:
    subscription = heavy(150)
    use.activate(db, actor=actor, now=now, subscription_id=subscription.id)
    plain = make_subscription(db, tenant_id=actor.tenant_id)

    with pytest.raises(Conflict, match="in tier 1 already"):
        use.activate(db, actor=actor, now=now, subscription_id=subscription.id)
    with pytest.raises(Conflict, match="no tier 9"):
        use.activate(db, actor=actor, now=now, subscription_id=subscription.id, tier=9)
    with pytest.raises(Conflict, match="no fair-use tier"):
        use.activate(db, actor=actor, now=now, subscription_id=plain.id)
