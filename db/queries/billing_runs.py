"""Billing runs: which there are, and whose turn it is."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from db.models import (
    BillingProfile,
    BillingRun,
    BillingRunSuspension,
    BillingRunTarget,
    Customer,
    Invoice,
    Subscription,
    Tenant,
)


def run_of_day(session: Session, *, tenant_id: int, kind: str, day: date) -> BillingRun | None:
    """The run of a day that counts; dry ones do not."""
    return session.scalar(
        select(BillingRun).where(
            BillingRun.tenant_id == tenant_id, BillingRun.kind == kind, BillingRun.day == day, ~BillingRun.is_dry
        )
    )


def last_day(session: Session, *, tenant_id: int, kind: str) -> date | None:
    """The newest day for which a run came to its end."""
    return session.scalar(
        select(BillingRun.day)
        .where(
            BillingRun.tenant_id == tenant_id,
            BillingRun.kind == kind,
            BillingRun.status.in_(("done", "undone")),
            ~BillingRun.is_dry,
        )
        .order_by(BillingRun.day.desc())
        .limit(1)
    )


def take_over(session: Session, run: BillingRun, *, because: str) -> None:
    """Runs of earlier days that are not over are left: this one finds what they did not do."""
    older = (
        select(BillingRun.id)
        .where(
            BillingRun.tenant_id == run.tenant_id,
            BillingRun.kind == run.kind,
            BillingRun.day < run.day,
            BillingRun.status.in_(("running", "stopped")),
            BillingRun.stopped_because.is_distinct_from(because),
            ~BillingRun.is_dry,
        )
        .with_for_update()
    )
    ids = list(session.scalars(older))
    if ids:
        values = {"status": "stopped", "stopped_because": because, "updated_at": run.as_of}
        session.execute(update(BillingRun).where(BillingRun.id.in_(ids)).values(**values))
        session.execute(delete(BillingRunTarget).where(BillingRunTarget.run_id.in_(ids)))


def lock_run(session: Session, run_id: int) -> BillingRun | None:
    """The run for whoever works on it now; None when another one has it in hand this moment."""
    return session.scalar(
        select(BillingRun)
        .where(BillingRun.id == run_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def open_runs(session: Session) -> Sequence[tuple[int, int]]:
    """(run, tenant) of all that somebody should work on, those that count before dry ones."""
    unfinished = (BillingRun.status == "undone") & BillingRun.finished_at.is_(None)
    rows = session.execute(
        select(BillingRun.id, BillingRun.tenant_id)
        .where((BillingRun.status == "running") | unfinished)
        .order_by(BillingRun.is_dry, BillingRun.id)
        .limit(100)
    )
    return [(row[0], row[1]) for row in rows]


def tenant_of_run(session: Session, run: BillingRun) -> Tenant:
    """Whose run it is."""
    return session.get_one(Tenant, run.tenant_id)


def active_tenants(session: Session) -> Sequence[Tenant]:
    """All providers that are in business."""
    return session.scalars(select(Tenant).where(Tenant.is_active).order_by(Tenant.id)).all()


def runs_of(session: Session, *, tenant_id: int, limit: int = 50, before: int | None = None) -> Sequence[BillingRun]:
    """The runs of a provider, the newest first; `before` is the id of the last one seen."""
    query = select(BillingRun).where(BillingRun.tenant_id == tenant_id)
    if before is not None:
        query = query.where(BillingRun.id < before)
    return session.scalars(query.order_by(BillingRun.id.desc()).limit(limit)).all()


def suspensions_of(session: Session, run_id: int, *, limit: int = 200) -> Sequence[dict[str, Any]]:
    """Whom a run suspended, with names, for its report."""
    rows = session.execute(
        select(
            BillingRunSuspension.subscription_id,
            BillingRunSuspension.customer_id,
            Customer.name.label("customer_name"),
            Customer.customer_code,
            Subscription.username,
            Subscription.status,
            BillingRunSuspension.cause,
            BillingRunSuspension.days_late,
            BillingRunSuspension.owed,
            BillingRunSuspension.restored_at,
        )
        .join(Customer, Customer.id == BillingRunSuspension.customer_id)
        .join(Subscription, Subscription.id == BillingRunSuspension.subscription_id)
        .where(BillingRunSuspension.run_id == run_id)
        .order_by(BillingRunSuspension.subscription_id)
        .limit(limit)
    )
    return [dict(row._mapping) for row in rows]


def invoices_of(session: Session, run_id: int, *, limit: int = 200) -> Sequence[Invoice]:
    """The first invoices of a run."""
    return session.scalars(select(Invoice).where(Invoice.run_id == run_id).order_by(Invoice.id).limit(limit)).all()


def forget_dry_runs(session: Session, *, before: datetime) -> int:
    """Drop dry runs that are old enough."""
    result = session.execute(delete(BillingRun).where(BillingRun.is_dry, BillingRun.created_at < before))
    return int(getattr(result, "rowcount", 0))


def profile_of(session: Session, customer_id: int, subscription_id: int | None) -> BillingProfile | None:
    """How a customer, or one of his subscriptions, wants to be billed."""
    return session.scalar(
        select(BillingProfile).where(
            BillingProfile.customer_id == customer_id,
            BillingProfile.subscription_id.is_not_distinct_from(subscription_id),
        )
    )


def payer_of(session: Session, customer_id: int) -> int:
    """Who pays a customer's invoices."""
    found = session.scalar(text("SELECT payer_id FROM customer_payers WHERE customer_id = :id"), {"id": customer_id})
    return customer_id if found is None else int(found)
