"""Subscriptions: created, edited, moved between states and plans, with their passwords, limits, devices and addresses.

Which state may follow which is `domain.lifecycle`'s to say, which speed results `domain.access`'s. Where several rows
are locked the customer goes first, then the subscription, so that two use-cases never wait for each other crosswise.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fair_use, fields, network
from bss.actor import Actor
from bss.customers import require_open, roll_up
from bss.failure import Conflict, Invalid, Problem, flush_or_conflict, raise_all, require_known
from bss.numbers import next_code
from bss.outcome import Changed, Effect, Issued
from bss.rows import find, locked, referenced, tenant_of
from db.models import Customer, NasServer, ServicePlan, Subscription, SubscriptionLimits, SubscriptionMac
from db.models.plans import BILLING_CYCLES
from db.models.subscriptions import MAC_STATUSES
from db.queries.subscriptions import address_is_taken
from domain.access import MAC_BINDINGS, AccessProfile, device_reason
from domain.codes import SUBSCRIPTION_PREFIX
from domain.lifecycle import check_subscription_move
from domain.term import end_of_term

# A subscription serves one kind of access; "any" is for plans, which several kinds may share.
CONNECTION_TYPES = ("pppoe", "hotspot", "dhcp", "static")
SUSPEND_REASONS = ("overdue", "customer request", "abuse", "maintenance", "other")
EDITABLE = frozenset(
    {
        "username",
        "nas_server_id",
        "billing_day",
        "price",
        "setup_fee",
        "billing_cycle",
        "auto_renew",
        "grace_period_days",
        "ip_pool",
        "address_list",
        "notes",
    }
)
LIMITS = frozenset({"download_kbps", "upload_kbps", "speed_expires_at", "session_timeout_s", "concurrent_connections"})
MAX_MACS = 50
_CHANGES_AT_LOGIN_ONLY = ("ip_pool", "address_list")

_TAKEN = {
    "uq_subscriptions_username": Problem(
        field="username",
        reason="is taken",
        mend="choose another; names are free again when a subscription is terminated",
    ),
    "uq_subscriptions_assigned_ip": Problem(
        field="assigned_ip", reason="belongs to another subscription", mend="choose another address"
    ),
}


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    service_plan_id: int,
    username: str,
    password: str | None = None,
    connection_type: str | None = None,
    nas_server_id: int | None = None,
    start_date: date | None = None,
    expires_at: datetime | None = None,
    never_expires: bool = False,
    billing_day: int | None = None,
    price: Any = None,
    setup_fee: Any = None,
    billing_cycle: str | None = None,
    auto_renew: bool = True,
    grace_period_days: int | None = None,
    assigned_ip: str | None = None,
    ip_pool: str | None = None,
    address_list: str | None = None,
    mac_binding: str = "off",
    macs: Sequence[str] = (),
    notes: str = "",
    activate: bool = True,
) -> Issued[Subscription]:
    """Add a subscription, active at once unless `activate` is false. The secret in the answer is its password.

    What is left out comes from the plan: connection type, price, fee, cycle. The term ends one cycle after activation
    unless `expires_at` says when, or `never_expires`.
    """
    customer = _open_customer(session, customer_id, actor=actor)
    plan = _plan_for_sale(session, service_plan_id, actor=actor)
    if nas_server_id is not None:
        referenced(session, NasServer, nas_server_id, actor=actor, field="nas_server_id")
    kind = _connection_type(connection_type, plan)
    clear = fields.new_password() if password is None else fields.password(password)
    local_day = now.astimezone(ZoneInfo(tenant_of(session, actor=actor).timezone)).date()
    given = {
        "billing_day": billing_day if billing_day is not None else local_day.day,
        "price": plan.price if price is None else price,
        "setup_fee": plan.setup_fee if setup_fee is None else setup_fee,
        "billing_cycle": billing_cycle or plan.billing_cycle,
        "auto_renew": auto_renew,
        "grace_period_days": grace_period_days,
        "ip_pool": ip_pool,
        "address_list": address_list,
        "notes": notes,
    }
    subscription = Subscription(
        **{name: _clean(name, value) for name, value in given.items()},
        tenant_id=actor.tenant_id,
        customer=customer,
        plan=plan,
        nas_server_id=nas_server_id,
        connection_type=kind,
        username=fields.username(username, connection_type=kind),
        service_password=clear,
        start_date=start_date or local_day,
        expires_at=None if expires_at is None else fields.moment(expires_at, field="expires_at"),
        assigned_ip=_free_address(session, actor, assigned_ip, kind=kind, nas_server_id=nas_server_id, except_id=None),
        mac_binding=fields.one_of(mac_binding, field="mac_binding", allowed=MAC_BINDINGS),
        macs=_new_macs(macs, tenant_id=actor.tenant_id),
        status="pending",
        subscription_code=next_code(session, actor=actor, now=now, prefix=SUBSCRIPTION_PREFIX),
        limits=None,
        fup_state=None,
        version=1,
    )
    session.add(subscription)
    flush_or_conflict(session, _TAKEN)
    shown = (
        "subscription_code",
        "username",
        "connection_type",
        "service_plan_id",
        "nas_server_id",
        "assigned_ip",
        *given,
    )
    _record(session, actor, now, "created", subscription, new=audit.snapshot(subscription, shown))
    if activate:
        _activate(session, actor, now, subscription, customer, never_expires=never_expires)
    return Issued(row=subscription, secret=clear)


def edit(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    changes: Mapping[str, Any],
    version: int | None = None,
) -> Changed[Subscription]:
    """Change fields of `EDITABLE`. A new username, pool or address list reaches the network by a new login."""
    require_known(changes, EDITABLE)
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    _require_not_over(subscription)
    values = {name: _clean(name, value) for name, value in changes.items() if name != "username"}
    if "username" in changes:
        values["username"] = fields.username(changes["username"], connection_type=subscription.connection_type)
    if values.get("nas_server_id") is not None:
        referenced(session, NasServer, values["nas_server_id"], actor=actor, field="nas_server_id")
    if "nas_server_id" in values and subscription.assigned_ip is not None:
        _require_free(session, actor, str(subscription.assigned_ip), values["nas_server_id"], subscription.id)
    # Nothing is asked of the database between setting and flushing: a query would flush on its own.
    old, new = audit.set_fields(subscription, values)
    flush_or_conflict(session, _TAKEN)
    if new:
        _record(session, actor, now, "updated", subscription, old=old, new=new)
    return Changed(row=subscription, effect=_effect_of_edit(session, actor, now, subscription, new))


def activate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    never_expires: bool = False,
    version: int | None = None,
) -> Changed[Subscription]:
    """Let it log in. A first activation fixes the end of the term; an ended term must be moved first."""
    customer, subscription = _lock_pair(session, subscription_id, actor=actor, version=version)
    check_subscription_move(subscription.status, "active")
    require_open(customer)
    _activate(session, actor, now, subscription, customer, never_expires=never_expires)
    return Changed(row=subscription)


def suspend(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Subscription]:
    """Refuse its logins until it is activated again, and end its sessions."""
    return _stop(
        session,
        actor,
        now,
        subscription_id,
        "suspended",
        reason=reason,
        version=version,
        why="suspend",
        stamps={"suspended_at": now},
    )


def disable(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Subscription]:
    """Take it out of service by hand: like a suspension, but no payment brings it back."""
    return _stop(session, actor, now, subscription_id, "disabled", reason=reason, version=version, why="disable")


def cancel(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Subscription]:
    """End it now at the customer's wish; it is not renewed."""
    return _stop(
        session,
        actor,
        now,
        subscription_id,
        "cancelled",
        reason=reason,
        version=version,
        why="terminate",
        stamps={"auto_renew": False},
    )


