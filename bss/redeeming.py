"""Redeeming a voucher: its time, volume or money goes to a customer with a name. Once, whoever asks at the same time.

An access voucher lengthens a hotspot subscription and adds to its allowances, or makes the first one, with credentials
that can be read out. A voucher of money is credit. Either way it logs in nowhere any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields, network, quotas, subscriptions, topups, wallet
from bss.actor import Actor
from bss.customers import require_open
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.hotspot import generate
from bss.outcome import NO_EFFECT, Effect
from bss.rows import locked, referenced
from bss.subscriptions.values import record, require_not_over
from db.engine import psycopg_of
from db.models import Customer, Subscription, Voucher, VoucherBatch
from db.queries.allowances import own_quotas
from db.queries.vouchers import hotspot_subscriptions, take_voucher, voucher_by_code
from db.scope import everybodys
from domain.voucher import end_after

MAX_CODE = 64
MAX_LOGINS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What a voucher adds: seconds of term, seconds online, bytes, money. None where it adds nothing of the kind."""

    validity_s: int | None = None
    time_s: int | None = None
    data_bytes: int | None = None
    credit: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Redeemed:
    """What was added to whom; `secret` is the password of a login that was made for it, shown once."""

    voucher: Voucher
    customer: Customer
    subscription: Subscription | None
    added: Worth
    secret: str | None = None
    effect: Effect = NO_EFFECT

    def __repr__(self) -> str:
        return f"Redeemed(voucher={self.voucher.id}, customer={self.customer.id})"


def redeem(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    code: str,
    customer_id: int | None = None,
    subscription_id: int | None = None,
) -> Redeemed:
    """Give what the voucher is worth to a subscription, or to a customer: his hotspot login, or a new one.

    Raises `NotFound` for a code that does not exist, and `Conflict` for one that was used, disabled or is too late.
    """
    customer, subscription = _target(session, actor, customer_id, subscription_id)
    require_open(customer)
    voucher, batch = _voucher(session, actor, code)
    if batch.kind == "access" and subscription is None:
        subscription = _only_login(session, customer)
    worth = _worth(batch, voucher)
    if subscription is not None and batch.kind == "access":
        worth = _useful(session, subscription, worth)
    _take(session, actor, now, voucher, customer)
    if batch.kind == "credit":
        return _credit(session, actor, now, voucher, customer, worth)
    if subscription is None:
        return _first_login(session, actor, now, voucher, batch, customer, worth)
    effect = _add(session, actor, now, subscription, voucher, worth)
    return _done(session, actor, now, voucher, customer, subscription, worth, effect=effect)


def _target(
    session: Session, actor: Actor, customer_id: int | None, subscription_id: int | None
) -> tuple[Customer, Subscription | None]:
    """The customer, locked, and the subscription where one is named, locked after him."""
    if (customer_id is None) == (subscription_id is None):
        mend = "name a customer, or one of his subscriptions"
        raise Invalid(Problem(field="subscription_id", reason="is missing, or one too many", mend=mend))
    if subscription_id is None:
        referenced(session, Customer, customer_id or 0, actor=actor, field="customer_id")
        return locked(session, Customer, customer_id or 0, actor=actor), None
    found = referenced(session, Subscription, subscription_id, actor=actor, field="subscription_id")
    customer = locked(session, Customer, found.customer_id, actor=actor)
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    require_not_over(subscription)
    return customer, subscription


def _voucher(session: Session, actor: Actor, code: str) -> tuple[Voucher, VoucherBatch]:
    typed = fields.text(code, field="code", longest=MAX_CODE, required=True)
    # Whoever holds it may use it, whichever operator sold it.
    with everybodys(session):
        voucher = voucher_by_code(session, typed, tenant_id=actor.tenant_id)
    if voucher is None or voucher.batch is None:
        raise NotFound(Problem(field="code", reason="there is no such voucher", mend="type the code again"))
    return voucher, voucher.batch


def _only_login(session: Session, customer: Customer) -> Subscription | None:
    logins = hotspot_subscriptions(session, customer.id, limit=MAX_LOGINS)
    if len(logins) > 1:
        names = ", ".join(row.username for row in logins[:5])
        mend = "name one of them"
        raise Invalid(
            Problem(field="subscription_id", reason=f"the customer has several hotspot logins: {names}", mend=mend)
        )
    if not logins:
        return None
    session.refresh(logins[0], with_for_update=True)
    return logins[0]


def _worth(batch: VoucherBatch, voucher: Voucher) -> Worth:
    """What is printed on it; where the batch has no limit of its own, the plan's that never turns."""
    if batch.kind == "credit":
        return Worth(credit=batch.credit)
    total = {row.kind: row.limit_amount for row in (batch.plan.quotas if batch.plan else ()) if row.period == "total"}
    return Worth(
        validity_s=voucher.validity_s,
        time_s=batch.time_limit_s or total.get("time"),
        data_bytes=batch.data_limit_bytes or total.get("data"),
    )


