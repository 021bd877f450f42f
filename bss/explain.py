"""Why a login was decided as it was, and how one would be decided: asked by the helpdesk, changes nothing.

Runs the policy itself over what the database says, and reads recorded decisions back from their receipts. It knows
nothing of what only the running server knows: wrong passwords a moment ago, and logins whose session has not begun.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg import RawCursor
from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.failure import Invalid, NotFound, Problem
from bss.rows import find, referenced
from db.engine import psycopg_of
from db.models import AccessLog, NasServer, Subscription
from db.queries.access import OPEN_SESSIONS, parse_open_sessions, profiles_by_id
from db.queries.lists import recent_logins
from db.queries.receipts import receipts_by_id
from db.queries.routers import is_blocked
from domain.access import SERVICES, AccessProfile
from domain.mac import normalise_mac
from radius.authorizer import SILENT_S
from radius.pairs import UnableToRender
from radius.policies import compiled_steps
from radius.policies.types import Login, Place
from radius.receipts import Outcome, decide_in_full, login_again, read_receipt, recorded
from radius.store import Entry

# What a router says of a customer by itself, for conditions written by hand.
_REQUESTS: Mapping[str, Mapping[str, str]] = {
    "pppoe": {"Service-Type": "Framed-User", "Framed-Protocol": "PPP", "NAS-Port-Type": "Ethernet"},
    "vpn": {"Service-Type": "Framed-User", "Framed-Protocol": "PPP", "NAS-Port-Type": "Virtual"},
    "hotspot": {"Service-Type": "Login-User", "NAS-Port-Type": "Wireless-802.11"},
    "wireless": {"NAS-Port-Type": "Wireless-802.11"},
    "dot1x": {"Service-Type": "Framed-User", "NAS-Port-Type": "Ethernet"},
    "dhcp": {"NAS-Port-Type": "Ethernet"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """A login to imagine; what is left out is as at the last one: None stands for that."""

    at: datetime | None = None
    nas_server_id: int | None = None
    mac: str | None = None
    service: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """How a login would be decided, and for what login that is. `problem` says why its reply cannot be sent."""

    subscription_id: int
    username: str
    version: int
    at: datetime
    service: str
    mac: str | None
    nas_server_id: int | None
    nas_name: str | None
    other_sessions: int
    outcome: Outcome
    problem: str = ""
    attributes: tuple[tuple[str, str], ...] = field(default=())

    @property
    def is_accepted(self) -> bool:
        """Whether the login would be let in, if the password is right."""
        return self.outcome.refusal is None


def explain(session: Session, *, actor: Actor, now: datetime, subscription_id: int, wanted: Try) -> Explanation:
    """Decide the login that `wanted` describes by what the database says now; raises `NotFound` or `Invalid`."""
    row = find(session, Subscription, subscription_id, actor=actor)
    if row.deleted_at is not None:
        raise NotFound(Problem(field="", reason="there is no such subscription"))
    session.flush()
    profile, _ = profiles_by_id(psycopg_of(session), [row.id])[row.id]
    last = _last_login(session, row)
    router = _router(session, row, wanted, last, actor)
    login = _login(session, profile, wanted, last, router, now)
    outcome, problem = _outcome(login)
    return Explanation(
        subscription_id=row.id,
        username=row.username,
        version=profile.version,
        at=login.now,
        service=login.service,
        mac=login.mac,
        nas_server_id=None if router is None else router.id,
        nas_name=None if router is None else router.name,
        other_sessions=login.other_sessions,
        outcome=outcome,
        problem=problem,
        attributes=tuple((name, value[-1]) for name, *value in outcome.reply),
    )


def _last_login(session: Session, row: Subscription) -> AccessLog | None:
    found = recent_logins(session, tenant_id=row.tenant_id, subscription_id=row.id, before=None, limit=1)
    return found[0] if found else None


def _router(session: Session, row: Subscription, wanted: Try, last: AccessLog | None, actor: Actor) -> NasServer | None:
    if wanted.nas_server_id is not None:
        return referenced(session, NasServer, wanted.nas_server_id, actor=actor, field="nas_server_id")
    known = row.nas_server_id if last is None else last.nas_server_id
    return None if known is None else session.get(NasServer, known)


def _login(
    session: Session,
    profile: AccessProfile,
    wanted: Try,
    last: AccessLog | None,
    router: NasServer | None,
    now: datetime,
) -> Login:
    mac, service = _device(wanted, last, profile), _service(wanted, profile)
    return Login(
        profile=profile,
        service=service,
        now=(wanted.at or now).astimezone(UTC),
        mac=mac,
        other_sessions=_other_sessions(session, profile, mac, now),
        place=Place() if router is None else _place(router),
        is_blacklisted=mac is not None and is_blocked(psycopg_of(session), profile.tenant_id, mac),
        request=_request(service, mac, last),
    )


def _place(router: NasServer) -> Place:
    return Place(nas_server_id=router.id, nas_group_id=router.nas_group_id, vendor=router.type)


def _device(wanted: Try, last: AccessLog | None, profile: AccessProfile) -> str | None:
    if wanted.mac is None:
        # A DHCP subscription's name is its device.
        return normalise_mac((last.callingstationid or "") if last is not None else profile.username)
    mac = normalise_mac(wanted.mac)
    if mac is None:
        raise Invalid(Problem(field="mac", reason="is no MAC address", mend="write it like AA:BB:CC:DD:EE:FF"))
    return mac


def _service(wanted: Try, profile: AccessProfile) -> str:
    if wanted.service is None:
        usual = "hotspot" if profile.voucher is not None else "pppoe"
        return profile.connection_type if profile.connection_type in SERVICES else usual
    if wanted.service not in SERVICES:
        mend = f"use {', '.join(SERVICES)}"
        raise Invalid(Problem(field="service", reason="is no kind of access", mend=mend))
    return wanted.service


def _other_sessions(session: Session, profile: AccessProfile, mac: str | None, now: datetime) -> int:
    """How many other devices count as online, by the law that the server counts by."""
    entry = Entry((profile.tenant_id, profile.username), profile, (), now.timestamp())
    row = RawCursor(psycopg_of(session)).execute(OPEN_SESSIONS, [profile.subscription_id, SILENT_S]).fetchone()
    entry.sessions = {} if row is None else parse_open_sessions(row[0])
    return entry.others(mac, now.timestamp())


def _request(service: str, mac: str | None, last: AccessLog | None) -> dict[str, str]:
    said = (last.details or {}).get("request", {}) if last is not None else {}
    device = {} if mac is None else {"Calling-Station-Id": mac}
    return {**_REQUESTS.get(service, {}), **said, **device}


def _outcome(login: Login) -> tuple[Outcome, str]:
    try:
        return decide_in_full(login), ""
    except UnableToRender as error:
        return Outcome(rules=compiled_steps(login), refusal="policy_error", reason="policy_error", reply=()), str(error)


def recorded_outcomes(session: Session, decisions: Iterable[AccessLog], *, actor: Actor) -> dict[str, Outcome]:
    """How recorded decisions came about, by decision id; one whose receipt is not kept is not there."""
    rows = list(decisions)
    bodies = receipts_by_id(psycopg_of(session), [row.receipt_id for row in rows], tenant_id=actor.tenant_id)
    found: dict[str, Outcome] = {}
    for row in rows:
        body = bodies.get(row.receipt_id or "")
        if body is not None and row.tenant_id == actor.tenant_id:
            # A receipt that a later version wrote is as good as none to this one.
            with suppress(ValueError):
                found[row.decision_id] = _recorded(row, body)
    return found


def _recorded(row: AccessLog, body: Mapping[str, Any]) -> Outcome:
    told = read_receipt(body)
    return recorded(told, login_again(told, row), is_accepted=row.result == "accept", reason=row.reason)
