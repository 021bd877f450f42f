"""A new subscription: what may be said about it, and what comes from its plan when nothing is said."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypedDict, Unpack
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields, provider
from bss.actor import Actor
from bss.customers import require_open
from bss.failure import flush_or_conflict, require_known
from bss.numbers import next_code, next_codes
from bss.outcome import Issued
from bss.rows import locked, referenced, tenant_of
from bss.subscriptions.life import put_into_service
from bss.subscriptions.values import TAKEN, check_place, clean, free_address, kind_for, new_macs, plan_for_sale, record
from db.models import Customer, NasGroup, NasServer, ServicePlan, Subscription
from db.queries.names import as_kept
from domain.access import MAC_BINDINGS


class Details(TypedDict, total=False):
    """What may be said about a new subscription; what is left out comes from the plan or is the usual."""

    password: str | None
    connection_type: str | None
    nas_server_id: int | None
    nas_binding: str
    nas_group_id: int | None
    start_date: date | None
    expires_at: datetime | None
    never_expires: bool
    billing_day: int | None
    price: Any
    setup_fee: Any
    billing_cycle: str | None
    auto_renew: bool
    is_postpaid: bool
    grace_period_days: int | None
    assigned_ip: str | None
    ip_pool: str | None
    address_list: str | None
    router_profile: str | None
    mac_binding: str
    macs: Sequence[str]
    notes: str
    metadata: dict[str, Any] | None
    installation_address: str | None
    installation_date: date | None
    installation_fee: Any
    activate: bool


_KNOWN = frozenset(Details.__annotations__)
_SHOWN = ("subscription_code", "username", "connection_type", "service_plan_id", "nas_server_id", "assigned_ip")


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    service_plan_id: int,
    username: str,
    **details: Unpack[Details],
) -> Issued[Subscription]:
    """Add a subscription, active at once unless `activate` is false. The secret in the answer is its password.

    What is left out of `Details` comes from the plan: connection type, price, fee, cycle. The term ends one cycle after
    activation unless `expires_at` says when, or `never_expires`; one that is paid for afterwards has no end.
    """
    require_known(details, _KNOWN)
    customer = _open_customer(session, customer_id, actor=actor)
    plan = plan_for_sale(session, service_plan_id, actor=actor)
    given, terms = details.get("password"), _terms(session, actor, now, plan, details)
    clear = fields.new_password() if given is None else fields.password(given)
    access = _access(session, actor, plan, username, details)
    subscription = Subscription(
        **terms,
        **access,
        tenant_id=actor.tenant_id,
        customer=customer,
        plan=plan,
        service_password=clear,
        status="pending",
        subscription_code=next_code(session, actor=actor, now=now, prefix=_prefix(session, actor)),
        limits=None,
        fup_state=None,
        version=1,
    )
    session.add(subscription)
    flush_or_conflict(session, TAKEN)
    record(session, actor, now, "created", subscription, new=audit.snapshot(subscription, (*_SHOWN, *terms)))
    if details.get("activate", True):
        never = details.get("never_expires", False)
        put_into_service(session, actor, now, subscription, customer, never_expires=never)
    return Issued(row=subscription, secret=clear)


def create_many(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer: Customer,
    plan: ServicePlan,
    usernames: Sequence[str],
    connection_type: str,
) -> list[Subscription]:
    """Add an active subscription without an end for each name, with a password nobody knows, in one statement.

    The caller vouches for the names and writes one audit row for all of them.
    """
    codes = next_codes(session, actor=actor, now=now, prefix=_prefix(session, actor), count=len(usernames))
    common = _terms(session, actor, now, plan, {"auto_renew": False})
    rows = [
        Subscription(
            **common,
            tenant_id=actor.tenant_id,
            customer_id=customer.id,
            service_plan_id=plan.id,
            username=username,
            connection_type=connection_type,
            service_password=fields.new_password(),
            status="active",
            activated_at=now,
            subscription_code=code,
            version=1,
        )
        for username, code in zip(usernames, codes, strict=True)
    ]
    session.add_all(rows)
    flush_or_conflict(session, TAKEN)
    return rows


def _prefix(session: Session, actor: Actor) -> str:
    return provider.settings_of(session, actor=actor).subscription_code_prefix


def _open_customer(session: Session, customer_id: int, *, actor: Actor) -> Customer:
    referenced(session, Customer, customer_id, actor=actor, field="customer_id")
    customer = locked(session, Customer, customer_id, actor=actor)
    require_open(customer)
    return customer


def _terms(session: Session, actor: Actor, now: datetime, plan: ServicePlan, details: Details) -> dict[str, Any]:
    """Dates and money."""
    today = now.astimezone(ZoneInfo(tenant_of(session, actor=actor).timezone)).date()
    price, setup_fee, end = details.get("price"), details.get("setup_fee"), details.get("expires_at")
    billing_day = details.get("billing_day")
    plain = {
        "billing_day": today.day if billing_day is None else billing_day,
        "price": plan.price if price is None else price,
        "setup_fee": plan.setup_fee if setup_fee is None else setup_fee,
        "billing_cycle": details.get("billing_cycle") or plan.billing_cycle,
        "auto_renew": details.get("auto_renew", True),
        "is_postpaid": details.get("is_postpaid", False),
        "grace_period_days": details.get("grace_period_days"),
        "ip_pool": details.get("ip_pool"),
        "address_list": details.get("address_list"),
        "router_profile": details.get("router_profile"),
        "notes": details.get("notes", ""),
        "installation_address": details.get("installation_address"),
        "installation_date": details.get("installation_date"),
        "installation_fee": details.get("installation_fee") or 0,
    }
    return {name: clean(name, value) for name, value in plain.items()} | {
        "details": fields.metadata(details.get("metadata")),
        "start_date": details.get("start_date") or today,
        "expires_at": None if end is None else fields.moment(end, field="expires_at"),
    }


def _access(session: Session, actor: Actor, plan: ServicePlan, username: str, details: Details) -> dict[str, Any]:
    """Who logs in, from where, with which devices."""
    router_id, kind = details.get("nas_server_id"), kind_for(details.get("connection_type"), plan)
    if router_id is not None:
        referenced(session, NasServer, router_id, actor=actor, field="nas_server_id")
    binding, group_id = clean("nas_binding", details.get("nas_binding", "off")), details.get("nas_group_id")
    if group_id is not None:
        referenced(session, NasGroup, group_id, actor=actor, field="nas_group_id")
    check_place(binding, router_id, group_id)
    address = free_address(
        session, actor, details.get("assigned_ip"), kind=kind, nas_server_id=router_id, except_id=None
    )
    return {
        "connection_type": kind,
        "username": as_kept(session, fields.username(username, connection_type=kind), tenant_id=actor.tenant_id),
        "nas_server_id": router_id,
        "nas_binding": binding,
        "nas_group_id": group_id,
        "assigned_ip": address,
        "mac_binding": fields.one_of(details.get("mac_binding", "off"), field="mac_binding", allowed=MAC_BINDINGS),
        "macs": new_macs(details.get("macs", ()), tenant_id=actor.tenant_id),
    }
