"""Invoices, payments, balances, renewals and changes of plan over HTTP."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any

from bss import billing_log, billing_rules, invoices, payments, plan_changes, renewals, wallet
from bss.billing_log import LogEntry
from bss.rows import find
from db.engine import psycopg_of
from db.models import Customer, Invoice, Payment
from db.queries.books import balance_history
from db.queries.money_lists import (
    InvoiceFilter,
    PaymentFilter,
    open_sums,
    page_of_invoices,
    page_of_payments,
    paid_sum,
    totals_of_customer,
)
from db.queries.paging import Page
from webadmin import database, security
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    actor,
    as_list,
    as_result,
    as_whole_list,
    page_of,
    refuse_body,
    tenant,
    tenant_id,
    wanted_part,
)
from webadmin.api.idempotency import presented
from webadmin.api.schemas import money as shapes

blueprint = Blueprint("money", __name__, url_prefix=PREFIX, description="Invoices, payments and balances")


# --- invoices -------------------------------------------------------------------------------------------------------


@blueprint.route("/invoices")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.InvoiceQuery, location="query")
@blueprint.response(200, shapes.InvoiceList)
def list_invoices(arguments: dict[str, Any]) -> dict[str, Any]:
    """List invoices"""
    wanted, fits = wanted_part(arguments), InvoiceFilter(**arguments)
    page = page_of(lambda: page_of_invoices(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted))
    count, total, overdue = open_sums(
        database.session(), tenant_id=tenant_id(), today=_today(), customer_id=fits.customer_id
    )
    return as_list(page, summary={"open_invoices": count, "open_total": total, "overdue_total": overdue})


@blueprint.route("/invoices", methods=["POST"])
@blueprint.needs("generate_bills")
@blueprint.arguments(shapes.InvoiceIn)
@blueprint.response(201, shapes.InvoiceResult)
def create_invoice(body: dict[str, Any]) -> dict[str, Any]:
    """Write an invoice; credit of the customer pays it at once where the provider's rules say so"""
    draft = invoices.Draft(
        kind="manual",
        lines=[invoices.line_of(item, field=f"items.{place}") for place, item in enumerate(body["items"])],
        subscription_id=body["subscription_id"],
        due_date=body["due_date"],
        discount=body["discount"],
        discount_note=body["discount_note"],
        notes=body["notes"],
    )
    changed = invoices.create(**acting(), customer_id=body["customer_id"], draft=draft, issue_now=not body["is_draft"])
    database.commit(changed.effect)
    return as_result("Written", changed.effect, invoice=changed.row)


@blueprint.route("/invoices/<int:invoice_id>")
@blueprint.needs("view_money")
@blueprint.response(200, shapes.InvoiceOut)
def get_invoice(invoice_id: int) -> Invoice:
    """One invoice"""
    return find(database.session(), Invoice, invoice_id, actor=actor())


@blueprint.route("/invoices/<int:invoice_id>/billing-log")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.LogQuery, location="query")
@blueprint.response(200, shapes.BillingLog)
def list_invoice_log(arguments: dict[str, Any], invoice_id: int) -> dict[str, Any]:
    """What happened to an invoice and the payments for it, newest first"""
    wanted = wanted_part(arguments)
    return _log(lambda: billing_log.of_invoice(database.session(), actor=actor(), invoice_id=invoice_id, wanted=wanted))


