"""Vouchers: codes that log in at a hotspot, each with a subscription of its own under the walk-in customer.

Made, disabled and given back by the hundred: no step here costs more because there are many already.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, customers, fields, network
from bss.actor import Actor
from bss.failure import Invalid, NotFound, Problem
from bss.numbers import next_code
from bss.outcome import Changed, Effect
from bss.rows import locked
from bss.subscriptions import create_many
from bss.subscriptions.values import plan_for_sale
from db.engine import psycopg_of
from db.models import Customer, ServicePlan, Voucher
from db.queries.names import as_kept
from db.queries.vouchers import (
    EXPORTED,
    first_of_batch,
    rows_of_batch,
    switch_batch,
    taken_codes,
    walk_in_customer,
)
from domain.codes import BATCH_PREFIX

PLAN_KINDS = ("hotspot", "any")
MAX_AT_ONCE = 2000
# As many as one notice to the RADIUS servers can name; with more in one statement they would forget everybody.
STEP = 500
# Twelve of 31 characters are about 59 bits: a thousand guesses a second find none of a million vouchers for years.
CODE_GROUPS, CODE_GROUP_LENGTH = 3, 4
MAX_VALIDITY_S = 3650 * 86_400
MAX_EXPORTED = 50_000
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
    prefix: str = "",
    binds_mac: bool = False,
    sell_until: datetime | None = None,
) -> Sequence[Voucher]:
    """Make `count` vouchers of a hotspot plan, valid for `validity_s` seconds from their first login.

    Without a validity only the plan's allowances end them. `sell_until`: not used by then, they never will be. A batch
    without a name gets the next number; `prefix` comes before each code.
    """
    head = as_kept(session, _prefix(prefix), tenant_id=actor.tenant_id)
    number = fields.whole(count, field="count", least=1, most=MAX_AT_ONCE)
    terms: dict[str, Any] = {
        "validity_s": fields.optional_whole(validity_s, field="validity_s", least=60, most=MAX_VALIDITY_S),
        "batch": fields.text(batch, field="batch", longest=50)
        or next_code(session, actor=actor, now=now, prefix=BATCH_PREFIX),
        "sell_until": _still_ahead(sell_until, now),
        "binds_mac": binds_mac,
    }
    plan = _hotspot_plan(session, actor, service_plan_id)
    owner = _walk_in(session, actor, now)
    made: list[Voucher] = []
    for codes in _in_steps(_new_codes(session, actor, number, head)):
        made += _vouchers(session, actor, now, owner, plan, codes, terms)
    new = {"count": number, "service_plan_id": plan.id} | terms
    audit.record(session, actor=actor, now=now, action="voucher.created", entity=made[0], new=new)
    return made


def set_disabled(session: Session, *, actor: Actor, now: datetime, voucher_id: int, disabled: bool) -> Changed[Voucher]:
    """Take a voucher out of use and end its sessions, or give it back as it was: unused, or with the time it has left.

    One that is used up or expired stays what it is.
    """
    voucher = locked(session, Voucher, voucher_id, actor=actor)
    if disabled != (voucher.state in ("unused", "active")) or (not disabled and voucher.state != "disabled"):
        return Changed(row=voucher)
    state = "disabled" if disabled else ("unused" if voucher.first_used_at is None else "active")
    old, new = audit.set_fields(voucher, {"state": state})
    audit.record(session, actor=actor, now=now, action=_action(disabled=disabled), entity=voucher, old=old, new=new)
    ended = [voucher.subscription_id] if disabled else []
    return Changed(row=voucher, effect=_end_sessions(session, actor, now, ended))


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchChanged:
    """How many vouchers of a batch changed, with the effect on the network."""

    batch: str
    changed: int
    effect: Effect


def set_batch_disabled(session: Session, *, actor: Actor, now: datetime, batch: str, disabled: bool) -> BatchChanged:
    """The same for every voucher of a batch; raises `NotFound` when there is no such batch."""
    name = fields.text(batch, field="batch", longest=50, required=True)
    first = first_of_batch(session, tenant_id=actor.tenant_id, batch=name)
    if first is None:
        raise NotFound(Problem(field="batch", reason="there is no such batch", mend="choose one from the list"))
    changed, effect = 0, Effect()
    session.flush()
    while ids := switch_batch(
        psycopg_of(session), tenant_id=actor.tenant_id, batch=name, disabled=disabled, now=now, limit=STEP
    ):
        changed += len(ids)
        effect += _end_sessions(session, actor, now, ids if disabled else [])
    if changed:
        new = {"batch": name, "count": changed}
        audit.record(session, actor=actor, now=now, action=_action(disabled=disabled), entity=first, new=new)
    session.expire_all()
    return BatchChanged(batch=name, changed=changed, effect=effect)


def export(session: Session, *, actor: Actor, now: datetime, batch: str) -> list[list[Any]]:
    """Every voucher of a batch as rows of a table, codes included, its head first; who took them is recorded."""
    name = fields.text(batch, field="batch", longest=50, required=True)
    first = first_of_batch(session, tenant_id=actor.tenant_id, batch=name)
    if first is None:
        raise NotFound(Problem(field="batch", reason="there is no such batch", mend="choose one from the list"))
    rows = rows_of_batch(session, tenant_id=actor.tenant_id, batch=name, limit=MAX_EXPORTED + 1)
    if len(rows) > MAX_EXPORTED:
        reason = f"has more than {MAX_EXPORTED} vouchers"
        raise Invalid(Problem(field="batch", reason=reason, mend="page through the list instead"))
    new = {"batch": name, "count": len(rows)}
    audit.record(session, actor=actor, now=now, action="voucher.exported", entity=first, new=new)
    return [list(EXPORTED), *([*row] for row in rows)]


def _action(*, disabled: bool) -> str:
    return "voucher.disabled" if disabled else "voucher.enabled"


def _end_sessions(session: Session, actor: Actor, now: datetime, ids: Sequence[int]) -> Effect:
    if not ids:
        return Effect()
    return network.disconnect(session, actor=actor, now=now, reason="voucher_over", subscription_ids=ids)


def _prefix(text: str) -> str:
    prefix = fields.text(text, field="prefix", longest=10)
    if prefix and not (prefix.isascii() and prefix.replace("-", "").isalnum()):
        raise Invalid(Problem(field="prefix", reason="has other characters than letters and digits", mend="use HOT-"))
    return prefix


def _still_ahead(sell_until: datetime | None, now: datetime) -> datetime | None:
    until = None if sell_until is None else fields.moment(sell_until, field="sell_until")
    if until is not None and until <= now:
        raise Invalid(Problem(field="sell_until", reason="has passed", mend="choose a later time"))
    return until


def _hotspot_plan(session: Session, actor: Actor, service_plan_id: int) -> ServicePlan:
    plan = plan_for_sale(session, service_plan_id, actor=actor)
    if plan.connection_type not in PLAN_KINDS:
        mend = "use a hotspot plan"
        raise Invalid(Problem(field="service_plan_id", reason=f"is a plan for {plan.connection_type}", mend=mend))
    return plan


def _vouchers(
    session: Session,
    actor: Actor,
    now: datetime,
    owner: Customer,
    plan: ServicePlan,
    codes: Sequence[str],
    terms: dict[str, Any],
) -> list[Voucher]:
    """What a voucher logs in with is its code. The password of its subscription nobody knows is for none to guess."""
    owned = create_many(
        session, actor=actor, now=now, customer=owner, plan=plan, usernames=codes, connection_type="hotspot"
    )
    made = [
        Voucher(tenant_id=actor.tenant_id, subscription_id=row.id, code=row.username, state="unused", **terms)
        for row in owned
    ]
    session.add_all(made)
    session.flush()
    return made


def _in_steps(codes: Sequence[str]) -> Iterator[Sequence[str]]:
    return (codes[start : start + STEP] for start in range(0, len(codes), STEP))


def _walk_in(session: Session, actor: Actor, now: datetime) -> Customer:
    """Who buys vouchers without giving a name: one customer of each provider, made when first needed."""
    found = walk_in_customer(session, tenant_id=actor.tenant_id)
    if found is None:
        return customers.create(session, actor=actor, now=now, name=WALK_IN_NAME, status="active", is_walk_in=True)
    customers.require_open(found)
    return found


def _new_codes(session: Session, actor: Actor, count: int, prefix: str) -> list[str]:
    codes: set[str] = set()
    while len(codes) < count:
        fresh = {prefix + _code() for _ in range(count - len(codes))}
        codes |= fresh - taken_codes(session, tenant_id=actor.tenant_id, codes=fresh)
    return sorted(codes)


def _code() -> str:
    """Unguessable, and without characters that are misread on paper."""
    groups = ("".join(secrets.choice(fields.READABLE) for _ in range(CODE_GROUP_LENGTH)) for _ in range(CODE_GROUPS))
    return "-".join(groups)
