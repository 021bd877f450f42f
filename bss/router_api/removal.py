"""Taking our names and passwords from a router before it is removed, so that it lets nobody in by itself afterwards.

A router that has some is switched off and ordered to give them up; when it has, it is removed by a job. One that does
not answer keeps them: staff see which, and may remove it all the same.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.failure import Conflict, Problem
from bss.router_api.dispatch import wanted_secrets
from bss.router_api.orders import order_secret
from db.engine import psycopg_of
from db.models import NasServer
from db.queries import router_removal as queries
from db.queries.router_orders import accounts_of
from db.queries.router_removal import REMOVAL
from db.queries.router_secrets import holders

NAMES_SHOWN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """How far the removal of a router is, and what of ours is on it: `secrets` in all, the first two hundred by name.

    `waiting` and `failed` count their orders, `problem` is what the router said last. `is_asked`: it goes when they are
    gone. `is_removed`: it is gone, and what stands here stays on it.
    """

    router: NasServer
    is_asked: bool
    is_removed: bool
    secrets: int
    waiting: int
    failed: int
    problem: str | None
    names: tuple[str, ...]


def of(session: Session, router: NasServer) -> Removal:
    """How it stands now, also before anybody asked."""
    session.flush()
    connection = psycopg_of(session)
    left = queries.left_on(connection, router.id)
    statuses = [one.status for one in left]
    return Removal(
        router=router,
        is_asked=router.deleted_at is None and queries.is_being_removed(connection, router.id),
        is_removed=router.deleted_at is not None,
        secrets=len(left),
        waiting=statuses.count("pending") + statuses.count("sending"),
        failed=statuses.count("failed"),
        problem=next((one.problem for one in left if one.problem), None),
        names=tuple(one.username for one in left[:NAMES_SHOWN]),
    )


def begin(session: Session, router: NasServer, *, actor: Actor, now: datetime, leave: bool) -> Removal:
    """Remove a router that nothing uses: at once where it has nothing of ours, or when that is to stay there.

    Asking again orders anew what was given up. Raises `Conflict` when it cannot be asked for lack of an account.
    """
    left = of(session, router)
    if leave or not left.secrets:
        return _end(session, router, actor=actor, now=now)
    if router.type != "mikrotik" or not router.api_username:
        reason = f"{left.secrets} of our secrets are on it, and there is no account for its API to take them away"
        raise Conflict(Problem(field="", reason=reason, mend="give it an account, or remove it and leave them there"))
    router.is_active = False
    connection = psycopg_of(session)
    for one in queries.left_on(connection, router.id):
        # A customer's goes only with our mark on it; staff's own may have any comment.
        arguments = {"remove": True} if one.is_staffs else {}
        order_secret(
            connection, router, one.username, reason=REMOVAL, requested_by=actor.name, now=now, arguments=arguments
        )
    new = {"secrets": left.secrets}
    audit.record(session, actor=actor, now=now, action="nas.removal_ordered", entity=router, new=new)
    return of(session, router)


def keep(session: Session, router: NasServer, *, actor: Actor, now: datetime) -> None:
    """A router is used again: nothing more is taken away, and what it should have is carried there anew."""
    session.flush()
    connection = psycopg_of(session)
    queries.withdraw(connection, router.id, why="the router is kept", now=now)
    account = accounts_of(connection, [router.id]).get(router.id)
    for name in () if account is None else wanted_secrets(connection, account, None, now=now):
        order_secret(connection, router, name, reason="router", requested_by=actor.name, now=now)


def order_strays(session: Session, router: NasServer, *, actor: Actor, now: datetime) -> int:
    """Order away the secrets of those who are another router's by now; returns how many.

    Subscriptions that name no router are the first active router's, so switching one off or on moves them.
    """
    session.flush()
    connection = psycopg_of(session)
    strays = queries.strays_on(connection, router.id, list(holders(connection, router.id)))
    for name in strays:
        order_secret(connection, router, name, reason="router", requested_by=actor.name, now=now)
    return len(strays)


def finish(session: Session, router: NasServer, *, now: datetime) -> bool:
    """Remove a router whose secrets are gone; false while some are there."""
    if of(session, router).secrets:
        return False
    _end(session, router, actor=Actor.system(tenant_id=router.tenant_id, name="router removal"), now=now)
    return True


def _end(session: Session, router: NasServer, *, actor: Actor, now: datetime) -> Removal:
    stays = of(session, router)
    queries.withdraw(psycopg_of(session), router.id, why="the router was removed", now=now)
    router.deleted_at, router.is_active = now, False
    new = {"secrets_left_on_it": stays.secrets} if stays.secrets else None
    audit.record(session, actor=actor, now=now, action="nas.deleted", entity=router, new=new)
    session.flush()
    return Removal(
        router=router,
        is_asked=False,
        is_removed=True,
        secrets=stays.secrets,
        waiting=0,
        failed=stays.failed,
        problem=stays.problem,
        names=stays.names,
    )