@blueprint.route("/subscriptions/<int:subscription_id>/billing-log")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.LogQuery, location="query")
@blueprint.response(200, shapes.BillingLog)
def list_subscription_log(arguments: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """What happened to a subscription's terms, its invoices and their payments, newest first"""
    wanted = wanted_part(arguments)
    return _log(
        lambda: billing_log.of_subscription(
            database.session(), actor=actor(), subscription_id=subscription_id, wanted=wanted
        )
    )


def _log(read: Callable[[], tuple[list[LogEntry], Page[Any]]]) -> dict[str, Any]:
    entries: list[LogEntry] = []

    def page() -> Page[Any]:
        found, listed = read()
        entries.extend(found)
        return listed

    return as_list(page_of(page)) | {"items": entries}


@blueprint.route("/invoices/<int:invoice_id>", methods=["PATCH"])
@blueprint.needs("generate_bills")
@blueprint.arguments(shapes.InvoicePatch)
@blueprint.response(200, shapes.InvoiceResult)
def change_invoice(body: dict[str, Any], invoice_id: int) -> dict[str, Any]:
    """Move the due day; what an issued invoice says is never changed"""
    changed = invoices.change_due_date(**acting(), invoice_id=invoice_id, **body)
    database.commit(changed.effect)
    return as_result("Due day moved", changed.effect, invoice=changed.row)


@blueprint.route("/invoices/<int:invoice_id>/issue", methods=["POST"])
@blueprint.needs("generate_bills")
@blueprint.response(200, shapes.InvoiceResult)
def issue_invoice(invoice_id: int) -> dict[str, Any]:
    """Give a draft its number and ask for the money"""
    refuse_body()
    changed = invoices.issue(**acting(), invoice_id=invoice_id)
    database.commit(changed.effect)
    return as_result("Issued", changed.effect, invoice=changed.row)


@blueprint.route("/invoices/<int:invoice_id>/cancel", methods=["POST"])
@blueprint.needs("generate_bills")
@blueprint.arguments(shapes.MoneyReason)
@blueprint.response(200, shapes.InvoiceResult)
def cancel_invoice(body: dict[str, Any], invoice_id: int) -> dict[str, Any]:
    """Take an unpaid invoice back; it keeps its number"""
    changed = invoices.cancel(**acting(), invoice_id=invoice_id, **body)
    database.commit(changed.effect)
    return as_result("Cancelled", changed.effect, invoice=changed.row)


@blueprint.route("/invoices/<int:invoice_id>/mark-paid", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.MarkPaid)
@blueprint.response(201, shapes.PaymentMade)
def mark_invoice_paid(body: dict[str, Any], invoice_id: int) -> dict[str, Any]:
    """Record the payment of an invoice; the subscription that it renews is extended and comes back"""
    invoice = find(database.session(), Invoice, invoice_id, actor=actor())
    body["amount"] = invoice.total if body["amount"] is None else body["amount"]
    return _received(customer_id=invoice.customer_id, invoice_id=invoice.id, **body)


@blueprint.route("/invoices/<int:invoice_id>/pay-from-balance", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.response(200, shapes.InvoiceResult)
def pay_invoice_from_balance(invoice_id: int) -> dict[str, Any]:
    """Pay it out of the customer's balance"""
    refuse_body()
    changed = payments.pay_by_balance(**acting(), invoice_id=invoice_id)
    database.commit(changed.effect)
    return as_result("Paid", changed.effect, invoice=changed.row)


# --- payments -------------------------------------------------------------------------------------------------------


@blueprint.route("/payments")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.PaymentQuery, location="query")
@blueprint.response(200, shapes.PaymentList)
def list_payments(arguments: dict[str, Any]) -> dict[str, Any]:
    """List payments"""
    wanted, fits = wanted_part(arguments), PaymentFilter(**arguments)
    page = page_of(lambda: page_of_payments(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted))
    total = paid_sum(database.session(), tenant_id=tenant_id(), fits=fits)
    return as_list(page, summary={"total_paid": total})


@blueprint.route("/payments", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.PaymentIn)
@blueprint.response(201, shapes.PaymentMade)
def record_payment(body: dict[str, Any]) -> dict[str, Any]:
    """Record that a customer paid"""
    return _received(**body)


@blueprint.route("/payments/<int:payment_id>")
@blueprint.needs("view_money")
@blueprint.response(200, shapes.PaymentOut)
def get_payment(payment_id: int) -> Payment:
    """One payment"""
    return find(database.session(), Payment, payment_id, actor=actor())


@blueprint.route("/payments/<int:payment_id>/refund", methods=["POST"])
@blueprint.needs("refund_payments")
@blueprint.arguments(shapes.MoneyReason)
@blueprint.response(200, shapes.PaymentResult)
def refund_payment(body: dict[str, Any], payment_id: int) -> dict[str, Any]:
    """Book that the money went back; the invoices that it paid are refunded and their terms end where they did"""
    changed = payments.refund(**acting(), payment_id=payment_id, **body)
    database.commit(changed.effect)
    return as_result("Refunded", changed.effect, payment=changed.row)


@blueprint.route("/payments/<int:payment_id>/void", methods=["POST"])
@blueprint.needs("refund_payments")
@blueprint.arguments(shapes.MoneyReason)
@blueprint.response(200, shapes.PaymentResult)
def void_payment(body: dict[str, Any], payment_id: int) -> dict[str, Any]:
    """Take back a payment that never came; its invoices are open again"""
    changed = payments.void(**acting(), payment_id=payment_id, **body)
    database.commit(changed.effect)
    return as_result("Taken back", changed.effect, payment=changed.row)


# --- balances -------------------------------------------------------------------------------------------------------


@blueprint.route("/customers/<int:customer_id>/balance")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.BalanceQuery, location="query")
@blueprint.response(200, shapes.BalanceOut)
def get_balance(arguments: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """A customer's balance with its movements, the newest first"""
    customer = find(database.session(), Customer, customer_id, actor=actor())
    count, total, overdue = open_sums(
        database.session(), tenant_id=tenant_id(), today=_today(), customer_id=customer.id
    )
    history = balance_history(
        psycopg_of(database.session()),
        tenant_id=tenant_id(),
        customer_id=customer.id,
        kind=arguments.pop("type", None),
        **arguments,
    )
    revenue, spent = totals_of_customer(database.session(), customer.id)
    return {
        "balance": customer.balance,
        "total_revenue": revenue,
        "total_spent": spent,
        "currency": tenant().currency,
        "open_invoices": count,
        "open_total": total,
        "overdue_total": overdue,
        "history": history,
    }


@blueprint.route("/customers/<int:customer_id>/balance", methods=["POST"])
@blueprint.needs("edit_balance")
@blueprint.arguments(shapes.BalanceIn)
@blueprint.response(201, shapes.BalanceChanged)
def change_balance(body: dict[str, Any], customer_id: int) -> wallet.Adjusted:
    """Give credit, or take it off"""
    done = wallet.adjust(**acting(), customer_id=customer_id, key=request_key("adjust"), **body)
    database.commit(done.effect)
    return done


# --- subscriptions --------------------------------------------------------------------------------------------------


@blueprint.route("/subscriptions/<int:subscription_id>/renew", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.RenewIn)
@blueprint.response(201, shapes.RenewedOut)
def renew_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """One more term: billed, taken from the balance, or paid at the desk"""
    return _renewed(
        renewals.renew(**acting(), subscription_id=subscription_id, request_key=request_key("renew"), **body)
    )


@blueprint.route("/subscriptions/<int:subscription_id>/days", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.DaysIn)
@blueprint.response(201, shapes.RenewedOut)
def add_days_to_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Sell single days; the term ends so much later"""
    return _renewed(
        renewals.add_days(**acting(), subscription_id=subscription_id, request_key=request_key("days"), **body)
    )


@blueprint.route("/subscriptions/<int:subscription_id>/plan-change")
@blueprint.needs("view_customers")
@blueprint.arguments(shapes.PlanChangeQuery, location="query")
@blueprint.alt_response(409, "CONFLICT")
@blueprint.response(200, shapes.PlanChangePreview)
def preview_plan_change(arguments: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """What another plan would cost now"""
    told = plan_changes.preview(**acting(), subscription_id=subscription_id, **arguments)
    proration = told.proration
    return {
        "days_left": proration.days_left,
        "days": proration.days,
        "credit": proration.credit,
        "charge": proration.charge,
        "total": told.total,
        "currency": told.currency,
        "period_end": told.period_end,
        "breach": told.breach,
    }


@blueprint.route("/subscriptions/<int:subscription_id>/plan-change", methods=["POST"])
@blueprint.needs("change_package")
@blueprint.arguments(shapes.PlanChangeIn)
@blueprint.response(201, shapes.PlanChangeResult)
def make_plan_change(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Another plan, now with proration or when the term ends"""
    done = plan_changes.change(**acting(), subscription_id=subscription_id, **body)
    database.commit(done.effect)
    return as_result("Plan changed" if done.row.status == "applied" else "Scheduled", done.effect, plan_change=done.row)


@blueprint.route("/subscriptions/<int:subscription_id>/plan-change", methods=["DELETE"])
@blueprint.needs("change_package")
@blueprint.response(200, shapes.PlanChangeOut)
def withdraw_plan_change(subscription_id: int) -> Any:
    """Take back a change that waits for the end of the term"""
    row = plan_changes.withdraw(**acting(), subscription_id=subscription_id)
    database.commit()
    return row


@blueprint.route("/subscriptions/<int:subscription_id>/plan-changes")
@blueprint.needs("view_customers")
@blueprint.response(200, shapes.PlanChangeList)
def list_plan_changes(subscription_id: int) -> dict[str, Any]:
    """Its changes of plan, newest first: the one that waits, those that were made, those that could not be"""
    return as_whole_list(plan_changes.history(database.session(), actor=actor(), subscription_id=subscription_id))


# --- rules ----------------------------------------------------------------------------------------------------------


@blueprint.route("/billing-rules")
@blueprint.needs("view_money")
@blueprint.response(200, shapes.RulesOut)
def get_billing_rules() -> billing_rules.BillingRules:
    """What the provider has decided about bills"""
    return billing_rules.rules_of(database.session(), tenant_id=tenant_id())


@blueprint.route("/billing-rules", methods=["PATCH"])
@blueprint.needs("manage_billing")
@blueprint.arguments(shapes.RulesPatch)
@blueprint.response(200, shapes.RulesOut)
def change_billing_rules(body: dict[str, Any]) -> dict[str, Any]:
    """Change some of them; bills that were issued stay as they are"""
    rules = billing_rules.change(**acting(), changes=body)
    database.commit()
    return asdict(rules)


def _today() -> date:
    return invoices.today_of(database.session(), actor=actor(), now=security.now())


def _received(**given: Any) -> dict[str, Any]:
    received = payments.receive(**acting(), request_key=request_key("payment"), **given)
    database.commit(received.effect)
    return {
        "message": f"{'Recorded' if received.is_new else 'Recorded before'}; {received.effect}.",
        "is_new": received.is_new,
        "payment": received.payment,
        "paid_invoice_ids": list(received.paid_invoice_ids),
    }


def _renewed(done: renewals.Renewed) -> dict[str, Any]:
    database.commit(done.effect)
    return {
        "message": f"{'Renewed' if done.invoice.status == 'paid' else 'Billed'}; {done.effect}.",
        "invoice": done.invoice,
        "payment": done.payment,
        "expires_at": done.subscription.expires_at,
    }


def request_key(what: str) -> str | None:
    """The `Idempotency-Key` of this request for the books, which keep it for good."""
    given = presented()
    return None if given is None else f"{what}:{given}"
