"""Finding what a use-case is about: the tenant's row, locked, at the version the caller has seen."""

from typing import Any, TypeVar

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.failure import Invalid, NotFound, Problem, StaleVersion
from db.models import Tenant
from db.queries.rows import find_row, lock_row

RowT = TypeVar("RowT")
MAX_ID = 2**63 - 1


def find(session: Session, model: type[RowT], row_id: int, *, actor: Actor) -> RowT:
    """The row, or `NotFound`: another tenant's row does not exist."""
    row = find_row(session, model, row_id, tenant_id=actor.tenant_id) if 0 < row_id <= MAX_ID else None
    if row is None:
        raise NotFound(_missing(model))
    return row


def locked(session: Session, model: type[RowT], row_id: int, *, actor: Actor, version: int | None = None) -> RowT:
    """The row, locked; raises `StaleVersion` when it is no longer at the version the caller has read."""
    row: Any = lock_row(session, model, row_id, tenant_id=actor.tenant_id) if 0 < row_id <= MAX_ID else None
    if row is None:
        raise NotFound(_missing(model))
    if version is not None and row.version != version:
        raise StaleVersion(
            Problem(
                field="version",
                reason=f"somebody else saved this meanwhile (it is at version {row.version} now, not {version})",
                mend="load it again and repeat your change",
            )
        )
    found: RowT = row
    return found


def referenced(session: Session, model: type[RowT], row_id: int, *, actor: Actor, field: str) -> RowT:
    """A row that a field of the caller names; a missing one is that field's problem."""
    try:
        return find(session, model, row_id, actor=actor)
    except NotFound:
        raise Invalid(Problem(field=field, reason="does not exist", mend="choose one from the list")) from None


def tenant_of(session: Session, *, actor: Actor) -> Tenant:
    """The actor's own tenant."""
    tenant = session.get(Tenant, actor.tenant_id)
    if tenant is None:
        raise NotFound(Problem(field="", reason=f"there is no tenant {actor.tenant_id}", mend="run the set-up first"))
    return tenant


def _missing(model: Any) -> Problem:
    words = {
        "nas_servers": "router",
        "service_plans": "plan",
        "api_tokens": "token",
        "subscription_macs": "device",
        "plan_rollouts": "roll-out",
        "nas_groups": "router group",
        "issued_certificates": "certificate",
        "families": "family",
        "customer_contacts": "contact",
        "customer_tags": "tag",
        "customer_equipment": "equipment",
        "customer_transfers": "transfer",
        "customer_jobs": "job",
        "payment_gateways": "gateway",
        "payment_links": "link",
        "gateway_orders": "order",
        "parked_payments": "payment",
        "billing_runs": "run",
        "voucher_batches": "batch",
        "voucher_sheets": "sheet",
        "bulk_changes": "change",
        "blocked_macs": "device",
    }
    name = words.get(model.__tablename__, model.__tablename__.rstrip("s"))
    return Problem(field="", reason=f"there is no such {name}")
