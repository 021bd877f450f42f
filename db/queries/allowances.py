"""Allowances as staff work with them: of a subscription, of a family, top-ups, and who is in the garden for one."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.models import AllowanceQuota, Family, QuotaTopup, Subscription, SubscriptionQuotaState
from db.queries.paging import Page, Wanted, fetch_page

FAMILY_SORTS = {"name": Family.name, "created_at": Family.created_at}


def own_quotas(session: Session, subscription_id: int) -> list[AllowanceQuota]:
    """The allowances that a subscription has of its own."""
    statement = select(AllowanceQuota).where(AllowanceQuota.subscription_id == subscription_id)
    return list(session.scalars(statement.order_by(AllowanceQuota.id)))


def family_quotas(session: Session, family_id: int) -> list[AllowanceQuota]:
    """The allowances that a family shares."""
    statement = select(AllowanceQuota).where(AllowanceQuota.family_id == family_id)
    return list(session.scalars(statement.order_by(AllowanceQuota.id)))


def family_members(session: Session, family_id: int) -> Sequence[Subscription]:
    """The subscriptions of a family by username."""
    statement = select(Subscription).where(Subscription.family_id == family_id, Subscription.deleted_at.is_(None))
    return session.scalars(statement.order_by(Subscription.username, Subscription.id)).all()


def release_hidden_members(session: Session, family_id: int) -> None:
    """Take subscriptions that are hidden out of a family, which would otherwise keep it there."""
    hidden = update(Subscription).where(Subscription.family_id == family_id, Subscription.deleted_at.is_not(None))
    session.execute(hidden.values(family_id=None))


def members_by_family(session: Session, family_ids: Sequence[int]) -> dict[int, int]:
    """How many subscriptions each family has."""
    rows = session.execute(
        select(Subscription.family_id, func.count())
        .where(Subscription.family_id.in_(family_ids), Subscription.deleted_at.is_(None))
        .group_by(Subscription.family_id)
    )
    return {family_id: count for family_id, count in rows if family_id is not None}


def page_of_families(session: Session, *, tenant_id: int, wanted: Wanted, search: str | None = None) -> Page[Family]:
    """Families of a provider."""
    statement = select(Family).where(Family.tenant_id == tenant_id)
    if search:
        statement = statement.where(Family.name.icontains(search, autoescape=True))
    return fetch_page(session, statement, sorts=FAMILY_SORTS, row_id=Family.id, wanted=wanted)


def family_named(session: Session, text: str, *, tenant_id: int) -> Family | None:
    """By name, else by id."""
    rows = session.scalars(select(Family).where(Family.tenant_id == tenant_id, Family.name == text)).all()
    if rows:
        return rows[0]
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
    return session.scalars(select(Family).where(Family.tenant_id == tenant_id, Family.id == number)).one_or_none()


def topups_of(session: Session, subscription_id: int, *, limit: int = 50) -> Sequence[QuotaTopup]:
    """A subscription's top-ups, newest first."""
    statement = select(QuotaTopup).where(QuotaTopup.subscription_id == subscription_id)
    return session.scalars(statement.order_by(QuotaTopup.id.desc()).limit(limit)).all()


def topups_of_invoice(session: Session, invoice_id: int) -> Sequence[QuotaTopup]:
    """What was sold with an invoice and is there still."""
    return session.scalars(select(QuotaTopup).where(QuotaTopup.invoice_id == invoice_id).order_by(QuotaTopup.id)).all()


def topup_of(session: Session, topup_id: int, *, subscription_id: int) -> QuotaTopup | None:
    """One top-up of a subscription."""
    statement = select(QuotaTopup).where(QuotaTopup.id == topup_id, QuotaTopup.subscription_id == subscription_id)
    return session.scalars(statement).one_or_none()


def subscriptions_in_garden(session: Session, subscription_ids: Sequence[int]) -> set[int]:
    """Those of them who are noted to be in the walled garden for a used-up allowance."""
    statement = (
        select(SubscriptionQuotaState.subscription_id)
        .join(AllowanceQuota, AllowanceQuota.id == SubscriptionQuotaState.quota_id)
        .where(SubscriptionQuotaState.subscription_id.in_(subscription_ids), AllowanceQuota.action == "garden")
    )
    return set(session.scalars(statement))


def garden_of_plan(session: Session, plan_id: int, *, limit: int) -> list[int]:
    """Subscriptions of a plan who are in the walled garden for a used-up allowance."""
    statement = (
        select(SubscriptionQuotaState.subscription_id)
        .join(AllowanceQuota, AllowanceQuota.id == SubscriptionQuotaState.quota_id)
        .join(Subscription, Subscription.id == SubscriptionQuotaState.subscription_id)
        .where(Subscription.service_plan_id == plan_id, AllowanceQuota.action == "garden")
        .distinct()
        .limit(limit)
    )
    return list(session.scalars(statement))