def terminate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Subscription]:
    """End it for good; its username and address become free."""
    return _stop(
        session,
        actor,
        now,
        subscription_id,
        "terminated",
        reason=reason,
        version=version,
        why="terminate",
        stamps={"terminated_at": now},
    )


def change_plan(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    service_plan_id: int,
    version: int | None = None,
) -> Changed[Subscription]:
    """Move to another plan now: price, fee and cycle become the new plan's, and running sessions get its rate.

    Usage counted so far stays: it decides at once which of the new plan's fair-use tiers applies. A session is ended
    instead where the router can take the change only at a login (pool, address list).
    """
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    _require_not_over(subscription)
    if subscription.service_plan_id == service_plan_id:
        raise Conflict(Problem(field="service_plan_id", reason="is the plan it has already", mend="choose another"))
    plan = _plan_for_sale(session, service_plan_id, actor=actor)
    _connection_type(subscription.connection_type, plan)
    before, old_plan = network.profile_of(session, subscription.id), subscription.plan.name
    subscription.plan = plan
    old, new = audit.set_fields(
        subscription, {"service_plan_id": plan.id, "price": plan.price, "billing_cycle": plan.billing_cycle}
    )
    _record(
        session,
        actor,
        now,
        "package_changed",
        subscription,
        old=old | {"plan": old_plan},
        new=new | {"plan": plan.name},
    )
    session.flush()
    fair_use.recount(session, subscription, now=now, actor=actor)
    return Changed(row=subscription, effect=_effect_of_plan(session, actor, now, subscription, before))


