"""How a router's API is reached: the router's own account, the provider's first router, or the one in the settings."""

from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.failure import Conflict, Problem
from bss.rows import find, locked
from db.engine import psycopg_of
from db.models import NasServer
from db.models.nas import ENVIRONMENT_ID
from db.queries.named import default_nas, may_borrow_router
from db.queries.router_orders import Account
from db.queries.router_snapshots import record_check
from routeros import CertificateChanged, CertificateUnknown, LoginRefused, RouterApiError, Target
from runtime.settings import get_settings

NO_ACCOUNT = "there is no account for the router's API"
ENVIRONMENT_NAME = "environment"


def target_of(nas: NasServer) -> Target:
    """Where and as whom a router is asked; raises `Conflict` when it has no account."""
    if nas.type != "mikrotik":
        raise Conflict(Problem(field="", reason="only MikroTik routers have this API", mend="see its own pages"))
    if not nas.api_username:
        raise Conflict(
            Problem(field="api_username", reason=NO_ACCOUNT, mend="edit the router and give it name and password")
        )
    return Target(
        host=str(nas.host),
        port=nas.api_port,
        username=nas.api_username,
        password=nas.api_password or "",
        is_tls=nas.api_tls,
        fingerprint=nas.api_certificate_fingerprint,
    )


def target_of_account(account: Account) -> Target:
    """The same from the row that a job read; raises `UnableToDecrypt`."""
    return Target(**account.target)


def default_router(session: Session, *, actor: Actor) -> NasServer | None:
    """The router of those who name none: the first one in use, or the one in the settings; None without either."""
    return default_nas(session, tenant_id=actor.tenant_id) or environment_router(session, actor=actor)


def environment_router(session: Session, *, actor: Actor) -> NasServer | None:
    """The router that the settings name, while the provider has none in the database; it is in no table.

    It can be looked at. What is ordered, kept or trusted needs a row, so none of that is done for it.
    """
    settings = get_settings()
    if not settings.router_host or not may_borrow_router(session, tenant_id=actor.tenant_id):
        return None
    return NasServer(
        id=ENVIRONMENT_ID,
        tenant_id=actor.tenant_id,
        name=ENVIRONMENT_NAME,
        host=settings.router_host,
        type="mikrotik",
        nas_identifier="",
        location="",
        is_active=True,
        status="unknown",
        provisioning_mode="radius",
        configuration={},
        service_map={},
        api_port=settings.router_port or (8729 if settings.router_tls else 8728),
        api_username=settings.router_username,
        api_password=settings.router_password.get_secret_value() or None,
        api_tls=settings.router_tls,
        api_certificate_fingerprint=settings.router_fingerprint or None,
    )


def trust_certificate(session: Session, *, actor: Actor, now: datetime, nas_id: int, fingerprint: str) -> NasServer:
    """Say that the certificate with this fingerprint is the router's; from then on no other is talked to."""
    router = locked(session, NasServer, nas_id, actor=actor)
    clean = fingerprint.replace(":", "").strip().lower()
    if len(clean) != 64 or not set(clean) <= set("0123456789abcdef"):
        raise Conflict(
            Problem(
                field="fingerprint", reason="is no SHA-256 fingerprint", mend="use the 64 digits that the test shows"
            )
        )
    old, new = audit.set_fields(router, {"api_certificate_fingerprint": clean, "api_tls": True})
    if new:
        audit.record(session, actor=actor, now=now, action="nas.certificate_trusted", entity=router, old=old, new=new)
    session.flush()
    return router


def record_answer(session: Session, nas: NasServer, *, now: datetime) -> None:
    """The router's API answered."""
    record_check(psycopg_of(session), nas.id, status="online", problem=None, answered=True, now=now)


def status_after(error: RouterApiError, *, is_heard: bool) -> str:
    """What a failed question says about the router: one that refuses a login is there, and so is one whose packets
    arrive.
    """
    is_there = is_heard or isinstance(error, LoginRefused | CertificateUnknown | CertificateChanged)
    return "online" if is_there else "offline"


def find_router(session: Session, nas_id: int, *, actor: Actor) -> NasServer:
    """A router to look at: one of the provider's own, or the one in the settings."""
    found = environment_router(session, actor=actor) if nas_id == ENVIRONMENT_ID else None
    return found or find(session, NasServer, nas_id, actor=actor)


def find_for_orders(session: Session, nas_id: int, *, actor: Actor) -> NasServer:
    """A router on which something is to be done or compared: it has a row, and an account for its API."""
    nas = find_router(session, nas_id, actor=actor)
    if nas.is_from_environment:
        mend = "add the router here to change something on it"
        raise Conflict(Problem(field="", reason="the router of the settings can only be looked at", mend=mend))
    target_of(nas)
    return nas
