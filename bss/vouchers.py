"""Vouchers: codes that log in at a hotspot, each with a subscription of its own under the walk-in customer; or money.

Made, disabled and given back by the hundred: no step here costs more because there are many already. Selling them is
`bss.voucher_sales`', redeeming them `bss.redeeming`'s, printing them `bss.voucher_sheets`' part.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from sqlalchemy.orm import Session

from bss import audit, customers, fields, network
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem, flush_or_conflict, require_known
from bss.numbers import next_code
from bss.outcome import Changed, Effect
from bss.quotas import LEAST_S, MAX_BYTES, MOST_S
from bss.rows import find, locked, referenced, tenant_of
from bss.subscriptions import create_many
from bss.subscriptions.values import plan_for_sale
from bss.wallet import payable
from db.engine import psycopg_of
from db.models import AllowanceQuota, Customer, Operator, ServicePlan, Voucher, VoucherBatch
from db.queries.names import as_kept
from db.queries.operators import with_descendants
from db.queries.vouchers import EXPORTED, batch_named, rows_of_batch, switch_batch, taken_codes, walk_in_customer
from domain.codes import BATCH_PREFIX
from domain.money import is_payable
from domain.voucher import MAX_PREFIX, USUAL_PATTERN, code_of, may_move, problem_with_pattern

PLAN_KINDS = ("hotspot", "any")
MAX_AT_ONCE = 2000
# As many as one notice to the RADIUS servers can name; with more in one statement they would forget everybody.
STEP = 500
MAX_VALIDITY_S = 3650 * 86_400
MAX_EXPORTED = 50_000
MAX_NOTE = 500
WALK_IN_NAME = "Walk-in (vouchers)"
EDITABLE = frozenset({"name", "price", "operator_id", "commission_percent", "note"})
_TAKEN = {
    "uq_voucher_batches_tenant_id_name": Problem(
        field="batch", reason="is the name of another batch", mend="choose another name"
    )
}
# What makes a batch worth what it is: vouchers that are added later are the same.
_TERMS = (
    *("kind", "service_plan_id", "credit", "validity_s", "time_limit_s", "data_limit_bytes", "binds_mac"),
    *("sell_until", "prefix", "code_pattern"),
)


class Terms(TypedDict, total=False):
    """What may be said about a new batch; what is left out is none, or the usual.

    `credit` makes vouchers of money instead of access. `validity_from_plan` takes the plan's days. Limits of time and
    data are each voucher's own, in place of the plan's allowances that never turn.
    """

    service_plan_id: int | None
    credit: Any
    validity_s: int | None
    validity_from_plan: bool
    time_limit_s: int | None
    data_limit_bytes: int | None
    batch: str
    prefix: str
    code_pattern: str
    binds_mac: bool
    sell_until: datetime | None
    price: Any
    operator_id: int | None
    commission_percent: Any
    note: str


_KNOWN = frozenset(Terms.__annotations__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A batch that is not kept, how many vouchers it is to have, and whether they come to one that is there."""

    batch: VoucherBatch
    count: int
    grows: bool

    @property
    def takings(self) -> Decimal:
        """What all of them are sold for."""
        return self.count * self.batch.price

    @property
    def commission(self) -> Decimal:
        """What of that is the seller's."""
        return self.takings * self.batch.commission_percent / 100


def create(session: Session, *, actor: Actor, now: datetime, count: int, **terms: Unpack[Terms]) -> Sequence[Voucher]:
    """Make a batch of `count` vouchers of a hotspot plan, valid for `validity_s` seconds from their first login.

    Without a validity only allowances end them. `sell_until`: not used by then, they never will be. A batch without a
    name gets the next number; one whose name and terms are there already grows.
    """
    require_known(terms, _KNOWN)
    _require_provider(actor)
    number = fields.whole(count, field="count", least=1, most=MAX_AT_ONCE)
    values = _clean(session, actor, now, terms)
    batch = _grown(session, actor, values)
    if batch is None:
        batch = VoucherBatch(tenant_id=actor.tenant_id, created_by=actor.name, **values)
        session.add(batch)
        flush_or_conflict(session, _TAKEN)
    return _made(session, actor, now, batch, number)