def change_password(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    password: str | None = None,
    version: int | None = None,
) -> Issued[Subscription]:
    """Set the service password (one is made when none is given) and end the sessions that used the old one."""
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    _require_not_over(subscription)
    clear = fields.new_password() if password is None else fields.password(password)
    subscription.service_password = clear
    _record(session, actor, now, "password_changed", subscription, new={"service_password": clear})
    effect = _disconnect(session, actor, now, subscription, "password_change")
    return Issued(row=subscription, secret=clear, effect=effect)


def change_expiry(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    expires_at: datetime | None,
    version: int | None = None,
) -> Changed[Subscription]:
    """Move the end of the term, or remove it with None.

    An active subscription whose grace would be over expires at once; an expired one whose new end lies ahead is active
    again.
    """
    customer, subscription = _lock_pair(session, subscription_id, actor=actor, version=version)
    _require_not_over(subscription)
    end = None if expires_at is None else fields.moment(expires_at, field="expires_at")
    old, new = audit.set_fields(subscription, {"expires_at": end})
    _record(session, actor, now, "expiry_changed", subscription, old=old, new=new)
    effect = Effect()
    if subscription.status == "active" and _is_over(subscription, now):
        effect = _expire(session, actor, now, subscription)
    elif subscription.status == "expired" and (end is None or end > now):
        require_open(customer)
        _move(session, actor, now, subscription, "active", action="activated", suspend_reason=None)
    session.flush()
    roll_up(session, actor=actor, now=now, customer=customer)
    return Changed(row=subscription, effect=effect)


def set_limits(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    changes: Mapping[str, Any],
    version: int | None = None,
) -> Changed[Subscription]:
    """Set or (with None) clear what this subscription gets instead of its plan; fields of `LIMITS`.

    A speed without `speed_expires_at` is permanent and still slowed by fair use; one with it wins over everything
    until then. Clearing a speed clears its end too. Running sessions get a changed rate at once; session time and
    number of logins count from the next login.
    """
    require_known(changes, LIMITS)
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    _require_not_over(subscription)
    limits = subscription.limits or SubscriptionLimits(subscription_id=subscription.id)
    values = _clean_limits(audit.snapshot(limits, LIMITS) | dict(changes), given=changes, now=now)
    old, new = audit.set_fields(limits, values)
    subscription.limits = limits if any(value is not None for value in values.values()) else None
    session.flush()
    if not new:
        return Changed(row=subscription)
    _record(session, actor, now, "limits_changed", subscription, old=old, new=new)
    if not {"download_kbps", "upload_kbps", "speed_expires_at"} & new.keys():
        return Changed(row=subscription)
    return Changed(row=subscription, effect=_apply_speed(session, actor, now, subscription, "speed_change"))