def _useful(session: Session, subscription: Subscription, worth: Worth) -> Worth:
    """Without what the subscription has without end; raises `Conflict` when nothing would be left."""
    profile = network.profile_of(session, subscription.id)
    kinds = {quota.kind for quota in profile.quotas} | ({"data"} if profile.tiers else set())
    useful = Worth(
        validity_s=None if subscription.expires_at is None and subscription.status == "active" else worth.validity_s,
        time_s=worth.time_s if "time" in kinds else None,
        data_bytes=worth.data_bytes if "data" in kinds else None,
    )
    if useful == Worth():
        mend = "use it for another subscription"
        raise Conflict(Problem(field="subscription_id", reason="has all this without an end already", mend=mend))
    return useful


def _take(session: Session, actor: Actor, now: datetime, voucher: Voucher, customer: Customer) -> None:
    session.flush()
    taken = take_voucher(psycopg_of(session), voucher.id, customer_id=customer.id, by=actor.name, now=now)
    session.refresh(voucher)
    if taken:
        return
    words = {"disabled": "is disabled", "expired": "is too late", "unused": "is too late"}
    raise Conflict(
        Problem(field="code", reason=words.get(voucher.state, "was used already"), mend="take another voucher")
    )


def _credit(
    session: Session, actor: Actor, now: datetime, voucher: Voucher, customer: Customer, worth: Worth
) -> Redeemed:
    adjusted = wallet.adjust(
        session, actor=actor, now=now, customer_id=customer.id, kind="credit", amount=worth.credit, reason="voucher",
        description=f"voucher of {voucher.batch_name}", key=f"voucher:{voucher.id}",
    )  # fmt: skip
    return _done(session, actor, now, voucher, adjusted.customer, None, worth, effect=adjusted.effect)


def _first_login(
    session: Session,
    actor: Actor,
    now: datetime,
    voucher: Voucher,
    batch: VoucherBatch,
    customer: Customer,
    worth: Worth,
) -> Redeemed:
    """A login of his own with what the voucher would have given."""
    end = None if worth.validity_s is None else now + timedelta(seconds=worth.validity_s)
    issued = generate(
        session, actor=actor, now=now, customer_id=customer.id, service_plan_id=batch.service_plan_id or 0,
        expires_at=end, never_expires=end is None,
    )  # fmt: skip
    effect = _own_limits(session, actor, now, issued.row, batch)
    return _done(session, actor, now, voucher, customer, issued.row, worth, effect=effect, secret=issued.secret)


def _own_limits(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, batch: VoucherBatch
) -> Effect:
    limits: list[Mapping[str, Any]] = []
    if batch.time_limit_s is not None:
        limits.append({"kind": "time", "period": "total", "limit_s": batch.time_limit_s})
    if batch.data_limit_bytes is not None:
        limits.append({"kind": "data", "period": "total", "limit_bytes": batch.data_limit_bytes})
    if not limits:
        return Effect()
    given = quotas.as_given(own_quotas(session, subscription.id)) + limits
    return quotas.set_own(session, actor=actor, now=now, subscription_id=subscription.id, quotas=given).effect


def _add(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, voucher: Voucher, worth: Worth
) -> Effect:
    effect, note = Effect(), f"voucher of {voucher.batch_name}"
    if worth.validity_s is not None:
        end = end_after(now, subscription.expires_at, worth.validity_s)
        effect += subscriptions.change_expiry(
            session, actor=actor, now=now, subscription_id=subscription.id, expires_at=end
        ).effect
    amounts: dict[str, dict[str, Any]] = {}
    if worth.time_s is not None:
        amounts["time"] = {"amount_s": worth.time_s}
    if worth.data_bytes is not None:
        amounts["data"] = {"amount_bytes": worth.data_bytes}
    for kind, amount in amounts.items():
        # What comes with a term ends with it; what comes without one stays until it is used.
        until = subscription.expires_at if worth.validity_s is not None else None
        effect += topups.add(
            session, actor=actor, now=now, subscription_id=subscription.id, kind=kind, valid_until=until,
            for_good=until is None, note=note, **amount,
        ).effect  # fmt: skip
    if subscription.status == "pending":
        effect += subscriptions.activate(session, actor=actor, now=now, subscription_id=subscription.id).effect
    return effect


def _done(
    session: Session,
    actor: Actor,
    now: datetime,
    voucher: Voucher,
    customer: Customer,
    subscription: Subscription | None,
    worth: Worth,
    *,
    effect: Effect,
    secret: str | None = None,
) -> Redeemed:
    if subscription is not None:
        voucher.redeemed_subscription_id = subscription.id
        record(session, actor, now, "recharged", subscription, new={"voucher": voucher.batch_name})
    audit.record(
        session, actor=actor, now=now, action="voucher.redeemed", entity=voucher, customer_id=customer.id,
        old={"state": "unused"}, new={"state": "used", "batch": voucher.batch_name},
    )  # fmt: skip
    session.flush()
    if voucher.subscription_id is not None:
        ended = [voucher.subscription_id]
        effect += network.disconnect(session, actor=actor, now=now, reason="voucher_over", subscription_ids=ended)
    return Redeemed(
        voucher=voucher, customer=customer, subscription=subscription, added=worth, secret=secret, effect=effect
    )