def look_at(session: Session, *, actor: Actor, now: datetime, count: int, **terms: Unpack[Terms]) -> Draft:
    """What `create` would make, to look at before it is; nothing is written. Raises what it would."""
    require_known(terms, _KNOWN)
    _require_provider(actor)
    number = fields.whole(count, field="count", least=1, most=MAX_AT_ONCE)
    named: Terms = {**terms, "batch": terms.get("batch") or "-"}
    values = _clean(session, actor, now, named)
    grown = _grown(session, actor, values) if terms.get("batch") else None
    batch = VoucherBatch(tenant_id=actor.tenant_id, **values)
    batch.plan = None if batch.service_plan_id is None else session.get(ServicePlan, batch.service_plan_id)
    return Draft(batch=batch, count=number, grows=grown is not None)


def _grown(session: Session, actor: Actor, values: Mapping[str, Any]) -> VoucherBatch | None:
    """The batch of this name, which has the same terms; raises `Conflict` where it has others."""
    batch = batch_named(session, values["name"], tenant_id=actor.tenant_id)
    if batch is not None and any(getattr(batch, name) != values[name] for name in _TERMS):
        mend = "choose another name, or add vouchers of the same kind to it"
        raise Conflict(Problem(field="batch", reason="is there already and has other terms", mend=mend))
    return batch


def add(session: Session, *, actor: Actor, now: datetime, batch_id: int, count: int) -> Sequence[Voucher]:
    """Make `count` more vouchers of a batch, on its terms."""
    batch = locked(session, VoucherBatch, batch_id, actor=actor)
    _require_provider(actor)
    number = fields.whole(count, field="count", least=1, most=MAX_AT_ONCE)
    if batch.sell_until is not None and batch.sell_until <= now:
        mend = "make a new batch instead"
        raise Conflict(Problem(field="", reason="the last day of this batch has passed", mend=mend))
    return _made(session, actor, now, batch, number)


def change(
    session: Session, *, actor: Actor, now: datetime, batch_id: int, changes: Mapping[str, Any]
) -> Changed[VoucherBatch]:
    """Change fields of `EDITABLE`: name, price, who sells it at which commission, and the note. Sold is sold."""
    require_known(changes, EDITABLE)
    batch = locked(session, VoucherBatch, batch_id, actor=actor)
    _require_provider(actor)
    wanted = audit.snapshot(batch, EDITABLE) | dict(changes)
    currency = tenant_of(session, actor=actor).currency
    values = {
        "name": fields.text(wanted["name"], field="name", longest=50, required=True),
        "price": _price(wanted["price"], currency),
        "note": fields.text(wanted["note"], field="note", longest=MAX_NOTE, lines=True),
        **_seller(session, actor, wanted["operator_id"], _rate_for(changes, wanted)),
    }
    old, new = audit.set_fields(batch, values)
    flush_or_conflict(session, _TAKEN)
    if new:
        session.refresh(batch, ["operator"])
        audit.record(session, actor=actor, now=now, action="voucher_batch.updated", entity=batch, old=old, new=new)
    return Changed(row=batch)


def batch_of(session: Session, batch_id: int, *, actor: Actor) -> VoucherBatch:
    """A batch that the actor may see: the provider's staff all, an operator's those that he or somebody below sells."""
    batch = find(session, VoucherBatch, batch_id, actor=actor)
    mine = operators_seen(session, actor=actor)
    if mine is not None and batch.operator_id not in mine:
        raise NotFound(Problem(field="", reason="there is no such batch", mend="choose one from the list"))
    return batch


def operators_seen(session: Session, *, actor: Actor) -> list[int] | None:
    """The operators whose batches the actor may see; None for all."""
    return None if actor.operator_id is None else with_descendants(session, actor.operator_id)


def set_disabled(session: Session, *, actor: Actor, now: datetime, voucher_id: int, disabled: bool) -> Changed[Voucher]:
    """Take a voucher out of use and end its sessions, or give it back as it was: unused, or with the time it has left.

    One that is used up or expired stays what it is.
    """
    voucher = locked(session, Voucher, voucher_id, actor=actor)
    _require_seen(session, actor, voucher)
    wanted = "disabled" if disabled else ("unused" if voucher.first_used_at is None else "active")
    if voucher.state == wanted or not may_move(voucher.state, wanted) or disabled == (voucher.state == "disabled"):
        return Changed(row=voucher)
    old, new = audit.set_fields(voucher, {"state": wanted})
    audit.record(session, actor=actor, now=now, action=_action(disabled=disabled), entity=voucher, old=old, new=new)
    ended = [voucher.subscription_id] if disabled and voucher.subscription_id is not None else []
    return Changed(row=voucher, effect=_end_sessions(session, actor, now, ended))