def set_mac_binding(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    mac_binding: str,
    version: int | None = None,
) -> Changed[Subscription]:
    """Bind the subscription to its listed devices ("fixed") or let any device in ("off").

    Binding ends the sessions of devices that are not approved; while none is approved it binds to nothing.
    """
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    wanted = fields.one_of(mac_binding, field="mac_binding", allowed=MAC_BINDINGS)
    old, new = audit.set_fields(subscription, {"mac_binding": wanted})
    session.flush()
    if not new:
        return Changed(row=subscription)
    _record(session, actor, now, "mac_binding_changed", subscription, old=old, new=new)
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
    _require_not_over(subscription)
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
    _record(session, actor, now, "mac_added", subscription, new={"mac": normal, "status": status})
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
    _record(session, actor, now, f"mac_{status}", subscription, old=old | {"mac": mac}, new=new | {"mac": mac})
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
    """Take a device off the list; where only listed devices may log in, its session ends."""
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    row = _listed(subscription, mac_id)
    mac = str(row.mac).upper()
    subscription.macs.remove(row)
    session.flush()
    _record(session, actor, now, "mac_removed", subscription, old={"mac": mac, "status": row.status})
    return Changed(row=subscription, effect=_end_refused(session, actor, now, subscription))


def assign_ip(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    assigned_ip: str | None,
    version: int | None = None,
) -> Changed[Subscription]:
    """Give a fixed IPv4 address, or none; running sessions end, because a router changes addresses only at login."""
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    _require_not_over(subscription)
    address = _free_address(
        session,
        actor,
        assigned_ip,
        kind=subscription.connection_type,
        nas_server_id=subscription.nas_server_id,
        except_id=subscription.id,
    )
    before = None if subscription.assigned_ip is None else str(subscription.assigned_ip)
    if before == address:
        return Changed(row=subscription)
    subscription.assigned_ip = address
    flush_or_conflict(session, _TAKEN)
    _record(
        session,
        actor,
        now,
        "address_changed",
        subscription,
        old={"assigned_ip": before},
        new={"assigned_ip": address},
    )
    return Changed(row=subscription, effect=_disconnect(session, actor, now, subscription, "address_change"))


# --- states -------------------------------------------------------------------------------------------------------


def _lock_pair(
    session: Session, subscription_id: int, *, actor: Actor, version: int | None
) -> tuple[Customer, Subscription]:
    unlocked = find(session, Subscription, subscription_id, actor=actor)
    customer = locked(session, Customer, unlocked.customer_id, actor=actor)
    return customer, locked(session, Subscription, subscription_id, actor=actor, version=version)


def _activate(
    session: Session,
    actor: Actor,
    now: datetime,
    subscription: Subscription,
    customer: Customer,
    *,
    never_expires: bool,
) -> None:
    first = subscription.status == "pending"
    if subscription.status == "expired" and subscription.expires_at is not None and subscription.expires_at <= now:
        raise Conflict(
            Problem(
                field="expires_at",
                reason=f"its term ended on {subscription.expires_at:%Y-%m-%d}",
                mend="move the end of the term instead; that activates it",
            )
        )
    stamps: dict[str, Any] = {"suspend_reason": None, "suspended_at": None}
    if first:
        stamps["activated_at"] = now
    if first and subscription.expires_at is None and not never_expires:
        stamps["expires_at"] = end_of_term(
            now,
            cycle=subscription.billing_cycle,
            validity_days=subscription.plan.validity_days,
            zone=ZoneInfo(tenant_of(session, actor=actor).timezone),
        )
    _move(session, actor, now, subscription, "active", action="activated", **stamps)
    roll_up(session, actor=actor, now=now, customer=customer)


def _stop(
    session: Session,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    status: str,
    *,
    reason: str,
    version: int | None,
    why: str,
    stamps: Mapping[str, Any] | None = None,
) -> Changed[Subscription]:
    text = fields.optional_text(reason, field="reason", longest=255)
    customer, subscription = _lock_pair(session, subscription_id, actor=actor, version=version)
    check_subscription_move(subscription.status, status)
    _move(session, actor, now, subscription, status, action=status, suspend_reason=text, **(stamps or {}))
    effect = _disconnect(session, actor, now, subscription, why)
    roll_up(session, actor=actor, now=now, customer=customer)
    return Changed(row=subscription, effect=effect)


