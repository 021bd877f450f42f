"""Rules of webhooks that go out: what can be told, how it is signed, when it is tried again, where it may go.

Refuses to know how a name becomes an address and how a call is made.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

STATUSES = ("waiting", "delivered", "failed")
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What can be told: the word of the audit log or of a trigger, and a sentence.
EVENTS: Mapping[str, str] = {
    "customer.created": "a customer was added",
    "customer.updated": "a customer was changed",
    "customer.activated": "a block was lifted, or a prospect became active",
    "customer.suspended": "all logins of a customer are refused",
    "customer.inactive": "a customer was set inactive",
    "customer.disabled": "a customer was disabled",
    "customer.blacklisted": "a customer was blacklisted",
    "customer.terminated": "the relation with a customer ended",
    "customer.deleted": "a customer was hidden",
    "customer.restored": "a hidden customer came back",
    "customer.transferred": "a customer went to another operator",
    "customer.balance_changed": "credit was given or taken off by hand",
    "subscription.created": "a subscription was added",
    "subscription.updated": "a subscription was changed",
    "subscription.activated": "a subscription may log in again",
    "subscription.suspended": "a subscription was suspended",
    "subscription.expired": "a subscription's term and grace are over",
    "subscription.renewed": "a subscription was extended by a term",
    "subscription.disabled": "a subscription was disabled",
    "subscription.cancelled": "a subscription was cancelled",
    "subscription.terminated": "a subscription ended for good",
    "subscription.deleted": "a subscription was hidden",
    "subscription.package_changed": "a subscription has another plan",
    "subscription.plan_change_scheduled": "a subscription gets another plan when its term ends",
    "subscription.expiry_changed": "a subscription's end was moved",
    "subscription.limits_changed": "speed or time of one subscription was set",
    "subscription.password_changed": "a subscription has another password, which is not told",
    "subscription.mac_added": "a device was added to a subscription",
    "subscription.mac_removed": "a device was taken from a subscription",
    "subscription.disconnected": "running sessions of a subscription were ended by staff",
    "fup.activated": "a subscription crossed a limit of fair use",
    "fup.reset": "a subscription came back from fair use",
    "usage.threshold": "so much of an allowance is used up",
    "invoice.created": "an invoice was written as a draft or issued",
    "invoice.issued": "an invoice was issued",
    "invoice.paid": "an invoice was paid in full",
    "invoice.overdue": "an invoice is past its due day",
    "invoice.cancelled": "an invoice was taken back",
    "invoice.refunded": "an invoice's money went back",
    "payment.received": "money came in",
    "payment.refunded": "money went back",
    "payment.voided": "a payment that never came was taken back",
    "payment.parked": "money came that fits no order and waits for a person",
    "payment_link.created": "a link to pay was made",
    "payment_link.withdrawn": "a link to pay was withdrawn",
    "voucher.created": "vouchers were made",
    "voucher.redeemed": "a voucher was redeemed",
    "voucher.sold": "vouchers were sold",
    "session_change.acknowledged": "a router acknowledged a change of a running session",
    "session_change.failed": "a change of a running session failed or was not answered",
    "nas.created": "a router was added",
    "nas.updated": "a router was changed",
    "nas.deleted": "a router was removed",
    "plan.created": "a plan was added",
    "plan.updated": "a plan was changed",
    "billing_run.stopped": "a billing run stopped and may wait for a person",
    "alarm.raised": "an alarm of the installation went on",
    "alarm.cleared": "an alarm of the installation is over",
}
# Told to one webhook only, when staff try it.
PING = "ping"

# When a delivery is tried again after each failed call; after the last it has failed.
RETRIES = (
    *(timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=2), timedelta(hours=6), timedelta(hours=12), timedelta(hours=24)),
)
# After so many failed calls one after another nobody is there; what happens then waits until a person goes on.
PAUSE_AFTER = 20
MAX_URL = 500
_SECRET = re.compile(r"whsec_[A-Za-z0-9_-]{43}")
_RESOURCES: Mapping[str, tuple[str, str]] = {
    "customers": ("customer", "customers"),
    "subscriptions": ("subscription", "subscriptions"),
    "invoices": ("invoice", "invoices"),
    "payments": ("payment", "payments"),
    "voucher_batches": ("voucher_batch", "voucher-batches"),
    "session_changes": ("session_change", "session-changes"),
    "nas_servers": ("nas", "nas"),
    "service_plans": ("plan", "service-plans"),
    "billing_runs": ("billing_run", "billing-runs"),
}


def retry_at(attempts: int, now: datetime) -> datetime | None:
    """When to try again after so many failed calls; None when it was the last."""
    return now + RETRIES[attempts - 1] if attempts <= len(RETRIES) else None


def signature(secret: str, *, body: bytes, at: int) -> str:
    """The header `Lintas-Signature`: HMAC-SHA256 with the secret over the time in seconds, a point and the body."""
    mac = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def is_secret(text: str) -> bool:
    """Whether it has the form of a webhook's secret."""
    return _SECRET.fullmatch(text) is not None


def may_go_to(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether a call may go to this address: out into the world, or where the settings allow it.

    Not to this machine, the networks behind it or the metadata of a cloud, however the address is written.
    """
    if any(address.version == network.version and address in network for network in allowed):
        return True
    if isinstance(address, IPv6Address):
        # An IPv4 address in other clothes, or a tunnel to one.
        if address.ipv4_mapped is not None:
            return may_go_to(address.ipv4_mapped, allowed)
        if address.sixtofour is not None or address.teredo is not None or address in _TRANSLATED:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def message(
    *, delivery_id: int, event_type: str, occurred_at: datetime, data: Mapping[str, object]
) -> dict[str, object]:
    """What is told: which event, when, of which resource, what changed, by whom."""
    table = str(data.get("entity_type") or "")
    kind, _ = _RESOURCES.get(table, (table.rstrip("s"), ""))
    return {
        "id": delivery_id,
        "type": event_type,
        "occurred_at": occurred_at.isoformat(),
        "resource": {"type": kind, "id": data.get("entity_id"), "path": _path(data)},
        "customer_id": data.get("customer_id"),
        "changes": _changes(data.get("old"), data.get("new")),
        "by": {"type": data.get("actor_type"), "name": data.get("actor_name")},
    }


_TRANSLATED = IPv6Network("64:ff9b::/96")


def _path(data: Mapping[str, object]) -> str | None:
    """Where the API shows it, if it shows it alone."""
    _, room = _RESOURCES.get(str(data.get("entity_type")), ("", ""))
    return f"/api/v1/{room}/{data.get('entity_id')}" if room and data.get("entity_id") else None


def _changes(old: object, new: object) -> dict[str, dict[str, object]]:
    before = old if isinstance(old, Mapping) else {}
    after = new if isinstance(new, Mapping) else {}
    names = dict.fromkeys((*before, *after))
    return {str(name): {"old": before.get(name), "new": after.get(name)} for name in names}
