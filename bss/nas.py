"""Routers: added with a secret of their own, edited, taken out of use, and the commands to paste into them."""

import re
import secrets
import string
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any, TypedDict, Unpack

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem, flush_or_conflict, require_known
from bss.outcome import Changed, Issued
from bss.router_api import removal
from bss.router_api.removal import Removal
from bss.rows import find, locked, referenced
from db.engine import psycopg_of
from db.models import NasGroup, NasServer
from db.models.nas import PROVISIONING_MODES
from db.queries.router_removal import routers_being_removed
from db.queries.rows import lock_row
from db.queries.sessions import count_running_on
from db.queries.staff import is_first_tenant
from db.queries.subscriptions import count_of_nas
from domain.access import NAS_TYPES, SERVICES
from domain.routeros_script import RouterSetup, render_script

SECRET_LENGTH = 32
SECRET_MIN_LENGTH = 16
# FreeRADIUS keeps a secret quoted in its configuration; longer than this serves nobody.
SECRET_MAX_LENGTH = 64
API_PASSWORD_MAX_LENGTH = 128
EDITABLE = frozenset(
    {
        "name",
        "host",
        "nas_identifier",
        "coa_port",
        "coa_per_second",
        "routeros_version",
        "require_message_authenticator",
        "acct_input_is",
        "location",
        "nas_group_id",
        "type",
        "service_map",
        "provisioning_mode",
        "api_port",
        "api_username",
        "api_password",
        "api_tls",
        "api_certificate_fingerprint",
        "latitude",
        "longitude",
        "configuration",
    }
)
# What belongs to one router alone: the address of its end of a PPP connection, for secrets that it keeps.
CONFIGURATION = ("local_address",)
ROUTEROS_VERSIONS = (6, 7)
INPUT_IS = ("upload", "download")


class ApiAccount(TypedDict, total=False):
    """How its API is reached, its pace, where it stands, and what belongs to it alone; all can be said later."""

    api_port: int
    api_username: str
    api_password: str | None
    api_tls: bool
    api_certificate_fingerprint: str | None
    latitude: float | None
    longitude: float | None
    configuration: Mapping[str, Any]
    coa_per_second: int


_TAKEN = {
    "uq_nas_servers_host": Problem(field="host", reason="belongs to another router", mend="check the address"),
    "uq_nas_servers_name": Problem(field="name", reason="belongs to another router", mend="choose another name"),
}


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    name: str,
    host: str,
    nas_identifier: str = "",
    coa_port: int = 3799,
    routeros_version: int = 7,
    require_message_authenticator: bool | None = None,
    acct_input_is: str = "upload",
    location: str = "",
    nas_group_id: int | None = None,
    type: str = "mikrotik",  # noqa: A002 - the column's name
    service_map: Mapping[str, str] | None = None,
    provisioning_mode: str = "radius",
    radius_secret: str | None = None,
    **more: Unpack[ApiAccount],
) -> Issued[NasServer]:
    """Add a router known by the address it sends from. The secret in the answer goes into the router.

    Message-Authenticator is required from RouterOS 7 unless said otherwise; RouterOS 6 does not send it.
    """
    require_known(more, EDITABLE)
    given = {
        "name": name,
        "host": host,
        "nas_identifier": nas_identifier,
        "coa_port": coa_port,
        "routeros_version": routeros_version,
        "acct_input_is": acct_input_is,
        "location": location,
        "nas_group_id": nas_group_id,
        "type": type,
    } | {"service_map": service_map or {}, "provisioning_mode": provisioning_mode, **more}
    clean, required = _checked(session, actor, given), require_message_authenticator
    _check_position(clean.get("latitude"), clean.get("longitude"))
    if required is None:
        required = clean["routeros_version"] >= 7
    secret = new_secret() if radius_secret is None else _secret(radius_secret)
    fixed = {"tenant_id": actor.tenant_id, "is_active": True, "status": "unknown"}
    router = NasServer(**clean, **fixed, require_message_authenticator=required, radius_secret=secret)
    session.add(router)
    flush_or_conflict(session, _TAKEN)
    _record(session, actor, now, "created", router, new=clean | {"require_message_authenticator": required})
    return Issued(row=router, secret=secret)


