"""What `lintas doctor` says of routers: what their packets told, and whether CoA port and API answer.

A router that nobody uses yet has no fault; one whose CoA port was asked just now and is silent has.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from bss import nas, router_test
from bss.actor import Actor
from bss.router_api import access, reading
from bss.router_test import BAD, OK, Finding, RouterReport
from coa.connection import connect
from coa.probe import MOST_AT_ONCE, probe_due
from db.engine import one_session, psycopg_of
from db.models import NasServer
from db.queries.named import routers_in_use, tenant_named
from db.queries.router_removal import routers_being_removed
from runtime.settings import Settings

# In a router's one line when nothing is wrong: these are what customers depend on.
_TELLING = ("heard", "secret", "clock", "coa", "api")


class Line(NamedTuple):
    """What is said of a router; without `mend` all is well."""

    name: str
    reason: str
    mend: str = ""


def examine_routers(settings: Settings) -> Iterator[Line]:
    """Ask the CoA ports of the routers in use, at most two hundred of them, and tell what is known of each."""
    with one_session(settings.database_url) as session:
        routers = routers_in_use(session, limit=MOST_AT_ONCE + 1)
        _ask_ports(session, settings, routers[:MOST_AT_ONCE])
        yield from _lines(session, routers[:MOST_AT_ONCE])
        if len(routers) > MOST_AT_ONCE:
            mend = "For the others see their pages, or: lintas nas test ROUTER"
            yield Line("routers", f"only the first {MOST_AT_ONCE} were asked", mend)
        yield from _going(session)
        yield from _borrowed(session)


def _ask_ports(session: Session, settings: Settings, routers: list[NasServer]) -> None:
    for router in routers:
        router_test.ask(session, actor=_actor(router.tenant_id), now=_now(), nas_id=router.id)
    session.commit()
    with connect(settings.database_url) as connection:
        probe_due(connection, clock=_now, bind=settings.coa_bind)


def _lines(session: Session, routers: list[NasServer]) -> Iterator[Line]:
    for router in routers:
        session.refresh(router)
        told = router_test.report(session, actor=_actor(router.tenant_id), now=_now(), nas_id=router.id)
        faults = [line for line in told.findings if _is_fault(line)]
        for line in faults:
            yield Line(f"router {told.name}", line.reason, line.mend[:1].upper() + line.mend[1:])
        if not faults:
            yield Line(f"router {told.name}", _in_one(told))


def _is_fault(line: Finding) -> bool:
    # Silence of a port that was asked proves nothing to a program; to somebody who looks for a fault it is one.
    return bool(line.mend) and (line.verdict == BAD or (line.check == "coa" and line.at is not None))


def _in_one(told: RouterReport) -> str:
    known = [line.reason for line in told.findings if line.verdict == OK and line.check in _TELLING]
    unknown = [line.reason for line in told.findings if line.verdict != OK and line.check in _TELLING]
    return "; ".join([*known, *unknown])


def _going(session: Session) -> Iterator[Line]:
    for nas_id, tenant_id in routers_being_removed(psycopg_of(session)):
        told = nas.removal_of(session, actor=_actor(tenant_id), nas_id=nas_id)
        name = told.router.name
        if told.secrets:
            reason = f"is being removed and still has {told.secrets} names and passwords of ours"
            mend = f"It is asked again by itself; without waiting: lintas nas delete {name} --leave-secrets"
            yield Line(f"router {name}", reason, mend)


def _borrowed(session: Session) -> Iterator[Line]:
    tenant = tenant_named(session, None)
    router = None if tenant is None else access.environment_router(session, actor=_actor(tenant.id))
    if router is None:
        return
    mend = "Look at LINTAS_ROUTER_HOST and its companions in the settings"
    if not router.api_username:
        yield Line("router of the settings", "LINTAS_ROUTER_USERNAME is not set", mend)
        return
    tested = reading.try_target(access.target_of(router))
    yield Line("router of the settings", tested.message, "" if tested.is_well else mend)


def _actor(tenant_id: int) -> Actor:
    return Actor.system(tenant_id=tenant_id, name="doctor")


def _now() -> datetime:
    return datetime.now(UTC)