@dataclass(frozen=True, kw_only=True, slots=True)
class ManyChanged:
    """How many of the marked vouchers are as they were wanted, with the effect on the network."""

    count: int
    effect: Effect


def set_many_disabled(
    session: Session, *, actor: Actor, now: datetime, voucher_ids: Sequence[int], disabled: bool
) -> ManyChanged:
    """The same for marked vouchers, at most `MAX_AT_ONCE`; those that are used up or expired are left out."""
    count, effect = 0, Effect()
    for voucher_id in sorted(set(voucher_ids))[:MAX_AT_ONCE]:
        done = set_disabled(session, actor=actor, now=now, voucher_id=voucher_id, disabled=disabled)
        count += (done.row.state == "disabled") == disabled and done.row.state not in ("used", "expired")
        effect += done.effect
    return ManyChanged(count=count, effect=effect)


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchChanged:
    """How many vouchers of a batch changed, with the effect on the network."""

    batch: VoucherBatch
    changed: int
    effect: Effect


def set_batch_disabled(session: Session, *, actor: Actor, now: datetime, batch_id: int, disabled: bool) -> BatchChanged:
    """The same for every voucher of a batch."""
    batch = batch_of(session, batch_id, actor=actor)
    changed, effect = 0, Effect()
    session.flush()
    connection = psycopg_of(session)
    while True:
        number, ids = switch_batch(connection, batch_id=batch.id, disabled=disabled, now=now, limit=STEP)
        if not number:
            break
        changed += number
        effect += _end_sessions(session, actor, now, ids if disabled else [])
    if changed:
        new = {"batch": batch.name, "count": changed}
        audit.record(session, actor=actor, now=now, action=_action(disabled=disabled), entity=batch, new=new)
    session.flush()
    session.expire_all()
    return BatchChanged(batch=batch, changed=changed, effect=effect)


def export(session: Session, *, actor: Actor, now: datetime, batch_id: int) -> list[list[Any]]:
    """Every voucher of a batch as rows of a table, codes included, its head first; who took them is recorded."""
    batch = batch_of(session, batch_id, actor=actor)
    rows = rows_of_batch(session, batch, limit=MAX_EXPORTED + 1)
    if len(rows) > MAX_EXPORTED:
        reason = f"has more than {MAX_EXPORTED} vouchers"
        raise Invalid(Problem(field="batch", reason=reason, mend="page through the list instead"))
    new = {"batch": batch.name, "count": len(rows)}
    audit.record(session, actor=actor, now=now, action="voucher.exported", entity=batch, new=new)
    return [list(EXPORTED), *([*row] for row in rows)]


def _require_provider(actor: Actor) -> None:
    if actor.operator_id is not None:
        mend = "ask the provider for a batch to sell"
        raise Conflict(Problem(field="", reason="vouchers are made by the provider", mend=mend))


def _require_seen(session: Session, actor: Actor, voucher: Voucher) -> None:
    mine = operators_seen(session, actor=actor)
    if mine is not None and (voucher.batch is None or voucher.batch.operator_id not in mine):
        raise NotFound(Problem(field="", reason="there is no such voucher"))


def _action(*, disabled: bool) -> str:
    return "voucher.disabled" if disabled else "voucher.enabled"


def _end_sessions(session: Session, actor: Actor, now: datetime, ids: Sequence[int]) -> Effect:
    if not ids:
        return Effect()
    return network.disconnect(session, actor=actor, now=now, reason="voucher_over", subscription_ids=ids)


# --- terms --------------------------------------------------------------------------------------------------------