def _expire(session: Session, actor: Actor, now: datetime, subscription: Subscription) -> Effect:
    _move(session, actor, now, subscription, "expired", action="expired")
    return _disconnect(session, actor, now, subscription, "expire")


def _move(
    session: Session,
    actor: Actor,
    now: datetime,
    subscription: Subscription,
    status: str,
    *,
    action: str,
    **stamps: Any,
) -> None:
    check_subscription_move(subscription.status, status)
    old, new = audit.set_fields(subscription, {"status": status, **stamps})
    _record(session, actor, now, action, subscription, old=old, new=new)
    session.flush()


def _is_over(subscription: Subscription, now: datetime) -> bool:
    if subscription.expires_at is None:
        return False
    own = subscription.grace_period_days
    grace_days = subscription.plan.grace_period_days if own is None else own
    return now >= subscription.expires_at + timedelta(days=grace_days)


def _require_not_over(subscription: Subscription) -> None:
    if subscription.status in ("cancelled", "terminated"):
        raise Conflict(
            Problem(field="", reason=f"the subscription is {subscription.status}", mend="create a new one instead")
        )


# --- effects on running sessions ----------------------------------------------------------------------------------


def _disconnect(session: Session, actor: Actor, now: datetime, subscription: Subscription, reason: str) -> Effect:
    return network.disconnect(session, actor=actor, now=now, reason=reason, subscription_ids=[subscription.id])


def _apply_speed(session: Session, actor: Actor, now: datetime, subscription: Subscription, reason: str) -> Effect:
    return network.apply_speed(session, actor=actor, now=now, reason=reason, subscription_ids=[subscription.id])


def _effect_of_edit(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, new: Mapping[str, Any]
) -> Effect:
    if "username" in new:
        return _disconnect(session, actor, now, subscription, "staff")
    if set(_CHANGES_AT_LOGIN_ONLY) & new.keys():
        return _disconnect(session, actor, now, subscription, "address_change")
    return Effect()


def _effect_of_plan(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, before: AccessProfile
) -> Effect:
    after = network.profile_of(session, subscription.id)
    if any(getattr(before, name) != getattr(after, name) for name in _CHANGES_AT_LOGIN_ONLY):
        return _disconnect(session, actor, now, subscription, "plan_change")
    return _apply_speed(session, actor, now, subscription, "plan_change")


def _end_refused(session: Session, actor: Actor, now: datetime, subscription: Subscription) -> Effect:
    """End the sessions of devices that could not log in again now."""
    profile = network.profile_of(session, subscription.id)
    refused = [
        live.acctuniqueid
        for live in network.live_sessions(session, subscription.id)
        if device_reason(profile, live.mac) is not None
    ]
    return network.disconnect_sessions(session, actor=actor, now=now, reason="device_change", sessions=refused)


# --- values -------------------------------------------------------------------------------------------------------


def _open_customer(session: Session, customer_id: int, *, actor: Actor) -> Customer:
    referenced(session, Customer, customer_id, actor=actor, field="customer_id")
    customer = locked(session, Customer, customer_id, actor=actor)
    require_open(customer)
    return customer


def _plan_for_sale(session: Session, service_plan_id: int, *, actor: Actor) -> ServicePlan:
    plan = referenced(session, ServicePlan, service_plan_id, actor=actor, field="service_plan_id")
    if not plan.is_active:
        raise Invalid(Problem(field="service_plan_id", reason="is no longer sold", mend="choose a plan that is active"))
    return plan


def _connection_type(wanted: str | None, plan: ServicePlan) -> str:
    default = "pppoe" if plan.connection_type == "any" else plan.connection_type
    kind = fields.one_of(wanted or default, field="connection_type", allowed=CONNECTION_TYPES)
    if plan.connection_type not in ("any", kind):
        raise Invalid(
            Problem(
                field="service_plan_id",
                reason=f"is a plan for {plan.connection_type}, the subscription is for {kind}",
                mend="choose a plan of the same kind",
            )
        )
    return kind