def edit(
    session: Session, *, actor: Actor, now: datetime, nas_id: int, changes: Mapping[str, Any]
) -> Changed[NasServer]:
    """Change fields of `EDITABLE`; the RADIUS server takes them up within seconds."""
    require_known(changes, EDITABLE)
    router = locked(session, NasServer, nas_id, actor=actor)
    clean = _checked(session, actor, changes)
    _check_position(clean.get("latitude", router.latitude), clean.get("longitude", router.longitude))
    old, new = audit.set_fields(router, clean)
    if "host" in new:
        _forget_evidence(router)
    flush_or_conflict(session, _TAKEN)
    if new:
        _record(session, actor, now, "updated", router, old=old, new=new)
    return Changed(row=router)


def change_secret(
    session: Session, *, actor: Actor, now: datetime, nas_id: int, radius_secret: str | None = None
) -> Issued[NasServer]:
    """Give the router a new secret (made unless given). Until it is pasted there, its logins fail."""
    router = locked(session, NasServer, nas_id, actor=actor)
    secret = new_secret() if radius_secret is None else _secret(radius_secret)
    router.radius_secret = secret
    _forget_evidence(router)
    _record(session, actor, now, "secret_changed", router, new={"radius_secret": secret})
    session.flush()
    return Issued(row=router, secret=secret)


def deactivate(
    session: Session, *, actor: Actor, now: datetime, nas_id: int, take_secrets: bool = False
) -> Changed[NasServer]:
    """Stop answering the router; what it sends is ignored.

    Whom it knows by itself it goes on letting in, unless `take_secrets` has their passwords kept with RADIUS alone from
    now on; the router is then ordered to give them up.
    """
    values = {"is_active": False} | ({"provisioning_mode": "radius"} if take_secrets else {})
    changed = _set_active(session, actor, now, nas_id, values)
    removal.order_strays(session, changed.row, actor=actor, now=now)
    return changed


def reactivate(session: Session, *, actor: Actor, now: datetime, nas_id: int) -> Changed[NasServer]:
    """Answer the router again, also one that was being removed."""
    changed = _set_active(session, actor, now, nas_id, {"is_active": True})
    removal.keep(session, changed.row, actor=actor, now=now)
    return changed


def delete(session: Session, *, actor: Actor, now: datetime, nas_id: int, leave_secrets: bool = False) -> Removal:
    """Remove a router that no subscription names and that has no running session.

    Where names and passwords of ours are on it, it is switched off and ordered to give them up, and goes when they are
    gone; `leave_secrets` removes it at once and says what stays there.
    """
    router = locked(session, NasServer, nas_id, actor=actor)
    _require_unused(session, router)
    return removal.begin(session, router, actor=actor, now=now, leave=leave_secrets)


def removal_of(session: Session, *, actor: Actor, nas_id: int) -> Removal:
    """What deleting would mean now, or how far it is."""
    return removal.of(session, find(session, NasServer, nas_id, actor=actor))


def finish_removals(session: Session, *, now: datetime) -> int:
    """Remove the routers that gave up everything of ours; one that is in use again waits. Returns how many."""
    waiting = routers_being_removed(psycopg_of(session))
    found = [lock_row(session, NasServer, nas_id, tenant_id=tenant_id) for nas_id, tenant_id in waiting]
    unused = [router for router in found if router is not None and not any(_use_of(session, router))]
    return sum(removal.finish(session, router, now=now) for router in unused)


