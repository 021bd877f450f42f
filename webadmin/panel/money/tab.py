"""A customer's money as his page shows it."""

from typing import Any

from db.engine import psycopg_of
from db.models import Customer, Subscription
from db.queries.books import balance_history
from db.queries.money_lists import PaymentFilter, open_of_customer, open_sums, page_of_payments, totals_of_customer
from db.queries.paging import Wanted
from webadmin.panel.money.billing_log import newest_of_subscription
from webadmin.panel.money.words import category_words, entry_words, item_words, kind_words, method_words, movement_words
from webadmin.panel.support import db, tenant, today
from webadmin.security import may

HISTORY_SHOWN, PAYMENTS_SHOWN = 30, 10


def tab_of(customer: Customer, subscription: Subscription | None = None) -> dict[str, Any]:
    """What the customer page shows of money; nothing for who may not see it."""
    if not may("view_money"):
        return {"money_of": None}
    payments = page_of_payments(
        db(), tenant_id=tenant().id, fits=PaymentFilter(customer_id=customer.id),
        wanted=Wanted(sort="-paid_at", page_size=PAYMENTS_SHOWN),
    )  # fmt: skip
    return {
        "money_of": {
            "open": open_of_customer(db(), customer.id),
            "sums": open_sums(db(), tenant_id=tenant().id, today=today(), customer_id=customer.id),
            "payments": payments,
            "log": None if subscription is None else newest_of_subscription(subscription.id),
            "totals": totals_of_customer(db(), customer.id),
            "history": balance_history(
                psycopg_of(db()), tenant_id=tenant().id, customer_id=customer.id, limit=HISTORY_SHOWN
            ),
        },
    }


def words() -> dict[str, Any]:
    """The words of money for every template."""
    return {
        "method_words": method_words,
        "item_words": item_words,
        "invoice_kind_words": kind_words,
        "movement_words": movement_words,
        "entry_words": entry_words,
        "category_words": category_words,
    }
