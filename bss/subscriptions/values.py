"""What the verbs of a subscription share: clean values, taken names, and what reaches a running session."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem, raise_all
from bss.outcome import Effect
from bss.rows import referenced
from db.models import ServicePlan, Subscription, SubscriptionMac
from db.models.plans import BILLING_CYCLES
from db.queries.subscriptions import address_is_taken
from domain.access import NAS_BINDINGS

# A subscription serves one kind of access; "any" is for plans, which several kinds may share.
CONNECTION_TYPES = ("pppoe", "vpn", "hotspot", "dhcp", "wireless", "dot1x", "static")
SUSPEND_REASONS = ("overdue", "customer request", "abuse", "maintenance", "other")
EDITABLE = frozenset(
    {
        "username",
        "nas_server_id",
        "nas_binding",
        "nas_group_id",
        "billing_day",
        "price",
        "setup_fee",
        "billing_cycle",
        "auto_renew",
        "is_postpaid",
        "grace_period_days",
        "ip_pool",
        "address_list",
        "router_profile",
        "notes",
        "metadata",
        "installation_address",
        "installation_date",
        "installation_fee",
    }
)
# What is called otherwise in the table.
COLUMNS: Mapping[str, str] = {"metadata": "details"}
FEES = ("setup_fee", "installation_fee")
LIMITS = frozenset({"download_kbps", "upload_kbps", "speed_expires_at", "session_timeout_s", "concurrent_connections"})
MAX_MACS = 50
PLACE = ("nas_binding", "nas_server_id", "nas_group_id")
CHANGES_AT_LOGIN_ONLY = ("ip_pool", "address_list")

TAKEN = {
    "uq_subscriptions_username": Problem(
        field="username",
        reason="is taken",
        mend="choose another; names are free again when a subscription is terminated",
    ),
    "uq_subscriptions_assigned_ip": Problem(
        field="assigned_ip", reason="belongs to another subscription", mend="choose another address"
    ),
}


def disconnect(session: Session, actor: Actor, now: datetime, subscription: Subscription, reason: str) -> Effect:
    """End its sessions."""
    return network.disconnect(session, actor=actor, now=now, reason=reason, subscription_ids=[subscription.id])


def apply_speed(session: Session, actor: Actor, now: datetime, subscription: Subscription, reason: str) -> Effect:
    """Give its sessions the rate of a login now."""
    return network.apply_speed(session, actor=actor, now=now, reason=reason, subscription_ids=[subscription.id])


def apply_limits(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, *, also: frozenset[str] = frozenset()
) -> Effect:
    """Tell its sessions how long they may last and how much may pass now; `also` as in `network.apply_limits`."""
    return network.apply_limits(session, actor=actor, now=now, subscription_ids=[subscription.id], also=also)


def plan_for_sale(session: Session, service_plan_id: int, *, actor: Actor) -> ServicePlan:
    """The plan, if it is sold still."""
    plan = referenced(session, ServicePlan, service_plan_id, actor=actor, field="service_plan_id")
    if not plan.is_active:
        raise Invalid(Problem(field="service_plan_id", reason="is no longer sold", mend="choose a plan that is active"))
    return plan


def kind_for(wanted: str | None, plan: ServicePlan) -> str:
    """The kind of access: the one wanted, or the plan's; raises `Invalid` when the two do not go together."""
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


def free_address(
    session: Session, actor: Actor, value: str | None, *, kind: str, nas_server_id: int | None, except_id: int | None
) -> str | None:
    """A clean address that nobody else has, or None where none is needed."""
    address = fields.customer_address(value)
    if address is None:
        missing = Problem(field="assigned_ip", reason="a static subscription needs one", mend="write its IPv4 address")
        raise_all([missing if kind == "static" else None])
        return None
    require_free(session, actor, address, nas_server_id, except_id)
    return address


def require_free(
    session: Session, actor: Actor, address: str, nas_server_id: int | None, except_id: int | None
) -> None:
    """Raise `Conflict` when another live subscription could bring the address up on that router."""
    taken = address_is_taken(
        session, tenant_id=actor.tenant_id, address=address, nas_server_id=nas_server_id, except_id=except_id
    )
    if taken:
        raise Conflict(TAKEN["uq_subscriptions_assigned_ip"])


def new_macs(macs: Sequence[str], *, tenant_id: int) -> list[SubscriptionMac]:
    """Approved devices for a new subscription's list."""
    normal = list(dict.fromkeys(fields.mac(mac, field="macs") for mac in macs))
    if len(normal) > MAX_MACS:
        raise Invalid(Problem(field="macs", reason=f"are more than {MAX_MACS}", mend="list fewer"))
    return [
        SubscriptionMac(tenant_id=tenant_id, mac=mac, status="approved", source="manual", note="") for mac in normal
    ]


def clean(name: str, value: Any) -> Any:
    """The clean value of one plain field."""
    match name:
        case "billing_day":
            return fields.whole(value, field=name, least=1, most=31)
        case "price" | "setup_fee" | "installation_fee":
            return fields.money(value, field=name)
        case "installation_address":
            return fields.optional_text(value, field=name, longest=1000, lines=True)
        case "billing_cycle":
            return fields.one_of(value, field=name, allowed=BILLING_CYCLES)
        case "nas_binding":
            return fields.one_of(value, field=name, allowed=NAS_BINDINGS)
        case "auto_renew" | "is_postpaid":
            return bool(value)
        case "grace_period_days":
            return fields.optional_whole(value, field=name, least=0, most=365)
        case "ip_pool" | "address_list" | "router_profile":
            return fields.router_name(value, field=name)
        case "notes":
            return fields.text(value, field=name, longest=10_000, lines=True)
        case _:
            return fields.metadata(value) if name == "metadata" else value


def check_place(nas_binding: str, nas_server_id: int | None, nas_group_id: int | None) -> None:
    """Raise `Invalid` for a binding to a router or a group that is not named."""
    if nas_binding == "nas" and nas_server_id is None:
        raise Invalid(Problem(field="nas_server_id", reason="is missing", mend="choose the router to bind it to"))
    if nas_binding == "group" and nas_group_id is None:
        raise Invalid(Problem(field="nas_group_id", reason="is missing", mend="choose the group to bind it to"))


def require_not_over(subscription: Subscription) -> None:
    """Raise `Conflict` for a subscription that was cancelled or terminated: nothing about it changes any more."""
    if subscription.status in ("cancelled", "terminated"):
        raise Conflict(
            Problem(field="", reason=f"the subscription is {subscription.status}", mend="create a new one instead")
        )


def require_fees_open(subscription: Subscription, values: Mapping[str, Any]) -> None:
    """Raise `Conflict` when a fee that was billed already would be changed: nobody would ever be asked for it."""
    changed = [name for name in FEES if name in values and values[name] != getattr(subscription, name)]
    if changed and subscription.fees_billed_at is not None:
        reason = f"was billed on {subscription.fees_billed_at:%Y-%m-%d}"
        raise Conflict(Problem(field=changed[0], reason=reason, mend="write an invoice for what is missing"))


def record(
    session: Session,
    actor: Actor,
    now: datetime,
    what: str,
    subscription: Subscription,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """Write the audit row of a change to a subscription."""
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
