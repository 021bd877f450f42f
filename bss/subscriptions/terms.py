"""What a subscription has: its plan, price, password, limits and address."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fair_use, fields, network, quotas
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem, flush_or_conflict, require_known
from bss.outcome import Changed, Effect, Issued
from bss.rows import locked, referenced
from bss.subscriptions.values import (
    CHANGES_AT_LOGIN_ONLY,
    COLUMNS,
    EDITABLE,
    LIMITS,
    PLACE,
    TAKEN,
    apply_limits,
    apply_speed,
    check_place,
    clean,
    disconnect,
    free_address,
    kind_for,
    plan_for_sale,
    record,
    require_fees_open,
    require_free,
    require_not_over,
)
from db.models import NasGroup, NasServer, Subscription, SubscriptionLimits
from db.queries.attributes import rename_user
from db.queries.names import as_kept
from db.queries.nas_groups import group_ids_of
from domain.access import AccessProfile, is_outside_hours, place_reason
from domain.desired import SESSION_TIMEOUT, limits_known


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
    require_not_over(subscription)
    values = {COLUMNS.get(name, name): clean(name, value) for name, value in changes.items() if name != "username"}
    require_fees_open(subscription, values)
    if values.get("is_postpaid") and subscription.expires_at is not None:
        mend = "let its term have no end first"
        raise Conflict(Problem(field="is_postpaid", reason="does not go with a term that ends", mend=mend))
    if "username" in changes:
        name = fields.username(changes["username"], connection_type=subscription.connection_type)
        values["username"] = as_kept(session, name, tenant_id=actor.tenant_id)
    if values.get("nas_server_id") is not None:
        referenced(session, NasServer, values["nas_server_id"], actor=actor, field="nas_server_id")
    if values.get("nas_group_id") is not None:
        referenced(session, NasGroup, values["nas_group_id"], actor=actor, field="nas_group_id")
    if set(PLACE) & values.keys():
        check_place(**(audit.snapshot(subscription, PLACE) | {name: values[name] for name in PLACE if name in values}))
    if "nas_server_id" in values and subscription.assigned_ip is not None:
        require_free(session, actor, str(subscription.assigned_ip), values["nas_server_id"], subscription.id)
    # Nothing is asked of the database between setting and flushing: a query would flush on its own.
    old, new = audit.set_fields(subscription, values)
    flush_or_conflict(session, TAKEN)
    if "username" in new:
        rename_user(session, tenant_id=subscription.tenant_id, old=old["username"], new=new["username"])
    if new:
        record(session, actor, now, "updated", subscription, old=old, new=new)
    return Changed(row=subscription, effect=_effect_of_edit(session, actor, now, subscription, new))


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
    require_not_over(subscription)
    if subscription.service_plan_id == service_plan_id:
        raise Conflict(Problem(field="service_plan_id", reason="is the plan it has already", mend="choose another"))
    plan = plan_for_sale(session, service_plan_id, actor=actor)
    kind_for(subscription.connection_type, plan)
    before, old_plan = network.profile_of(session, subscription.id), subscription.plan.name
    subscription.plan = plan
    old, new = audit.set_fields(
        subscription, {"service_plan_id": plan.id, "price": plan.price, "billing_cycle": plan.billing_cycle}
    )
    record(
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
    require_not_over(subscription)
    clear = fields.new_password() if password is None else fields.password(password)
    subscription.service_password = clear
    record(session, actor, now, "password_changed", subscription, new={"service_password": clear})
    effect = disconnect(session, actor, now, subscription, "password_change")
    return Issued(row=subscription, secret=clear, effect=effect)


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
    until then. Clearing a speed clears its end too. Running sessions get a changed rate or session time at once; the
    number of logins counts from the next login.
    """
    require_known(changes, LIMITS)
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    require_not_over(subscription)
    limits = subscription.limits or SubscriptionLimits(subscription_id=subscription.id)
    values = _clean_limits(audit.snapshot(limits, LIMITS) | dict(changes), given=changes, now=now)
    old, new = audit.set_fields(limits, values)
    subscription.limits = limits if any(value is not None for value in values.values()) else None
    session.flush()
    if not new:
        return Changed(row=subscription)
    record(session, actor, now, "limits_changed", subscription, old=old, new=new)
    effect = Effect()
    if {"download_kbps", "upload_kbps", "speed_expires_at"} & new.keys():
        effect += apply_speed(session, actor, now, subscription, "speed_change")
    if "session_timeout_s" in new:
        effect += apply_limits(session, actor, now, subscription, also=frozenset({SESSION_TIMEOUT}))
    return Changed(row=subscription, effect=effect)


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
    require_not_over(subscription)
    address = free_address(
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
    flush_or_conflict(session, TAKEN)
    record(
        session,
        actor,
        now,
        "address_changed",
        subscription,
        old={"assigned_ip": before},
        new={"assigned_ip": address},
    )
    return Changed(row=subscription, effect=disconnect(session, actor, now, subscription, "address_change"))


def _effect_of_edit(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, new: Mapping[str, Any]
) -> Effect:
    if "username" in new:
        return disconnect(session, actor, now, subscription, "staff")
    if set(CHANGES_AT_LOGIN_ONLY) & new.keys():
        return disconnect(session, actor, now, subscription, "address_change")
    effect = _end_elsewhere(session, actor, now, subscription) if set(PLACE) & new.keys() else Effect()
    if "grace_period_days" in new:
        effect += apply_limits(session, actor, now, subscription)
    return effect


def _end_elsewhere(session: Session, actor: Actor, now: datetime, subscription: Subscription) -> Effect:
    """End the sessions through routers that it may not use any more."""
    profile, live = network.profile_of(session, subscription.id), network.live_sessions(session, subscription.id)
    groups = group_ids_of(session, [one.nas_server_id for one in live])
    elsewhere = [
        one.acctuniqueid
        for one in live
        if place_reason(profile, one.nas_server_id, groups.get(one.nas_server_id)) is not None
    ]
    return network.disconnect_sessions(session, actor=actor, now=now, reason="place_change", sessions=elsewhere)


def _effect_of_plan(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, before: AccessProfile
) -> Effect:
    after = network.profile_of(session, subscription.id)
    settled = quotas.follow(session, actor=actor, now=now, ids=[subscription.id], with_limits=False)
    if is_outside_hours(before, now) != is_outside_hours(after, now):
        return settled + disconnect(session, actor, now, subscription, "hours")
    if settled.disconnect_ids:
        return settled
    if any(getattr(before, name) != getattr(after, name) for name in CHANGES_AT_LOGIN_ONLY):
        return disconnect(session, actor, now, subscription, "plan_change")
    # What the old plan limited and the new one does not is lifted.
    return settled + network.apply_limits(
        session,
        actor=actor,
        now=now,
        subscription_ids=[subscription.id],
        also=limits_known(before),
        with_rate=True,
        reason="plan_change",
    )


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
