"""Ending running sessions, or giving them their speed again, because a member of staff asked for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.outcome import Changed, Effect
from bss.rows import find
from db.models import NasServer, RadAcct, Subscription
from db.queries.sessions import find_running, running_as, running_named
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


# So many sessions are changed by a list of them; more are asked for by a filter (`bss.bulk_changes`).
MOST_MARKED = 500
MARKED_KINDS = ("disconnect", "speed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """What a change of these sessions would meet: how many still run, on which routers, and how many are of nobody.

    Those of nobody have no subscription here, so they are left alone.
    """

    asked: int
    running: int
    strangers: int
    routers: tuple[tuple[str, int], ...]


def look_at_marked(session: Session, *, actor: Actor, session_ids: Sequence[str]) -> Marked:
    """What there is now of the sessions that were marked, before anything is done with them."""
    names = _marked(session_ids)
    running = running_named(session, names, tenant_id=actor.tenant_id)
    per_router = Counter(name for _, _, name in running)
    return Marked(
        asked=len(names),
        running=len(running),
        strangers=sum(owner is None for _, owner, _ in running),
        routers=tuple(sorted(per_router.items(), key=lambda item: (-item[1], item[0]))),
    )


def change_marked(session: Session, *, actor: Actor, now: datetime, kind: str, session_ids: Sequence[str]) -> Effect:
    """Disconnect the sessions with these unique ids, or put their speed into force ("speed").

    One that ended meanwhile, or belongs to no subscription of ours, is no reason not to go on with the others.
    """
    fields.one_of(kind, field="kind", allowed=MARKED_KINDS)
    running = running_named(session, _marked(session_ids), tenant_id=actor.tenant_id)
    mine = {name: owner for name, owner, _ in running if owner is not None}
    change = network.disconnect_sessions if kind == "disconnect" else network.apply_speed_to
    effect = change(session, actor=actor, now=now, reason="staff", sessions=list(mine))
    action = "disconnected" if kind == "disconnect" else "speed_resent"
    for owner in sorted(set(mine.values())):
        subscription = session.get(Subscription, owner)
        if subscription is not None:
            told = ", ".join(sorted(name for name, whose in mine.items() if whose == owner))
            _record(session, actor, now, subscription, action=action, sessions=told)
    return effect


def _marked(session_ids: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(session_ids))
    if len(names) > MOST_MARKED:
        mend = "narrow the list and change all that fit"
        raise Invalid(Problem(field="session", reason=f"more than {MOST_MARKED} are marked", mend=mend))
    return names


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


def resend_speed(session: Session, *, actor: Actor, now: datetime, subscription_id: int) -> Changed[Subscription]:
    """Tell the routers of its running sessions once more at which rate they should be; not of those in a garden."""
    subscription = find(session, Subscription, subscription_id, actor=actor)
    effect = network.apply_speed(session, actor=actor, now=now, reason="staff", subscription_ids=[subscription.id])
    _record(session, actor, now, subscription, action="speed_resent", sessions=str(effect.sessions))
    return Changed(row=subscription, effect=effect)


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    subscription: Subscription,
    *,
    action: str = "disconnected",
    **new: str,
) -> None:
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"subscription.{action}",
        entity=subscription,
        customer_id=subscription.customer_id,
        new=new,
    )
