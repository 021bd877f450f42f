"""What an operator's staff see: the rows of their operator and of those below it. The one place that says so.

Beside the tenant filter of `db.engine`, and like it added to every ORM select of the session. A table that is in none
of the groups here has no row for them. Statements written as plain SQL are not touched: they are given ids that came
out of a scoped select, or belong to permissions that operators' staff do not hold (`bss.permissions`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, event, false, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption

from db import models
from db.models import Base

# What everybody of a provider shares, and what is one's own by other means (an account, its roles and tokens).
SHARED: frozenset[type[Base]] = frozenset(
    {
        models.ApiToken,
        models.BlockedMac,
        models.Letterhead,
        models.ListColumns,
        models.NasGroup,
        models.NasServer,
        models.Passkey,
        models.PasswordLink,
        models.PaymentGateway,
        models.PlanFupRule,
        models.PlanReplyAttribute,
        models.PlanTimeWindow,
        models.Role,
        models.SavedView,
        models.ServicePlan,
        models.Setting,
        models.StaffSession,
        models.Tenant,
        models.User,
        models.WalledGarden,
    }
)
BY_CUSTOMER: frozenset[type[Base]] = frozenset(
    {
        models.AuditLog,
        models.BillingProfile,
        models.CustomerContact,
        models.CustomerEquipment,
        models.CustomerNotice,
        models.CustomerPicture,
        models.CustomerSpeedTest,
        models.CustomerTag,
        models.GatewayOrder,
        models.Invoice,
        models.LedgerEntry,
        models.PaymentLink,
        models.ReferralReward,
        models.Subscription,
    }
)
BY_SUBSCRIPTION: frozenset[type[Base]] = frozenset(
    {
        models.AccessLog,
        models.FupEvent,
        models.IssuedCertificate,
        models.PlanChange,
        models.QuotaTopup,
        models.RadAcct,
        models.RouterSecret,
        models.SessionChange,
        models.SessionCorrection,
        models.SubscriptionFupState,
        models.SubscriptionLimits,
        models.SubscriptionMac,
        models.SubscriptionQuotaState,
        models.UsageAlert,
        models.UsageDaily,
        models.UsageHourly,
        models.UsageMonthly,
    }
)
BY_OPERATOR: frozenset[type[Base]] = frozenset(
    {models.Commission, models.Customer, models.CustomerJob, models.CustomerRegistration, models.VoucherBatch}
)
WITH_RULES_OF_THEIR_OWN: frozenset[type[Base]] = frozenset(
    {
        models.AllowanceQuota,
        models.CustomerJobItem,
        models.CustomerTransfer,
        models.Family,
        models.InvoiceItem,
        models.InvoiceSettlement,
        models.Operator,
        models.Payment,
        models.RadCheck,
        models.RadReply,
        models.SessionChangeAttempt,
        models.Voucher,
        models.VoucherSheet,
    }
)
_KEY = "operator_ids"


def use_operators(session: Session, operator_ids: Sequence[int] | None) -> None:
    """Show this session the rows of these operators only; None shows those of all."""
    session.info[_KEY] = None if operator_ids is None else tuple(sorted(operator_ids))


def operators_in_use(session: Session) -> tuple[int, ...] | None:
    """Whose rows the session sees; None is everybody's."""
    ids: tuple[int, ...] | None = session.info.get(_KEY)
    return ids


@contextmanager
def everybodys(session: Session) -> Iterator[None]:
    """See every operator's rows for a moment, where a rule of the business and not the reader asks."""
    before = operators_in_use(session)
    use_operators(session, None)
    try:
        yield
    finally:
        use_operators(session, before)


@event.listens_for(Session, "do_orm_execute")
def _scope_to_operators(state: ORMExecuteState) -> None:
    ids = operators_in_use(state.session)
    if ids is None or state.is_column_load or state.is_relationship_load or not state.is_orm_statement:
        return
    state.statement = state.statement.options(*_options(ids))


@lru_cache(maxsize=256)
def _options(ids: tuple[int, ...]) -> tuple[LoaderCriteriaOption, ...]:
    customers, subscriptions = models.Customer.__table__, models.Subscription.__table__
    mine = select(customers.c.id).where(customers.c.operator_id.in_(ids))
    services = select(subscriptions.c.id).where(subscriptions.c.customer_id.in_(mine))
    return (
        *(_rule(cls, lambda one: one.operator_id.in_(ids)) for cls in BY_OPERATOR),
        *(_rule(cls, lambda one: one.customer_id.in_(mine)) for cls in BY_CUSTOMER),
        *(_rule(cls, lambda one: one.subscription_id.in_(services)) for cls in BY_SUBSCRIPTION),
        *_special(ids, subscriptions, services),
        *_denied(),
    )


def _special(ids: tuple[int, ...], subscriptions: Any, services: Any) -> tuple[LoaderCriteriaOption, ...]:
    jobs, changes = models.CustomerJob.__table__, models.SessionChange.__table__
    my_jobs = select(jobs.c.id).where(jobs.c.operator_id.in_(ids))
    my_changes = select(changes.c.id).where(changes.c.subscription_id.in_(services))
    families = select(subscriptions.c.family_id).where(subscriptions.c.id.in_(services))
    usernames = select(subscriptions.c.username).where(subscriptions.c.id.in_(services))
    invoices, customers = models.Invoice.__table__, models.Customer.__table__
    mine = select(customers.c.id).where(customers.c.operator_id.in_(ids))
    my_invoices = select(invoices.c.id).where(invoices.c.customer_id.in_(mine))
    batches = models.VoucherBatch.__table__
    my_batches = select(batches.c.id).where(batches.c.operator_id.in_(ids))
    return (
        _rule(models.Operator, lambda one: one.id.in_(ids)),
        *(_rule(cls, lambda one: one.username.in_(usernames)) for cls in (models.RadCheck, models.RadReply)),
        # Who buys a voucher from an operator is no customer of his; the sale is his all the same.
        _rule(
            models.Payment,
            lambda one: or_(one.customer_id.in_(mine), and_(one.purpose == "voucher", one.operator_id.in_(ids))),
        ),
        _rule(models.Voucher, lambda one: one.batch_id.in_(my_batches)),
        _rule(models.VoucherSheet, lambda one: one.batch_id.in_(my_batches)),
        _rule(models.CustomerJobItem, lambda one: one.job_id.in_(my_jobs)),
        _rule(models.SessionChangeAttempt, lambda one: one.session_change_id.in_(my_changes)),
        _rule(models.Family, lambda one: one.id.in_(families)),
        _rule(models.InvoiceItem, lambda one: one.invoice_id.in_(my_invoices)),
        _rule(models.InvoiceSettlement, lambda one: one.invoice_id.in_(my_invoices)),
        _rule(models.CustomerTransfer, lambda one: or_(one.from_operator_id.in_(ids), one.to_operator_id.in_(ids))),
        _rule(
            models.AllowanceQuota,
            lambda one: or_(
                one.service_plan_id.is_not(None), one.subscription_id.in_(services), one.family_id.in_(families)
            ),
        ),
    )


def _denied() -> tuple[LoaderCriteriaOption, ...]:
    open_to_them = SHARED | BY_CUSTOMER | BY_SUBSCRIPTION | BY_OPERATOR | WITH_RULES_OF_THEIR_OWN
    every = {mapper.class_ for mapper in Base.registry.mappers}
    return tuple(_rule(cls, false()) for cls in every if not issubclass(cls, tuple(open_to_them)))


def _rule(cls: type[Any], condition: Any) -> LoaderCriteriaOption:
    return with_loader_criteria(cls, condition, include_aliases=True)
