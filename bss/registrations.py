"""Customers who are added in the background: asked for now, made by a job, tried again when it was nobody's fault.

Decides what can be asked for and what an end is: what a use-case refuses is refused for good, everything else is tried
again after half a minute, a minute and two. What was asked for may hold a password: it is kept encrypted, and no longer
than until the customer is there or the registration is forgotten.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from bss import accounts, audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Failure, Invalid, Problem, flush_or_conflict, require_known
from bss.outcome import Effect
from bss.rows import find, locked
from db.engine import use_tenant
from db.models import CustomerRegistration
from db.queries import registrations as queries
from db.queries.operators import with_descendants
from db.scope import operators_in_use, use_operators
from domain.customer_media import wait_before_try
from domain.lifecycle import IllegalMove

# Each of these is one argument of `bss.accounts.create`.
PARTS = frozenset({"customer", "subscription", "device_name", "initial_balance"})
MOST_WAITING = 10_000
KEPT = timedelta(days=90)
_MOST_BYTES = 64 * 1024
_TAKEN = {
    "uq_customer_registrations_request_key": Problem(
        field="request_key", reason="was used for another registration", mend="send a new one"
    )
}


def ask(
    session: Session, *, actor: Actor, now: datetime, asked: Mapping[str, Any], request_key: str | None = None
) -> CustomerRegistration:
    """Have a customer added: `asked` is what `bss.accounts.create` takes, of `PARTS`.

    The same `request_key` is the same registration. Raises `Conflict` when too many wait already.
    """
    require_known(asked, PARTS)
    known = None if request_key is None else queries.with_key(session, actor.tenant_id, request_key)
    if known is not None:
        return known
    customer = asked.get("customer") or {}
    name = fields.text(customer.get("name", ""), field="name", longest=255, required=True)
    forget(session, actor=actor, now=now)
    if queries.count_waiting(session, actor.tenant_id) >= MOST_WAITING:
        raise Conflict(Problem(field="", reason=f"{MOST_WAITING} wait already", mend="try again in a while"))
    row = CustomerRegistration(
        tenant_id=actor.tenant_id, name=name, request_key=request_key, state="waiting", tries=0, next_try_at=now,
        asked=_kept(asked), requested_by=actor.name, requested_by_id=actor.user_id, requested_kind=actor.kind,
        operator_id=actor.operator_id,
    )  # fmt: skip
    session.add(row)
    flush_or_conflict(session, _TAKEN)
    audit.record(session, actor=actor, now=now, action="registration.asked", entity=row, new={"name": name})
    return row


def get(session: Session, *, actor: Actor, registration_id: int) -> CustomerRegistration:
    """One of the provider's registrations."""
    return find(session, CustomerRegistration, registration_id, actor=actor)


def repeat(session: Session, *, actor: Actor, now: datetime, registration_id: int) -> CustomerRegistration:
    """Let one that failed be tried anew, from its first try on. Raises `Conflict` for what has not failed."""
    row = locked(session, CustomerRegistration, registration_id, actor=actor)
    if row.state != "failed":
        raise Conflict(Problem(field="", reason=f"it is {row.state} already", mend="load it again"))
    row.state, row.tries, row.next_try_at, row.finished_at, row.problem = "waiting", 0, now, None, ""
    audit.record(session, actor=actor, now=now, action="registration.repeated", entity=row, new={"name": row.name})
    session.flush()
    return row


def forget(session: Session, *, actor: Actor, now: datetime) -> None:
    """Drop those that were over long ago."""
    queries.forget_old(session, actor.tenant_id, before=now - KEPT)


def carry_out(session: Session, *, now: datetime, registration_id: int) -> Effect | None:
    """Add the customer, or end with what is wrong; None when it is over or somebody else is at it. The caller commits.

    The session sees what the one who asked sees. What is no refusal is raised: `put_off` is for that.
    """
    before = operators_in_use(session)
    use_operators(session, None)
    try:
        row = queries.claim(session, registration_id, now=now)
        if row is None:
            return None
        use_tenant(session, row.tenant_id)
        if row.operator_id is not None:
            use_operators(session, with_descendants(session, row.operator_id))
        return _add(session, row, now)
    finally:
        use_operators(session, before)


def put_off(session: Session, *, now: datetime, registration_id: int, problem: str) -> CustomerRegistration | None:
    """A try failed by no fault of the request: the next one comes later, or none does."""
    row = queries.claim(session, registration_id, now=now)
    if row is None:
        return None
    row.tries, row.problem = row.tries + 1, problem[:500]
    pause = wait_before_try(row.tries)
    if pause is None:
        _end(session, row, now, "failed")
    else:
        row.next_try_at = now + pause
    session.flush()
    return row


def _add(session: Session, row: CustomerRegistration, now: datetime) -> Effect:
    row.tries += 1
    try:
        with session.begin_nested():
            made = accounts.create(session, actor=_actor_of(row), now=now, **_given(row))
    except (Failure, IllegalMove, DataError) as refusal:
        row.problem = _sentence(refusal)[:500]
        _end(session, row, now, "failed")
        return Effect()
    row.customer_id, row.problem = made.customer.id, ""
    _end(session, row, now, "done")
    return made.issued.effect if made.issued else Effect()


def _end(session: Session, row: CustomerRegistration, now: datetime, state: str) -> None:
    row.state, row.finished_at = state, now
    if state == "done":
        row.asked = None
    new = {"name": row.name, "tries": row.tries, "customer_id": row.customer_id, "problem": row.problem}
    audit.record(
        session, actor=_actor_of(row), now=now, action=f"registration.{state}", entity=row, new=new,
        customer_id=row.customer_id,
    )  # fmt: skip
    session.flush()


def _kept(asked: Mapping[str, Any]) -> str:
    text = json.dumps({name: value for name, value in asked.items() if value is not None}, default=_plain)
    if len(text) > _MOST_BYTES:
        raise Invalid(Problem(field="", reason="is too much for one customer", mend="leave something out"))
    return text


def _plain(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _given(row: CustomerRegistration) -> dict[str, Any]:
    """What was asked for, with days and moments as they were."""
    asked: dict[str, Any] = json.loads(row.asked or "{}")
    customer, service = asked["customer"], asked.get("subscription") or {}
    if customer.get("birth_date"):
        customer["birth_date"] = date.fromisoformat(customer["birth_date"])
    for name in ("start_date", "installation_date"):
        if service.get(name):
            service[name] = date.fromisoformat(service[name])
    if service.get("expires_at"):
        service["expires_at"] = datetime.fromisoformat(service["expires_at"])
    return asked


def _actor_of(row: CustomerRegistration) -> Actor:
    return Actor(
        tenant_id=row.tenant_id, kind=row.requested_kind, name=row.requested_by, user_id=row.requested_by_id,
        operator_id=row.operator_id,
    )  # fmt: skip


def _sentence(refusal: Failure | IllegalMove | DataError) -> str:
    if isinstance(refusal, Failure):
        return "; ".join(f"{problem.field} {problem}".strip() for problem in refusal.problems)
    return str(refusal) if isinstance(refusal, IllegalMove) else "it holds a value that cannot be kept"