def _free_address(
    session: Session, actor: Actor, value: str | None, *, kind: str, nas_server_id: int | None, except_id: int | None
) -> str | None:
    address = fields.customer_address(value)
    if address is None:
        missing = Problem(field="assigned_ip", reason="a static subscription needs one", mend="write its IPv4 address")
        raise_all([missing if kind == "static" else None])
        return None
    _require_free(session, actor, address, nas_server_id, except_id)
    return address


def _require_free(
    session: Session, actor: Actor, address: str, nas_server_id: int | None, except_id: int | None
) -> None:
    taken = address_is_taken(
        session, tenant_id=actor.tenant_id, address=address, nas_server_id=nas_server_id, except_id=except_id
    )
    if taken:
        raise Conflict(_TAKEN["uq_subscriptions_assigned_ip"])


def _new_macs(macs: Sequence[str], *, tenant_id: int) -> list[SubscriptionMac]:
    normal = list(dict.fromkeys(fields.mac(mac, field="macs") for mac in macs))
    if len(normal) > MAX_MACS:
        raise Invalid(Problem(field="macs", reason=f"are more than {MAX_MACS}", mend="list fewer"))
    return [
        SubscriptionMac(tenant_id=tenant_id, mac=mac, status="approved", source="manual", note="") for mac in normal
    ]


def _listed(subscription: Subscription, mac_id: int) -> SubscriptionMac:
    for row in subscription.macs:
        if row.id == mac_id:
            return row
    raise Invalid(Problem(field="mac_id", reason="is not on this subscription's list", mend="load the list again"))


def _clean(name: str, value: Any) -> Any:
    match name:
        case "billing_day":
            return fields.whole(value, field=name, least=1, most=31)
        case "price" | "setup_fee":
            return fields.money(value, field=name)
        case "billing_cycle":
            return fields.one_of(value, field=name, allowed=BILLING_CYCLES)
        case "auto_renew":
            return bool(value)
        case "grace_period_days":
            return fields.optional_whole(value, field=name, least=0, most=365)
        case "ip_pool" | "address_list":
            return fields.optional_text(value, field=name, longest=100)
        case "notes":
            return fields.text(value, field=name, longest=10_000, lines=True)
        case _:
            return value


def _clean_limits(wanted: Mapping[str, Any], *, given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    values = dict(wanted)
    if values["download_kbps"] is None or values["upload_kbps"] is None:
        if values["download_kbps"] is not values["upload_kbps"]:
            missing = "download_kbps" if values["download_kbps"] is None else "upload_kbps"
            raise Invalid(Problem(field=missing, reason="is missing", mend="set both speeds or neither"))
        if given.get("speed_expires_at") is not None:
            raise Invalid(Problem(field="speed_expires_at", reason="needs a speed", mend="set both speeds too"))
        values["speed_expires_at"] = None
    else:
        fields.speed_pair(values["download_kbps"], values["upload_kbps"])
    if given.get("speed_expires_at") is not None:
        values["speed_expires_at"] = _moment_ahead(given["speed_expires_at"], now)
    values["session_timeout_s"] = fields.optional_whole(
        values["session_timeout_s"], field="session_timeout_s", least=60, most=31_536_000
    )
    values["concurrent_connections"] = fields.optional_whole(
        values["concurrent_connections"], field="concurrent_connections", least=1, most=1000
    )
    return values


def _moment_ahead(value: Any, now: datetime) -> datetime:
    end = fields.moment(value, field="speed_expires_at")
    if end <= now:
        raise Invalid(Problem(field="speed_expires_at", reason="is over already", mend="choose a later time"))
    return end


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    what: str,
    subscription: Subscription,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"subscription.{what}",
        entity=subscription,
        customer_id=subscription.customer_id,
        old=old,
        new=new,
    )
