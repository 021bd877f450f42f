"""A customer goes from one operator to another: asked for, agreed to by both sides, done.

What he owes stays with him; `done` is the one place where the owner changes.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, fields, operators
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem, flush_or_conflict
from bss.outcome import Changed
from bss.rows import locked
from db.models import Customer, CustomerTransfer
from db.queries.customers import lock_family
from db.queries.operators import operator_choices, with_descendants
from domain.operators import OPEN_TRANSFERS, SIDES, confirmed, may_transfer

_TAKEN = {
    "uq_customer_transfers_open": Problem(
        field="", reason="is on his way to another operator already", mend="finish or reject that first"
    )
}


def request(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, to_operator_id: int | None, note: str = ""
) -> Changed[CustomerTransfer]:
    """Ask for a customer to go to another operator; None is the provider itself.

    Whoever asks agrees for the sides he acts for: the provider's own staff for both, so the transfer is done at once.
    """
    _require_level(session, actor)
    customer = locked(session, Customer, customer_id, actor=actor)
    if customer.is_walk_in or customer.parent_customer_id is not None:
        reason = "goes with the head of his family" if customer.parent_customer_id else "belongs to the provider"
        raise Conflict(Problem(field="", reason=reason))
    _check_target(session, customer, to_operator_id)
    transfer = CustomerTransfer(
        tenant_id=actor.tenant_id,
        customer_id=customer.id,
        from_operator_id=customer.operator_id,
        to_operator_id=to_operator_id,
        status="requested",
        note=fields.text(note, field="note", longest=1000, lines=True),
        requested_by=actor.name,
    )
    session.add(transfer)
    flush_or_conflict(session, _TAKEN)
    _record(session, actor, now, "requested", transfer)
    for side in SIDES:
        if transfer.status in OPEN_TRANSFERS and _acts_for(session, actor, transfer, side):
            _confirm(session, actor, now, transfer, side)
    return Changed(row=transfer)


def confirm(session: Session, *, actor: Actor, now: datetime, transfer_id: int) -> Changed[CustomerTransfer]:
    """Agree for the side (or sides) one acts for; when both have, the customer changes hands."""
    _require_level(session, actor)
    transfer = _open(session, actor, transfer_id)
    sides = [side for side in SIDES if _acts_for(session, actor, transfer, side) and confirmed(transfer.status, side)]
    if not sides:
        mend = "the other operator has to agree"
        raise Conflict(Problem(field="", reason="your side has agreed already, or has no say", mend=mend))
    for side in sides:
        _confirm(session, actor, now, transfer, side)
    return Changed(row=transfer)


def reject(
    session: Session, *, actor: Actor, now: datetime, transfer_id: int, note: str = ""
) -> Changed[CustomerTransfer]:
    """End it without a change; either side may, and whoever asked for it."""
    _require_level(session, actor)
    transfer = _open(session, actor, transfer_id)
    if not any(_acts_for(session, actor, transfer, side) for side in SIDES):
        raise Conflict(Problem(field="", reason="your side has no say in it"))
    transfer.status, transfer.done_at = "rejected", now
    more = fields.text(note, field="note", longest=1000, lines=True)
    transfer.note = "\n".join(part for part in (transfer.note, more) if part)
    _record(session, actor, now, "rejected", transfer)
    session.flush()
    return Changed(row=transfer)


def _confirm(session: Session, actor: Actor, now: datetime, transfer: CustomerTransfer, side: str) -> None:
    status = confirmed(transfer.status, side)
    if status is None:
        return
    setattr(transfer, f"confirmed_{side}_at", now)
    setattr(transfer, f"confirmed_{side}_by", actor.name)
    transfer.status = status
    _record(session, actor, now, f"confirmed_{side}", transfer)
    if status == "done":
        _hand_over(session, actor, now, transfer)
    session.flush()


def _hand_over(session: Session, actor: Actor, now: datetime, transfer: CustomerTransfer) -> None:
    """The owner of the customer and of his family changes, whoever may see them while it happens."""
    transfer.done_at = now
    for customer in lock_family(session, transfer.customer_id):
        old, new = audit.set_fields(customer, {"operator_id": transfer.to_operator_id})
        if new:
            audit.record(
                session, actor=actor, now=now, action="customer.transferred", entity=customer,
                customer_id=customer.id, old=old, new=new,
            )  # fmt: skip


def _open(session: Session, actor: Actor, transfer_id: int) -> CustomerTransfer:
    transfer = locked(session, CustomerTransfer, transfer_id, actor=actor)
    if transfer.status not in OPEN_TRANSFERS:
        raise Conflict(Problem(field="", reason=f"it is {transfer.status} already", mend="load it again"))
    return transfer


def _check_target(session: Session, customer: Customer, operator_id: int | None) -> None:
    if operator_id == customer.operator_id:
        mend = "choose another operator"
        raise Invalid(Problem(field="to_operator_id", reason="has this customer already", mend=mend))
    if operator_id is not None and operator_id not in dict(operator_choices(session, customer.tenant_id)):
        mend = "choose one from the list"
        raise Invalid(Problem(field="to_operator_id", reason="does not exist", mend=mend))


def _acts_for(session: Session, actor: Actor, transfer: CustomerTransfer, side: str) -> bool:
    """The provider's staff act for everybody, an operator for himself and whoever stands below."""
    if actor.operator_id is None:
        return True
    operator_id = transfer.from_operator_id if side == "from" else transfer.to_operator_id
    return operator_id is not None and operator_id in with_descendants(session, actor.operator_id)


def _require_level(session: Session, actor: Actor) -> None:
    if not may_transfer(operators.level_of(session, actor=actor)):
        mend = "ask whoever stands above you"
        raise Conflict(Problem(field="", reason="operators of this level give no customers away", mend=mend))


def _record(session: Session, actor: Actor, now: datetime, what: str, transfer: CustomerTransfer) -> None:
    new = {"from": transfer.from_operator_id, "to": transfer.to_operator_id, "note": transfer.note}
    audit.record(
        session, actor=actor, now=now, action=f"customer.transfer_{what}", entity=transfer,
        customer_id=transfer.customer_id, new=new,
    )  # fmt: skip
