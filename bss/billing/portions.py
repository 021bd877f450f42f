"""One portion of a run from beginning to end, in the order in which a night goes.

Overdue invoices are marked, who is past his grace is suspended, next terms are billed, balances are applied. A customer
is done with all of it in one transaction, so a run that was cut off anywhere has done some customers wholly and the
others not at all.
"""

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session

from bss.billing import dunning, issuing, settling
from bss.billing.context import Context, Counts, Portion, audit_row
from bss.customers.life import NO_SUBSCRIPTION_LEFT
from db.engine import psycopg_of
from db.queries import billing as queries
from db.queries.billing import Connection
from domain.billing import NIGHTLY
from domain.roll_up import rolled_up


def work(
    session: Session, context: Context, customer_ids: Sequence[int], *, kind: str, allowance: int | None
) -> Counts:
    """Do everything for these customers; raises `dunning.TooMany`, and then nothing of it may stand.

    `allowance`: how many may still be suspended; None sets no bound.
    """
    session.flush()
    connection = psycopg_of(session)
    portion = Portion.locked(connection, customer_ids)
    if kind != NIGHTLY:
        counts = issuing.bill_months(connection, context, portion)
        return counts + settling.apply_balances(session, context, portion)
    marked = dunning.mark_overdue(connection, context, portion)
    suspended, reminded = dunning.remind_and_suspend(connection, context, portion, allowance=allowance)
    counts = Counts(marked_overdue=marked, suspended=suspended, reminded=reminded)
    counts += issuing.bill_renewals(connection, context, portion)
    return counts + settling.apply_balances(session, context, portion)


def follow_subscriptions(connection: Connection, context: Context, customer_ids: Collection[int]) -> None:
    """Let the statuses of locked customers follow their subscriptions, as `bss.customers.roll_up` does for one."""
    wanted: dict[int, tuple[str, str | None]] = {}
    rows = []
    for id_, status, reason, subscriptions in queries.statuses_of(connection, customer_ids):
        by_hand = reason != NO_SUBSCRIPTION_LEFT
        new = rolled_up(status, suspended_by_hand=by_hand, subscriptions=subscriptions)
        if new != status:
            wanted[id_] = (new, NO_SUBSCRIPTION_LEFT if new == "suspended" else None)
            rows.append(
                audit_row(
                    context,
                    action="customer.rolled_up",
                    entity_type="customers",
                    entity_id=id_,
                    customer_id=id_,
                    old={"status": status},
                    new={"status": new},
                )
            )
    if wanted:
        queries.set_statuses(connection, wanted, now=context.now)
        queries.copy_rows(connection, "audit_logs", rows)