def _require_unused(session: Session, router: NasServer) -> None:
    subscriptions, running = _use_of(session, router)
    if subscriptions or running:
        raise Conflict(
            Problem(
                field="",
                reason=f"{subscriptions} subscriptions and {running} running sessions belong to this router",
                mend="move them to another router first, or deactivate this one",
            )
        )


def _use_of(session: Session, router: NasServer) -> tuple[int, int]:
    return count_of_nas(session, router.id), count_running_on(session, router.id)


def setup_script(
    session: Session, *, actor: Actor, nas_id: int, server_address: str, auth_port: int = 1812, acct_port: int = 1813
) -> str:
    """The commands to paste into this router. They hold its secret: for those who may manage routers only."""
    router = find(session, NasServer, nas_id, actor=actor)
    return script_of(router, server_address=server_address, auth_port=auth_port, acct_port=acct_port)


def script_of(router: NasServer, *, server_address: str, auth_port: int = 1812, acct_port: int = 1813) -> str:
    """The same for a row at hand; `server_address` is the IP under which the router reaches RADIUS."""
    return render_script(
        RouterSetup(
            name=router.name,
            server=fields.host_address(server_address, field="server_address"),
            secret=router.radius_secret,
            auth_port=auth_port,
            acct_port=acct_port,
            coa_port=router.coa_port,
            routeros_version=router.routeros_version,
        )
    )


def new_secret() -> str:
    """A secret of letters and digits: 190 bits, and safe in every configuration file."""
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(SECRET_LENGTH))


def _set_active(
    session: Session, actor: Actor, now: datetime, nas_id: int, values: Mapping[str, Any]
) -> Changed[NasServer]:
    router = locked(session, NasServer, nas_id, actor=actor)
    old, new = audit.set_fields(router, values)
    if new:
        what = "reactivated" if values["is_active"] else "deactivated"
        _record(session, actor, now, what, router, old=old, new=new)
    session.flush()
    return Changed(row=router)


def _secret(value: str) -> str:
    long_enough = isinstance(value, str) and SECRET_MIN_LENGTH <= len(value) <= SECRET_MAX_LENGTH
    if not long_enough or not value.isascii() or not value.isprintable() or " " in value:
        raise Invalid(
            Problem(
                field="radius_secret",
                reason=f"is not {SECRET_MIN_LENGTH} to {SECRET_MAX_LENGTH} printable ASCII characters without spaces",
                mend="leave it empty and one is made",
            )
        )
    return value


def _service_map(value: Any) -> dict[str, str]:
    """Detected service to the one it is; a service that stays what it is says nothing and is left out."""
    if not isinstance(value, Mapping):
        raise Invalid(Problem(field="service_map", reason="is no list of services", mend="name services in pairs"))
    for detected, is_one in value.items():
        if detected not in SERVICES or is_one not in SERVICES:
            mend = f"use {', '.join(SERVICES)}"
            raise Invalid(Problem(field="service_map", reason="names an unknown service", mend=mend))
    return {str(detected): str(is_one) for detected, is_one in value.items() if detected != is_one}


def _forget_evidence(router: NasServer) -> None:
    """What its packets told says nothing any more: another address or secret has to prove itself anew."""
    router.signs_requests = router.unsigned_seen_at = router.login_heard_at = router.unreadable_at = None
    router.last_seen_at = router.clock_skew_s = None


