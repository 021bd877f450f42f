"""Secrets that staff keep on a router: listed, written, switched, removed, imported, and compared with the router.

Those of subscriptions follow their subscription and are changed there. Whatever is written here reaches the router by
an order, which says what came of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

import routeros
from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem, require_known
from bss.router_api.access import find_for_orders, target_of
from bss.router_api.dispatch import wanted_secrets
from bss.router_api.drift import Drift, compare
from bss.router_api.orders import Ordered, order_secret
from db.engine import psycopg_of
from db.models import NasServer, RouterSecret
from db.queries.router_orders import accounts_of
from db.queries.router_secrets import subscriptions_named
from db.queries.router_tables import secret_named
from domain.router_secret import SECRET_SERVICES, is_ours
from routeros import RouterApiError

EDITABLE = frozenset({"password", "service", "profile", "local_address", "remote_address", "comment", "is_disabled"})
# A page waits briefly; a person at a terminal for ten thousand secrets.
BRIEFLY_S, PATIENTLY_S = 0.9, 20.0
UNMATCHED_SHOWN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A stored secret and the order that carries it to the router. `str()` never shows the password."""

    row: RouterSecret
    order_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import did with the secrets of a router.

    `matched` belong to a subscription, `unmatched` (the first two hundred by name) to none; `stored` rows are new.
    """

    found: int
    matched: int
    stored: int
    unmatched_total: int
    unmatched: tuple[str, ...]


def save(
    session: Session, *, actor: Actor, now: datetime, nas_id: int, username: str, values: Mapping[str, Any]
) -> Written:
    """Add a secret to the router or change one; fields of `EDITABLE`, what is left out stays as it is.

    A password that was never given here stays what it is on the router. Raises `Conflict` for a subscription's.
    """
    require_known(values, EDITABLE)
    nas = find_for_orders(session, nas_id, actor=actor)
    name = fields.username(username, connection_type="any")
    row = secret_named(session, nas.id, name)
    _require_staffs(session, nas, name, now)
    clean = {field: _CLEANERS[field](value) for field, value in values.items()}
    if row is None:
        if clean.get("password") is None:
            raise Invalid(Problem(field="password", reason="is missing", mend="give the new secret a password"))
        row = RouterSecret(tenant_id=nas.tenant_id, nas_server_id=nas.id, username=name, origin="staff", **clean)
        session.add(row)
        old, new = dict[str, Any](), clean
    else:
        old, new = audit.set_fields(row, {field: value for field, value in clean.items() if value is not None})
    session.flush()
    audit.record(
        session, actor=actor, now=now, action="nas.router_secret_saved", entity=nas, old=old,
        new=new | {"username": name},
    )  # fmt: skip
    return Written(row=row, order_id=_order(session, actor, now, nas, name, {}))


def set_state(
    session: Session, *, actor: Actor, now: datetime, nas_id: int, username: str, is_disabled: bool
) -> Ordered:
    """Switch a secret off or on, also one that only the router knows."""
    nas = find_for_orders(session, nas_id, actor=actor)
    row = secret_named(session, nas.id, username)
    _require_staffs(session, nas, username, now)
    if row is not None:
        row.is_disabled = is_disabled
    word = "disabled" if is_disabled else "enabled"
    audit.record(
        session, actor=actor, now=now, action=f"nas.router_secret_{word}", entity=nas, new={"username": username}
    )
    order_id = _order(session, actor, now, nas, username, {"state": word})
    return Ordered(order_id=order_id, nas_id=nas.id)


def remove(session: Session, *, actor: Actor, now: datetime, nas_id: int, username: str) -> Ordered:
    """Take a secret away from the router, whoever wrote it there."""
    nas = find_for_orders(session, nas_id, actor=actor)
    row = secret_named(session, nas.id, username)
    _require_staffs(session, nas, username, now)
    if row is not None:
        session.delete(row)
    audit.record(
        session, actor=actor, now=now, action="nas.router_secret_removed", entity=nas, new={"username": username}
    )
    order_id = _order(session, actor, now, nas, username, {"remove": True})
    return Ordered(order_id=order_id, nas_id=nas.id)


def push(session: Session, *, actor: Actor, now: datetime, nas_id: int, username: str) -> Ordered:
    """Carry one secret to the router again, as it should be."""
    nas = find_for_orders(session, nas_id, actor=actor)
    return Ordered(order_id=_order(session, actor, now, nas, username, {}), nas_id=nas.id)


def push_all(session: Session, *, actor: Actor, now: datetime, nas_id: int) -> int:
    """The same for every secret that the router should have; returns how many orders."""
    nas = find_for_orders(session, nas_id, actor=actor)
    session.flush()
    connection = psycopg_of(session)
    wanted = wanted_secrets(connection, accounts_of(connection, [nas.id])[nas.id], None, now=now)
    for name in wanted:
        order_secret(connection, nas, name, reason="sync", requested_by=actor.name, now=now)
    audit.record(session, actor=actor, now=now, action="nas.router_secrets_synced", entity=nas, new={"n": len(wanted)})
    session.flush()
    return len(wanted)


def import_all(session: Session, *, actor: Actor, now: datetime, nas_id: int, wait_s: float = PATIENTLY_S) -> Imported:
    """Take the router's secrets into the database, matched by name to subscriptions; nothing changes on the router.

    A subscription's is only counted: it has its own password and terms. The others become staff's, with their passwords
    where the router shows them.
    """
    nas = find_for_orders(session, nas_id, actor=actor)
    ppp, hotspot = _read(nas, wait_s)
    rows = {**{row.name: row for row in hotspot if not row.is_dynamic}, **{row.name: row for row in ppp}}
    rows.pop("", None)
    matched = subscriptions_named(psycopg_of(session), nas.tenant_id, list(rows))
    unmatched = sorted(name for name in rows if name not in matched)
    stored = 0
    for name in unmatched:
        if not is_ours(rows[name].comment) and secret_named(session, nas.id, name) is None:
            session.add(_imported(nas, rows[name], now))
            stored += 1
    found = {"found": len(rows), "matched": len(matched), "stored": stored}
    audit.record(session, actor=actor, now=now, action="nas.router_secrets_imported", entity=nas, new=found)
    session.flush()
    return Imported(**found, unmatched_total=len(unmatched), unmatched=tuple(unmatched[:UNMATCHED_SHOWN]))


def drift(session: Session, *, actor: Actor, now: datetime, nas_id: int, wait_s: float = PATIENTLY_S) -> Drift:
    """How the router's secrets differ from what they should be; nothing is changed."""
    nas = find_for_orders(session, nas_id, actor=actor)
    there = _read(nas, wait_s)
    session.flush()
    connection = psycopg_of(session)
    return compare(wanted_secrets(connection, accounts_of(connection, [nas.id])[nas.id], None, now=now), there)


