"""The first half of a portion: invoices whose day is over, reminders, and who is taken out of service for money.

`domain.dunning` decides about each; whoever has the money already is not cut off for an invoice that it pays a moment
later.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bss.billing.context import Context, Portion, audit_row
from db.queries import billing as queries
from db.queries.billing import Connection, OpenInvoice, SubscriptionRow
from db.queries.live_changes import enqueue_change
from domain.billing import DUE, OVERDUE, SUSPENDED
from domain.dunning import Action, Breaker, Debt, Decision, decide
from domain.entitlement import CREDIT
from domain.invoices import is_overdue
from domain.live_change import LATER
from domain.money import ZERO


class TooMany(Exception):
    """The run would cut off more than it may; nothing of this portion stands."""


def mark_overdue(connection: Connection, context: Context, portion: Portion) -> int:
    """Say of unpaid invoices whose due day is over that they are overdue."""
    late = [row for row in portion.every_open() if is_overdue(row.status, row.due_date, context.today)]
    if late:
        queries.mark_overdue(connection, [row.id for row in late], now=context.now)
        queries.copy_rows(connection, "audit_logs", [
            audit_row(
                context, action="invoice.overdue", entity_type="invoices", entity_id=row.id,
                customer_id=row.customer_id, old={"status": "unpaid"}, new={"status": "overdue"},
            )
            for row in late
        ])  # fmt: skip
    _bump(portion, {row.id for row in late})
    return len(late)


def _bump(portion: Portion, ids: set[int]) -> None:
    # What the rows say now; the version names the settlement that may follow.
    for listed in portion.open_of.values():
        listed[:] = [_overdue(row) if row.id in ids else row for row in listed]


def _overdue(row: OpenInvoice) -> OpenInvoice:
    return replace(row, status="overdue", version=row.version + 1)


def remind_and_suspend(
    connection: Connection, context: Context, portion: Portion, *, allowance: int | None
) -> tuple[int, int]:
    """Suspend who is past his grace or limit, and note reminders; returns (suspended, reminded).

    Raises `TooMany` when more than `allowance` would be suspended; None sets no bound.
    """
    decided = [(row, debt, decide(_with_money(context, debt), context.today, remind_on=context.rules.remind_on))
               for row, debt in portion.debts(context.as_of)]  # fmt: skip
    if context.only_limits:
        decided = [one for one in decided if one[2].reason == CREDIT]
    cut = [one for one in decided if one[2].action is Action.SUSPEND] if context.suspends else []
    if allowance is not None and len(cut) > allowance:
        raise TooMany
    if cut:
        _suspend(connection, context, cut)
        portion.suspended_ids |= {row.id for row, _, _ in cut}
    reminders = [one for one in decided if one[2].action is Action.REMIND]
    oldest = portion.oldest_open() if reminders else {}
    notices = [_reminder(oldest[row.id], row, decision) for row, _, decision in reminders]
    notices_new = queries.note(connection, notices, tenant_id=context.tenant_id, now=context.now)
    return len(cut), notices_new


def count_to_suspend(connection: Connection, context: Context) -> int:
    """How many of the provider's subscriptions a run of now would suspend."""
    found = 0
    for row in queries.debts_of_tenant(connection, tenant_id=context.tenant_id, today=context.today):
        debt = Debt(
            status=row.status, suspend_cause=row.suspend_cause,
            is_in_term=row.expires_at is None or row.expires_at > context.as_of, oldest_due=row.oldest_due,
            grace_days=row.grace_days, owed=row.owed, credit_limit=row.credit_limit,
        )  # fmt: skip
        found += decide(_with_money(context, debt), context.today, remind_on=()).action is Action.SUSPEND
    return found


def allowance_of(breaker: Breaker, active: int) -> int:
    """How many may be suspended at most without asking."""
    return max(breaker.handful, active * breaker.most_percent // 100)


def _with_money(context: Context, debt: Debt) -> Debt:
    """The same without its invoices, where the balance is about to pay all of them."""
    if not context.rules.applies_balance or debt.owed > ZERO or debt.oldest_due is None:
        return debt
    return replace(debt, oldest_due=None)


def _suspend(connection: Connection, context: Context, cut: Sequence[tuple[SubscriptionRow, Debt, Decision]]) -> None:
    queries.suspend(connection, {row.id: decision.reason for row, _, decision in cut}, now=context.now)
    if context.run_id is not None:
        queries.copy_rows(connection, "billing_run_suspensions", [
            (context.run_id, row.id, row.customer_id, decision.reason, decision.days, debt.owed, context.now)
            for row, debt, decision in cut
        ])  # fmt: skip
    queries.copy_rows(connection, "audit_logs", [
        audit_row(
            context, action="subscription.suspended", entity_type="subscriptions", entity_id=row.id,
            customer_id=row.customer_id, old={"status": row.status},
            new={"status": "suspended", "suspend_cause": decision.reason, "days_late": decision.days,
                 "owed": debt.owed, "billing_run": context.run_id},
        )
        for row, debt, decision in cut
    ])  # fmt: skip
    notices = [_notice(SUSPENDED, row, decision, f"{row.expires_at}") for row, _, decision in cut]
    queries.note(connection, notices, tenant_id=context.tenant_id, now=context.now)
    enqueue_change(
        connection, kind="disconnect", reason="suspend", requested_by=context.actor_name, now=context.now,
        subscription_ids=[row.id for row, _, _ in cut], priority=LATER,
    )  # fmt: skip


def _reminder(invoice: OpenInvoice, row: SubscriptionRow, decision: Decision) -> dict[str, Any]:
    facts = {
        "invoice_number": invoice.invoice_number,
        "total": str(invoice.total),
        "due_date": invoice.due_date.isoformat(),
    }
    notice = _notice(DUE if decision.reason == "due" else OVERDUE, row, decision, f"{invoice.id}")
    return notice | {"invoice_id": invoice.id, "customer_id": invoice.customer_id, "facts": facts}


def _notice(kind: str, row: SubscriptionRow, decision: Decision, about: str) -> dict[str, Any]:
    return {
        "kind": kind, "notice_key": f"{kind}:{row.id}:{about}:{decision.days}", "customer_id": row.customer_id,
        "subscription_id": row.id, "invoice_id": None, "days": decision.days, "facts": {"reason": decision.reason},
    }  # fmt: skip
