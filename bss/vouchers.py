"""Vouchers: codes that log in at a hotspot, each with a subscription of its own under the walk-in customer."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, customers, fields
from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.rows import locked
from bss.subscriptions import create as create_subscription
from bss.subscriptions.values import plan_for_sale
from db.models import Customer, ServicePlan, Subscription, Voucher
from db.queries.vouchers import taken_codes, walk_in_customer
from domain.voucher import VOUCHER_STATES

MAX_AT_ONCE = 500
# Twelve of 31 characters are about 59 bits: a thousand guesses a second find none of a million vouchers for years.
CODE_GROUPS, CODE_GROUP_LENGTH = 3, 4
MAX_VALIDITY_S = 3650 * 86_400
WALK_IN_NAME = "Walk-in (vouchers)"


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    service_plan_id: int,
    count: int,
    validity_s: int | None,
    batch: str = "",
    binds_mac: bool = False,
    sell_until: datetime | None = None,
) -> Sequence[Voucher]:
    """Make `count` vouchers of a hotspot plan, valid for `validity_s` seconds from their first login.

    Without a validity only the plan's allowances end them. `sell_until`: not used by then, they never will be.
    """
    number = fields.whole(count, field="count", least=1, most=MAX_AT_ONCE)
    terms: dict[str, Any] = {
        "validity_s": fields.optional_whole(validity_s, field="validity_s", least=60, most=MAX_VALIDITY_S),
        "batch": fields.text(batch, field="batch", longest=50),
        "sell_until": _still_ahead(sell_until, now),
        "binds_mac": binds_mac,
    }
    plan = _hotspot_plan(session, actor, service_plan_id)
    owner = _walk_in(session, actor, now)
    made = [
        Voucher(
            tenant_id=actor.tenant_id,
            subscription_id=_subscription(session, actor, now, owner, plan, code).id,
            code=code,
            state="unused",
            **terms,
        )
        for code in _new_codes(session, actor, number)
    ]
    session.add_all(made)
    session.flush()
    new = {"count": number, "service_plan_id": plan.id} | terms
    audit.record(session, actor=actor, now=now, action="voucher.created", entity=made[0], new=new)
    return made


def set_disabled(session: Session, *, actor: Actor, now: datetime, voucher_id: int, disabled: bool) -> Voucher:
    """Take a voucher out of use, or give it back as it was: unused, or with the time it has left."""
    voucher = locked(session, Voucher, voucher_id, actor=actor)
    state = "disabled" if disabled else ("unused" if voucher.first_used_at is None else "active")
    if not disabled and voucher.state != "disabled":
        return voucher
    old, new = audit.set_fields(voucher, {"state": fields.one_of(state, field="state", allowed=VOUCHER_STATES)})
    if new:
        action = "voucher.disabled" if disabled else "voucher.enabled"
        audit.record(session, actor=actor, now=now, action=action, entity=voucher, old=old, new=new)
    session.flush()
    return voucher


def _still_ahead(sell_until: datetime | None, now: datetime) -> datetime | None:
    until = None if sell_until is None else fields.moment(sell_until, field="sell_until")
    if until is not None and until <= now:
        raise Invalid(Problem(field="sell_until", reason="has passed", mend="choose a later time"))
    return until


def _hotspot_plan(session: Session, actor: Actor, service_plan_id: int) -> ServicePlan:
    plan = plan_for_sale(session, service_plan_id, actor=actor)
    if plan.connection_type not in ("hotspot", "any"):
        mend = "use a hotspot plan"
        raise Invalid(Problem(field="service_plan_id", reason=f"is a plan for {plan.connection_type}", mend=mend))
    return plan


def _subscription(
    session: Session, actor: Actor, now: datetime, owner: Customer, plan: ServicePlan, code: str
) -> Subscription:
    """What a voucher logs in with: its code. The password nobody knows is for none to guess."""
    issued = create_subscription(
        session,
        actor=actor,
        now=now,
        customer_id=owner.id,
        service_plan_id=plan.id,
        username=code,
        connection_type="hotspot",
        never_expires=True,
        auto_renew=False,
    )
    return issued.row


def _walk_in(session: Session, actor: Actor, now: datetime) -> Customer:
    """Who buys vouchers without giving a name: one customer of each provider, made when first needed."""
    found = walk_in_customer(session, tenant_id=actor.tenant_id, name=WALK_IN_NAME)
    if found is not None:
        return found
    return customers.create(session, actor=actor, now=now, name=WALK_IN_NAME, status="active")


def _new_codes(session: Session, actor: Actor, count: int) -> list[str]:
    codes: set[str] = set()
    while len(codes) < count:
        fresh = {_code() for _ in range(count - len(codes))}
        codes |= fresh - taken_codes(session, tenant_id=actor.tenant_id, codes=fresh)
    return sorted(codes)


def _code() -> str:
    """Unguessable, and without characters that are misread on paper."""
    groups = ("".join(secrets.choice(fields.READABLE) for _ in range(CODE_GROUP_LENGTH)) for _ in range(CODE_GROUPS))
    return "-".join(groups)