def _checked(session: Session, actor: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
    """Clean values, whose group is one of the provider's own, and whose address is not the server's."""
    clean = _clean(given)
    if "host" in clean and _is_of_server(clean["host"]) and not is_first_tenant(session, actor.tenant_id):
        mend = "write the address that the router sends from"
        raise Invalid(Problem(field="host", reason="is an address of the server itself", mend=mend))
    if clean.get("nas_group_id") is not None:
        referenced(session, NasGroup, clean["nas_group_id"], actor=actor, field="nas_group_id")
    return clean


def _is_of_server(host: str) -> bool:
    """Whether what is asked there is this machine or a cloud's metadata: only who runs them may name them a router."""
    address = ip_address(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_link_local


def _check_position(latitude: float | None, longitude: float | None) -> None:
    if (latitude is None) != (longitude is None):
        field = "latitude" if latitude is None else "longitude"
        raise Invalid(Problem(field=field, reason="is missing", mend="give both, or none"))


def _api_password(value: Any) -> str | None:
    # As the router has it: spaces at its ends count.
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > API_PASSWORD_MAX_LENGTH or not value.isprintable():
        reason = f"is not {API_PASSWORD_MAX_LENGTH} printable characters at most"
        raise Invalid(Problem(field="api_password", reason=reason, mend="type it again by hand"))
    return value


def _fingerprint(value: Any) -> str | None:
    text = fields.optional_text(value, field="api_certificate_fingerprint", longest=100)
    digits = None if text is None else text.replace(":", "").lower()
    if digits is not None and not re.fullmatch("[0-9a-f]{64}", digits):
        mend = "use the 64 digits that the connection test shows"
        raise Invalid(Problem(field="api_certificate_fingerprint", reason="is no SHA-256 fingerprint", mend=mend))
    return digits


def _degrees(value: Any, field: str, most: int) -> float | None:
    if value is None or value == "":
        return None
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
    if not -most <= number <= most:
        raise Invalid(Problem(field=field, reason="is out of range", mend=f"use degrees from -{most} to {most}"))
    return number


def _configuration(value: Any) -> dict[str, str]:
    """Only what is known, so that a misspelt word is an error and not silence."""
    if not isinstance(value, Mapping) or not set(value) <= set(CONFIGURATION):
        mend = f"use {', '.join(CONFIGURATION)}"
        raise Invalid(Problem(field="configuration", reason="names something unknown", mend=mend))
    local = value.get("local_address") or None
    return {} if local is None else {"local_address": fields.host_address(local, field="configuration.local_address")}


def _version(value: Any) -> int:
    if value not in ROUTEROS_VERSIONS:
        raise Invalid(Problem(field="routeros_version", reason="is not a known version", mend="use 6 or 7"))
    return int(value)


def _clean(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _CLEANERS[name](value) for name, value in given.items()}


_CLEANERS: Mapping[str, Callable[[Any], Any]] = {
    "name": lambda value: fields.text(value, field="name", longest=100, required=True),
    "host": fields.host_address,
    "nas_identifier": lambda value: fields.text(value, field="nas_identifier", longest=253),
    "coa_port": lambda value: fields.whole(value, field="coa_port", least=1, most=65535),
    "coa_per_second": lambda value: fields.whole(value, field="coa_per_second", least=1, most=10_000),
    "routeros_version": _version,
    "require_message_authenticator": bool,
    "acct_input_is": lambda value: fields.one_of(value, field="acct_input_is", allowed=INPUT_IS),
    "location": lambda value: fields.text(value, field="location", longest=255),
    "service_map": _service_map,
    "provisioning_mode": lambda value: fields.one_of(value, field="provisioning_mode", allowed=PROVISIONING_MODES),
    "type": lambda value: fields.one_of(value, field="type", allowed=NAS_TYPES),
    "api_port": lambda value: fields.whole(value, field="api_port", least=1, most=65535),
    "api_username": lambda value: fields.text(value, field="api_username", longest=100),
    "api_password": _api_password,
    "api_tls": bool,
    "api_certificate_fingerprint": _fingerprint,
    "latitude": lambda value: _degrees(value, "latitude", 90),
    "longitude": lambda value: _degrees(value, "longitude", 180),
    "configuration": _configuration,
    "nas_group_id": lambda value: fields.optional_whole(value, field="nas_group_id", least=1, most=2**63 - 1),
}


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    what: str,
    router: NasServer,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    audit.record(session, actor=actor, now=now, action=f"nas.{what}", entity=router, old=old, new=new)
