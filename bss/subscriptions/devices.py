"""The devices of a subscription: listed, approved, blocked, removed, and whether only they may log in."""

from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.failure import Conflict, NotFound, Problem
from bss.outcome import Changed, Effect
from bss.router_api.orders import forget_devices_of
from bss.rows import locked
from bss.subscriptions.values import MAX_MACS, record, require_not_over
from db.models import Subscription, SubscriptionMac
from db.models.subscriptions import MAC_STATUSES
from domain.access import MAC_BINDINGS, device_reason


def set_mac_binding(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    mac_binding: str,
    version: int | None = None,
) -> Changed[Subscription]:
    """Which devices may log in: any ("off"), those approved ("fixed"), the first that comes and is then approved by
    itself ("learn"), or those that staff approve when they are first seen ("approval").

    Sessions of devices that could not log in again now are ended. While none is approved, "fixed" binds to nothing.
    """
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    wanted = fields.one_of(mac_binding, field="mac_binding", allowed=MAC_BINDINGS)
    old, new = audit.set_fields(subscription, {"mac_binding": wanted})
    session.flush()
    if not new:
        return Changed(row=subscription)
    record(session, actor, now, "mac_binding_changed", subscription, old=old, new=new)
    return Changed(row=subscription, effect=_end_refused(session, actor, now, subscription))


def add_mac(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    mac: str,
    status: str = "approved",
    note: str = "",
) -> Changed[SubscriptionMac]:
    """Put a device on the subscription's list. Sessions of devices that the list now keeps out are ended."""
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    require_not_over(subscription)
    normal = fields.mac(mac)
    if len(subscription.macs) >= MAX_MACS:
        raise Conflict(Problem(field="mac", reason=f"the list holds {MAX_MACS} devices", mend="remove one first"))
    if any(str(row.mac).upper() == normal for row in subscription.macs):
        raise Conflict(Problem(field="mac", reason="is on the list already", mend="approve or block it there"))
    row = SubscriptionMac(
        tenant_id=actor.tenant_id,
        subscription_id=subscription.id,
        mac=normal,
        status=fields.one_of(status, field="status", allowed=MAC_STATUSES),
        source="manual",
        note=fields.text(note, field="note", longest=255),
    )
    subscription.macs.append(row)
    session.flush()
    record(session, actor, now, "mac_added", subscription, new={"mac": normal, "status": status})
    return Changed(row=row, effect=_end_refused(session, actor, now, subscription))


def set_mac_status(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    mac_id: int,
    status: str,
) -> Changed[SubscriptionMac]:
    """Approve, block or set back a listed device; one that may no longer log in loses its session."""
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    row = _listed(subscription, mac_id)
    old, new = audit.set_fields(row, {"status": fields.one_of(status, field="status", allowed=MAC_STATUSES)})
    session.flush()
    if not new:
        return Changed(row=row)
    mac = str(row.mac).upper()
    record(session, actor, now, f"mac_{status}", subscription, old=old | {"mac": mac}, new=new | {"mac": mac})
    return Changed(row=row, effect=_end_refused(session, actor, now, subscription))


def approve_mac(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, mac_id: int
) -> Changed[SubscriptionMac]:
    """Allow a device that waits for approval."""
    return set_mac_status(
        session, actor=actor, now=now, subscription_id=subscription_id, mac_id=mac_id, status="approved"
    )


def remove_mac(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, mac_id: int
) -> Changed[Subscription]:
    """Take a device off the list, and off the routers it was on; where only listed ones may log in its session ends."""
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    row = _listed(subscription, mac_id)
    mac = str(row.mac).upper()
    subscription.macs.remove(row)
    session.flush()
    record(session, actor, now, "mac_removed", subscription, old={"mac": mac, "status": row.status})
    forget_devices_of(session, actor=actor, now=now, subscription_id=subscription.id, macs=[mac])
    return Changed(row=subscription, effect=_end_refused(session, actor, now, subscription))


def reset_macs(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, version: int | None = None
) -> Changed[Subscription]:
    """Forget the devices it is bound to and those that wait; blocked ones stay. How it is bound stays as it is.

    A subscription that learns takes the next device; under "fixed" any may log in until one is approved. What ties them
    to routers (hotspot cookies and bindings, leases) is ordered away as well.
    """
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    gone = [row for row in subscription.macs if row.status != "blocked"]
    if not gone:
        return Changed(row=subscription)
    old = {"macs": [{"mac": str(row.mac).upper(), "status": row.status} for row in gone]}
    for row in gone:
        subscription.macs.remove(row)
    session.flush()
    record(session, actor, now, "macs_reset", subscription, old=old)
    macs = [str(row.mac).upper() for row in gone]
    forget_devices_of(session, actor=actor, now=now, subscription_id=subscription.id, macs=macs)
    return Changed(row=subscription, effect=_end_refused(session, actor, now, subscription))


def _listed(subscription: Subscription, mac_id: int) -> SubscriptionMac:
    for row in subscription.macs:
        if row.id == mac_id:
            return row
    raise NotFound(Problem(field="", reason="there is no such device on the list", mend="load the list again"))


def _end_refused(session: Session, actor: Actor, now: datetime, subscription: Subscription) -> Effect:
    """End the sessions of devices that could not log in again now."""
    profile = network.profile_of(session, subscription.id)
    refused = [
        live.acctuniqueid
        for live in network.live_sessions(session, subscription.id)
        if device_reason(profile, live.mac) is not None
    ]
    return network.disconnect_sessions(session, actor=actor, now=now, reason="device_change", sessions=refused)
