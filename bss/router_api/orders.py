"""Asking for something on a router: a row in the outbox, written with the change that causes it.

Refuses what could not be sent anyway, at once; what the router says to the rest stands in the order.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.router_api.access import find_for_orders
from db.engine import psycopg_of
from db.models import NasServer
from db.queries.router_devices import routers_of_device
from db.queries.router_orders import Account, place_order
from domain.router_order import END_SESSIONS, FORGET_DEVICE, LIST_ENTRY, QUEUE, SECRET

_RATE = re.compile(r"\d{1,12}[kMG]?/\d{1,12}[kMG]?")
_TIME = re.compile(r"(\d{1,4}s?|\d{1,4}s?/\d{1,4}s?)")
_PRIORITY = re.compile(r"[1-8](/[1-8])?")
MAX_TIMEOUT_S = 35 * 86400


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordered:
    """What was asked for; the order says later what came of it."""

    order_id: int
    nas_id: int


def put_queue(session: Session, *, actor: Actor, now: datetime, nas_id: int, name: str, **queue: Any) -> Ordered:
    """Have a simple queue on the router: `target` and, as RouterOS writes them with upload first, `max_limit`,
    `limit_at`, `burst_limit`, `burst_threshold`, `burst_time`, `priority`, `comment`.
    """
    nas = find_for_orders(session, nas_id, actor=actor)
    clean = {"target": _target(queue.pop("target", ""))}
    comment = fields.text(queue.pop("comment", "") or "", field="comment", longest=200)
    for field, value in queue.items():
        if value:
            clean[field] = _spelled(field, value)
    wanted = clean | ({"comment": comment} if comment else {})
    return _order(session, actor, now, nas, QUEUE, _name(name, "name"), {"wanted": wanted})


def remove_queue(session: Session, *, actor: Actor, now: datetime, nas_id: int, name: str) -> Ordered:
    """Take a simple queue away."""
    nas = find_for_orders(session, nas_id, actor=actor)
    return _order(session, actor, now, nas, QUEUE, _name(name, "name"), {"remove": True})


def put_list_entry(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    nas_id: int,
    list_name: str,
    address: str,
    comment: str = "",
    timeout_s: int | None = None,
) -> Ordered:
    """Have an address in an address list, for so many seconds or for good."""
    nas, name, clean = find_for_orders(session, nas_id, actor=actor), _name(list_name, "list"), _network(address)
    seconds = fields.optional_whole(timeout_s, field="timeout_s", least=1, most=MAX_TIMEOUT_S)
    text = fields.text(comment, field="comment", longest=200)
    wanted = {"list": name, "address": clean, "comment": text or None, "timeout_s": seconds}
    return _order(session, actor, now, nas, LIST_ENTRY, f"{name} {clean}", {"wanted": wanted})


def remove_list_entry(
    session: Session, *, actor: Actor, now: datetime, nas_id: int, list_name: str, address: str
) -> Ordered:
    """Take an address out of an address list."""
    nas, name, clean = find_for_orders(session, nas_id, actor=actor), _name(list_name, "list"), _network(address)
    arguments = {"remove": True, "wanted": {"list": name, "address": clean}}
    return _order(session, actor, now, nas, LIST_ENTRY, f"{name} {clean}", arguments)


def end_sessions(session: Session, *, actor: Actor, now: datetime, nas_id: int, username: str) -> Ordered:
    """End whatever runs under a name on the router, PPP or hotspot, whether we know the name or not."""
    nas = find_for_orders(session, nas_id, actor=actor)
    return _order(session, actor, now, nas, END_SESSIONS, _name(username, "username"), {})


def forget_device(session: Session, *, actor: Actor, now: datetime, nas_id: int, mac: str) -> Ordered:
    """Take away what ties a device to the router: hotspot cookies and bindings, and its lease."""
    nas = find_for_orders(session, nas_id, actor=actor)
    return _order(session, actor, now, nas, FORGET_DEVICE, fields.mac(mac), {})


def forget_devices_of(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, macs: Sequence[str]
) -> tuple[int, ...]:
    """The same for devices that a subscription forgot, on every router it may have used; ids of the orders.

    Routers without an account for their API are left out: nothing can be done there.
    """
    connection = psycopg_of(session)
    return tuple(
        place_order(
            connection, tenant_id=actor.tenant_id, nas_id=nas_id, kind=FORGET_DEVICE, key=mac, reason="device_change",
            requested_by=actor.name, now=now,
        )
        for mac in macs
        for nas_id in routers_of_device(connection, subscription_id, mac)
    )  # fmt: skip


def order_secret(
    connection: psycopg.Connection[Any],
    router: NasServer | Account,
    username: str,
    *,
    reason: str,
    requested_by: str,
    now: datetime,
    arguments: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Have what a router knows under a name as it should be; what that is, is looked up when it is carried out."""
    return place_order(
        connection,
        tenant_id=router.tenant_id,
        nas_id=router.id,
        kind=SECRET,
        key=username,
        reason=reason,
        requested_by=requested_by,
        now=now,
        arguments=arguments,
    )


def _order(
    session: Session, actor: Actor, now: datetime, nas: NasServer, kind: str, key: str, arguments: Mapping[str, Any]
) -> Ordered:
    session.flush()
    order_id = place_order(
        psycopg_of(session), tenant_id=actor.tenant_id, nas_id=nas.id, kind=kind, key=key, reason="staff",
        requested_by=actor.name, now=now, arguments=arguments,
    )  # fmt: skip
    new = {"key": key, **{name: value for name, value in arguments.items() if name != "wanted"}}
    audit.record(session, actor=actor, now=now, action=f"nas.{kind}_ordered", entity=nas, new=new)
    session.flush()
    return Ordered(order_id=order_id, nas_id=nas.id)


def _name(value: object, field: str) -> str:
    name = fields.router_name(value, field=field)
    if name is None:
        raise Invalid(Problem(field=field, reason="is missing", mend="fill it in"))
    return name


def _network(value: object, field: str = "address") -> str:
    text = fields.text(value, field=field, longest=50, required=True)
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise Invalid(
            Problem(field=field, reason="is no address or network", mend="write it like 10.20.0.15 or 10.20.0.0/24")
        ) from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _target(value: object) -> str:
    parts = fields.text(value, field="target", longest=200, required=True).split(",")
    return ",".join(_network(part.strip(), "target") if part.strip()[:1].isdigit() else part.strip() for part in parts)


def _spelled(field: str, value: object) -> str:
    patterns = {"burst_time": _TIME, "priority": _PRIORITY}
    pattern = patterns.get(field, _RATE)
    text = fields.text(value, field=field, longest=40)
    if not pattern.fullmatch(text):
        mend = {"burst_time": "write seconds, like 8s/8s", "priority": "use 1 to 8"}.get(field, "write it like 5M/10M")
        raise Invalid(Problem(field=field, reason="cannot be read by the router", mend=mend))
    return text
