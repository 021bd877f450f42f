"""Temporary speeds end on the live session too: what staff gave "for two hours" is taken back when they are over.

A login asks the clock itself; a session that simply runs on has to be told.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, network
from bss.actor import Actor
from bss.outcome import Effect
from db.queries.subscriptions import lock_over_speeds

ACTOR_NAME = "temporary speeds"
BATCH = 500


def end_over(session: Session, *, now: datetime, limit: int = BATCH) -> tuple[int, Effect]:
    """Clear speeds whose time is over and give the sessions their usual rate; (how many ended, what it changes).

    Rows that another transaction holds are left for the next run.
    """
    effect, ended = Effect(), lock_over_speeds(session, now=now, limit=limit)
    for subscription in ended:
        actor = Actor.system(tenant_id=subscription.tenant_id, name=ACTOR_NAME)
        limits = subscription.limits
        if limits is None:
            continue
        cleared = {"download_kbps": None, "upload_kbps": None, "speed_expires_at": None}
        old, new = audit.set_fields(limits, cleared)
        audit.record(
            session,
            actor=actor,
            now=now,
            action="subscription.speed_ended",
            entity=subscription,
            customer_id=subscription.customer_id,
            old=old,
            new=new,
        )
        effect += network.apply_speed(
            session, actor=actor, now=now, reason="speed_change", subscription_ids=[subscription.id]
        )
    session.flush()
    return len(ended), effect