def _clean(session: Session, actor: Actor, now: datetime, terms: Terms) -> dict[str, Any]:
    currency = tenant_of(session, actor=actor).currency
    values: dict[str, Any] = {
        "sell_until": _still_ahead(terms.get("sell_until"), now),
        "prefix": as_kept(session, _prefix(terms.get("prefix", "")), tenant_id=actor.tenant_id),
        "code_pattern": _pattern(terms.get("code_pattern") or USUAL_PATTERN),
        "price": _price(terms.get("price", 0), currency),
        "note": fields.text(terms.get("note", ""), field="note", longest=MAX_NOTE, lines=True),
        **_worth(session, actor, terms, currency),
        **_seller(session, actor, terms.get("operator_id"), terms.get("commission_percent")),
    }
    name = fields.text(terms.get("batch", ""), field="batch", longest=50)
    values["name"] = name or next_code(session, actor=actor, now=now, prefix=BATCH_PREFIX)
    return values


def _worth(session: Session, actor: Actor, terms: Terms, currency: str) -> dict[str, Any]:
    credit = terms.get("credit")
    if credit is not None:
        return _money(terms, payable(credit, currency=currency, field="credit"))
    plan = _hotspot_plan(session, actor, terms.get("service_plan_id"))
    given = terms.get("validity_s")
    validity_s = plan.validity_days * 86_400 if given is None and terms.get("validity_from_plan") else given
    return {
        "kind": "access",
        "credit": None,
        "service_plan_id": plan.id,
        "validity_s": fields.optional_whole(validity_s, field="validity_s", least=60, most=MAX_VALIDITY_S),
        "time_limit_s": fields.optional_whole(
            terms.get("time_limit_s"), field="time_limit_s", least=LEAST_S, most=MOST_S
        ),
        "data_limit_bytes": fields.optional_whole(
            terms.get("data_limit_bytes"), field="data_limit_bytes", least=1, most=MAX_BYTES
        ),
        "binds_mac": bool(terms.get("binds_mac", False)),
    }


def _money(terms: Terms, credit: Decimal) -> dict[str, Any]:
    """A voucher of money has nothing of a login."""
    given: Mapping[str, Any] = terms
    limits = ("service_plan_id", "validity_s", "validity_from_plan", "time_limit_s", "data_limit_bytes", "binds_mac")
    wrong = [name for name in limits if given.get(name)]
    if wrong:
        mend = "leave it empty, or leave the credit empty"
        raise Invalid([Problem(field=name, reason="does not go with credit", mend=mend) for name in wrong])
    return {"kind": "credit", "credit": credit, "binds_mac": False} | dict.fromkeys(
        ("service_plan_id", "validity_s", "time_limit_s", "data_limit_bytes")
    )


def _rate_for(changes: Mapping[str, Any], wanted: Mapping[str, Any]) -> Any:
    """The commission that was named; with another operator, else, his own; without one, none."""
    if "commission_percent" in changes:
        return changes["commission_percent"]
    return None if "operator_id" in changes else wanted["commission_percent"]


def _seller(session: Session, actor: Actor, operator_id: int | None, rate: Any) -> dict[str, Any]:
    """Who sells it, at what commission: the operator's own unless another is named."""
    if operator_id is None:
        if rate is not None and fields.money(rate, field="commission_percent"):
            mend = "choose who sells it"
            raise Invalid(Problem(field="commission_percent", reason="goes with an operator", mend=mend))
        return {"operator_id": None, "commission_percent": Decimal(0)}
    operator = referenced(session, Operator, operator_id, actor=actor, field="operator_id")
    percent = operator.commission_rate if rate is None else fields.money(rate, field="commission_percent")
    if percent > 100:
        raise Invalid(Problem(field="commission_percent", reason="is out of range", mend="use a number from 0 to 100"))
    return {"operator_id": operator.id, "commission_percent": percent}


def _price(value: Any, currency: str) -> Decimal:
    price = fields.money(value, field="price")
    if not is_payable(price, currency):
        raise Invalid(Problem(field="price", reason=f"has fractions that {currency} has not", mend="round it"))
    return price


def _prefix(text: str) -> str:
    prefix = fields.text(text, field="prefix", longest=MAX_PREFIX)
    if prefix and not (prefix.isascii() and prefix.replace("-", "").isalnum()):
        raise Invalid(Problem(field="prefix", reason="has other characters than letters and digits", mend="use HOT-"))
    return prefix


def _pattern(text: str) -> str:
    pattern = text.strip()
    mend = problem_with_pattern(pattern)
    if mend is not None:
        raise Invalid(Problem(field="code_pattern", reason="makes no safe code", mend=mend))
    return pattern


