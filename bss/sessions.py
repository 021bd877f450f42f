"""Ending running sessions because a member of staff asked for it."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.failure import Conflict, NotFound, Problem
from bss.outcome import Changed
from bss.rows import find
from db.models import NasServer, RadAcct, Subscription
from db.queries.sessions import find_running, running_as
from domain.integrity import Grade

# What each grade says, for API and command line.
GRADES: Mapping[Grade, str] = {
    Grade.COMPLETE: "Start, reports and Stop came: the figures are the router's own.",
    Grade.RUNNING: "Start and all reports so far came.",
    Grade.GAP: "The Start or some reports did not come, so traffic is spread evenly over the time between.",
    Grade.SKEWED: "The router's clock was wrong: the traffic is right, times may be off.",
    Grade.ESTIMATED_CLOSE: "No Stop came: it ends when it was last heard, and later traffic is not counted.",
    Grade.RESET: "The router's counters fell during the session: the total is put together from parts.",
}


def disconnect_session(session: Session, *, actor: Actor, now: datetime, session_id: str) -> Changed[RadAcct]:
    """End one running session, named by its unique id (`acctuniqueid`)."""
    running = find_running(session, session_id, tenant_id=actor.tenant_id)
    if running is None:
        raise NotFound(Problem(field="", reason="there is no such running session", mend="load the list again"))
    if running.subscription_id is None:
        raise Conflict(
            Problem(
                field="",
                reason="this session belongs to no subscription of ours, so the router alone can end it",
                mend="end it by its username on the router's page",
            )
        )
    effect = network.disconnect_sessions(session, actor=actor, now=now, reason="staff", sessions=[session_id])
    subscription = session.get(Subscription, running.subscription_id)
    if subscription is not None:
        _record(session, actor, now, subscription, session_id=running.acctsessionid)
    return Changed(row=running, effect=effect)


def disconnect_username(
    session: Session, *, actor: Actor, now: datetime, nas_id: int, username: str
) -> Changed[NasServer]:
    """End every session that runs under exactly this name on a router, also one that belongs to no subscription.

    Nobody online under it is a success without effect.
    """
    router = find(session, NasServer, nas_id, actor=actor)
    name = fields.text(username, field="username", longest=253, required=True)
    running = running_as(session, name, nas_server_id=router.id, tenant_id=actor.tenant_id)
    effect = network.disconnect_sessions(
        session, actor=actor, now=now, reason="staff", sessions=running, strangers=True
    )
    new = {"username": name, "sessions": len(running)}
    audit.record(session, actor=actor, now=now, action="nas.user_disconnected", entity=router, new=new)
    return Changed(row=router, effect=effect)


def disconnect_subscription(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int
) -> Changed[Subscription]:
    """End every running session of a subscription; it may log in again at once."""
    subscription = find(session, Subscription, subscription_id, actor=actor)
    effect = network.disconnect(session, actor=actor, now=now, reason="staff", subscription_ids=[subscription.id])
    _record(session, actor, now, subscription, sessions=str(effect.sessions))
    return Changed(row=subscription, effect=effect)


def _record(session: Session, actor: Actor, now: datetime, subscription: Subscription, **new: str) -> None:
    audit.record(
        session,
        actor=actor,
        now=now,
        action="subscription.disconnected",
        entity=subscription,
        customer_id=subscription.customer_id,
        new=new,
    )