def _read(nas: NasServer, deadline_s: float) -> tuple[list[Any], list[Any]]:
    try:
        with routeros.open(target_of(nas), deadline_s=deadline_s) as router:
            return router.ppp_secrets(with_passwords=True), router.hotspot_users(with_passwords=True)
    except RouterApiError as error:
        mend = "test the connection on its page; for very many secrets use 'lintas nas secrets' on the server"
        raise Conflict(Problem(field="", reason=str(error), mend=mend)) from None


def _require_staffs(session: Session, nas: NasServer, username: str, now: datetime) -> None:
    """Raise `Conflict` for the secret of a subscription that this router should have."""
    session.flush()
    connection = psycopg_of(session)
    account = accounts_of(connection, [nas.id])[nas.id]
    secret, subscription_id = wanted_secrets(connection, account, [username], now=now).get(username, (None, None))
    if secret is not None and subscription_id is not None:
        raise Conflict(
            Problem(field="username", reason="is the secret of a subscription", mend="change the subscription instead")
        )


def _imported(nas: NasServer, row: Any, now: datetime) -> RouterSecret:
    is_ppp = hasattr(row, "service")
    service = row.service if is_ppp and row.service in SECRET_SERVICES else "any" if is_ppp else "hotspot"
    return RouterSecret(
        tenant_id=nas.tenant_id,
        nas_server_id=nas.id,
        username=row.name[:253],
        password=row.password or None,
        service=service,
        profile=row.profile[:100] or "default",
        local_address=row.local_address[:100] if is_ppp else "",
        remote_address=(row.remote_address if is_ppp else row.address)[:100],
        comment=row.comment[:255],
        is_disabled=row.is_disabled,
        origin="import",
        synced_at=now,
    )


def _order(
    session: Session, actor: Actor, now: datetime, nas: NasServer, username: str, arguments: Mapping[str, Any]
) -> int:
    session.flush()
    connection = psycopg_of(session)
    return order_secret(
        connection, nas, username, reason="staff", requested_by=actor.name, now=now, arguments=arguments
    )


def _password(value: Any) -> str | None:
    # One that comes from a router may be short; none of ours is.
    return None if value is None or value == "" else fields.password(value)


def _address(value: Any, field: str) -> str:
    text = fields.optional_text(value, field=field, longest=100) or ""
    if text and not text.isprintable():
        raise Invalid(Problem(field=field, reason="contains an invisible character", mend="type it again by hand"))
    return text


_CLEANERS: Mapping[str, Any] = {
    "password": _password,
    "service": lambda value: fields.one_of(value, field="service", allowed=SECRET_SERVICES),
    "profile": lambda value: fields.router_name(value, field="profile") or "default",
    "local_address": lambda value: _address(value, "local_address"),
    "remote_address": lambda value: _address(value, "remote_address"),
    "comment": lambda value: fields.text(value or "", field="comment", longest=200),
    "is_disabled": bool,
}