def _still_ahead(sell_until: datetime | None, now: datetime) -> datetime | None:
    until = None if sell_until is None else fields.moment(sell_until, field="sell_until")
    if until is not None and until <= now:
        raise Invalid(Problem(field="sell_until", reason="has passed", mend="choose a later time"))
    return until


def _hotspot_plan(session: Session, actor: Actor, service_plan_id: int | None) -> ServicePlan:
    if service_plan_id is None:
        mend = "choose a hotspot plan, or say how much money it is worth"
        raise Invalid(Problem(field="service_plan_id", reason="is missing", mend=mend))
    plan = plan_for_sale(session, service_plan_id, actor=actor)
    if plan.connection_type not in PLAN_KINDS:
        mend = "use a hotspot plan"
        raise Invalid(Problem(field="service_plan_id", reason=f"is a plan for {plan.connection_type}", mend=mend))
    return plan


# --- codes --------------------------------------------------------------------------------------------------------


def _made(session: Session, actor: Actor, now: datetime, batch: VoucherBatch, count: int) -> list[Voucher]:
    owner = None if batch.kind == "credit" else _walk_in(session, actor, now)
    plan = None if owner is None else _hotspot_plan(session, actor, batch.service_plan_id)
    made: list[Voucher] = []
    for codes in _in_steps(_new_codes(session, actor, count, batch)):
        logins: list[int | None] = [None] * len(codes)
        if owner is not None and plan is not None:
            logins = _logins(session, actor, now, owner, plan, batch, codes)
        made += _rows(session, batch, codes, logins)
    new = {"count": count, "batch": batch.name} | audit.snapshot(batch, (*_TERMS, "price", "operator_id"))
    audit.record(session, actor=actor, now=now, action="voucher.created", entity=batch, new=new)
    return made


def _rows(
    session: Session, batch: VoucherBatch, codes: Sequence[str], subscription_ids: Sequence[int | None]
) -> list[Voucher]:
    rows = [
        Voucher(
            tenant_id=batch.tenant_id,
            subscription_id=subscription_id,
            code=code,
            state="unused",
            batch=batch,
            validity_s=batch.validity_s,
            binds_mac=batch.binds_mac,
            sell_until=batch.sell_until,
        )
        for code, subscription_id in zip(codes, subscription_ids, strict=True)
    ]
    session.add_all(rows)
    session.flush()
    return rows


def _logins(
    session: Session,
    actor: Actor,
    now: datetime,
    owner: Customer,
    plan: ServicePlan,
    batch: VoucherBatch,
    codes: Sequence[str],
) -> list[int | None]:
    """What a voucher logs in with is its code. The password of its subscription nobody knows is for none to guess."""
    owned = create_many(
        session, actor=actor, now=now, customer=owner, plan=plan, usernames=codes, connection_type="hotspot"
    )
    limits = [("time", batch.time_limit_s), ("data", batch.data_limit_bytes)]
    session.add_all(
        AllowanceQuota(
            tenant_id=actor.tenant_id, subscription_id=row.id, kind=kind, period="total", counts="total",
            limit_amount=amount, action="reject",
        )
        for row in owned
        for kind, amount in limits
        if amount is not None
    )  # fmt: skip
    return [row.id for row in owned]


def _in_steps(codes: Sequence[str]) -> Iterator[Sequence[str]]:
    return (codes[start : start + STEP] for start in range(0, len(codes), STEP))


def _walk_in(session: Session, actor: Actor, now: datetime) -> Customer:
    """Who buys vouchers without giving a name: one customer of each provider, made when first needed."""
    found = walk_in_customer(session, tenant_id=actor.tenant_id)
    if found is None:
        return customers.create(session, actor=actor, now=now, name=WALK_IN_NAME, status="active", is_walk_in=True)
    customers.require_open(found)
    return found


def _new_codes(session: Session, actor: Actor, count: int, batch: VoucherBatch) -> list[str]:
    """Unguessable ones that nobody has."""
    codes: set[str] = set()
    while len(codes) < count:
        fresh = {batch.prefix + code_of(batch.code_pattern, secrets.choice) for _ in range(count - len(codes))}
        codes |= fresh - taken_codes(session, tenant_id=actor.tenant_id, codes=fresh)
    return sorted(codes)
