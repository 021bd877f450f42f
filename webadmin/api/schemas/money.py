"""Invoices, payments and balances, in and out."""

import re
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from bss.plan_changes import EFFECTIVE
from bss.renewals import MAX_DAYS, MAX_TERMS, WAYS
from bss.wallet import KINDS as BALANCE_KINDS
from bss.wallet import REASONS
from db.queries.lists import AUDIT_SORTS
from db.queries.money_lists import INVOICE_SORTS, PAYMENT_SORTS
from domain.invoices import ITEM_TYPES, KINDS, MAX_LINES
from domain.invoices import STATUSES as INVOICE_STATUSES
from domain.payments import EXTERNAL, METHODS, PURPOSES
from domain.payments import STATUSES as PAYMENT_STATUSES
from webadmin.api.base import MAX_ID, PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.shapes import (
    Money,
    Stub,
    amount,
    boolean,
    id_argument,
    row_id,
    search_argument,
    text,
    total,
    when,
    whole,
    word,
)


class Signed(Money):
    """A decimal string that may be below zero."""

    PATTERN = r"^-?\d{1,12}(\.\d{1,2})?$"


class Quantity(fields.String):
    """How many, as a decimal string with at most three decimals."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{Decimal(value).normalize():f}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        given = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(given, str) or not re.fullmatch(r"\d{1,8}(\.\d{1,2})?", given, re.ASCII):
            raise ValidationError('Not a quantity: write it as text, like "1" or "2.5".')
        return Decimal(given)


def signed(**more: Any) -> Signed:
    """Money of either sign."""
    return Signed(metadata={"example": "-150000.00", "pattern": Signed.PATTERN}, **more)


def signed_total(**more: Any) -> Signed:
    """A sum of many amounts, of either sign."""
    pattern = r"^-?\d{1,20}\.\d{2}$"
    return Signed(metadata={"example": "-150000.00", "pattern": pattern}, dump_only=True, **more)


def day(**more: Any) -> fields.Date:
    """A local day of the provider."""
    return fields.Date(format="iso", metadata={"example": "2026-11-30"}, **more)


class InvoiceItemOut(Schema):
    """One line."""

    item_type = word(ITEM_TYPES)
    description = fields.String()
    quantity = Quantity(metadata={"example": "1"})
    unit_price = signed()
    amount = signed()


class InvoiceOut(Schema):
    """What a customer is asked to pay; the period is half-open, in the provider's local days."""

    id = fields.Integer()
    invoice_number = fields.String(allow_none=True, metadata={"example": "INV-20261127-0001"})
    customer_id = fields.Integer()
    subscription_id = fields.Integer(allow_none=True)
    kind = word(KINDS)
    status = word(INVOICE_STATUSES)
    period_start = day(allow_none=True)
    period_end = day(allow_none=True)
    terms = fields.Integer(metadata={"description": "how many cycles it pays for"})
    currency = fields.String(metadata={"example": "IDR"})
    items = fields.List(fields.Nested(InvoiceItemOut))
    subtotal = amount()
    discount = amount()
    discount_note = fields.String()
    tax_percent = amount()
    tax_included = fields.Boolean()
    tax = amount()
    total = amount()
    due_date = day()
    issued_at = when(allow_none=True)
    paid_at = when(allow_none=True)
    cancelled_at = when(allow_none=True)
    cancel_reason = fields.String(allow_none=True)
    notes = fields.String()
    created_by = fields.String()
    created_at = when()
    version = fields.Integer()


class InvoiceItemIn(Schema):
    """One line; a price below zero takes off."""

    item_type = word(ITEM_TYPES, load_default="other")
    description = text(255, example="Cable, 20 m", required=True)
    quantity = Quantity(load_default=Decimal(1), metadata={"example": "1"})
    unit_price = signed(required=True)


class InvoiceIn(Schema):
    """An invoice written by hand."""

    customer_id = row_id(required=True)
    subscription_id = row_id(allow_none=True, load_default=None)
    items = fields.List(fields.Nested(InvoiceItemIn), required=True, validate=validate.Length(1, MAX_LINES))
    due_date = day(allow_none=True, load_default=None)
    discount = amount(load_default=Decimal(0))
    discount_note = text(255, load_default="")
    notes = text(2000, load_default="")
    is_draft = boolean(load_default=False)


class InvoicePatch(Schema):
    """More time to pay, or less."""

    due_date = day(required=True)
    version = fields.Integer(strict=True)


class InvoiceQuery(PageArguments):
    """Filters of the list of invoices."""

    sort = sort_field(INVOICE_SORTS, "-created_at")
    search = search_argument()
    status = word(INVOICE_STATUSES)
    is_open = fields.Boolean(load_default=False)
    kind = word(KINDS)
    customer_id = id_argument()
    subscription_id = id_argument()
    due_before = day()


class InvoiceSums(Schema):
    """What is open in all."""

    open_invoices = fields.Integer()
    open_total = total()
    overdue_total = total()


class MoneyReason(Schema):
    """Why; kept with the change."""

    reason = text(255, example="wrong plan", required=True)


class MarkPaid(Schema):
    """How it was paid."""

    method = word(EXTERNAL, load_default="cash")
    amount = amount(allow_none=True, load_default=None)
    reference = text(100, load_default="")
    paid_at = when(allow_none=True, load_default=None)
    note = text(1000, load_default="")


class PaymentOut(Schema):
    """Money that came in."""

    id = fields.Integer()
    receipt_number = fields.String(allow_none=True, metadata={"example": "RCP-20261127-0001"})
    customer_id = fields.Integer()
    invoice_id = fields.Integer(allow_none=True)
    subscription_id = fields.Integer(allow_none=True)
    amount = amount()
    currency = fields.String()
    method = word(METHODS)
    purpose = word(PURPOSES)
    category = fields.String()
    status = word(PAYMENT_STATUSES)
    reference = fields.String()
    gateway = fields.String(allow_none=True)
    gateway_transaction_id = fields.String(allow_none=True)
    gateway_status = fields.String(allow_none=True)
    paid_at = when()
    refunded_at = when(allow_none=True)
    note = fields.String()
    operator_id = fields.Integer(allow_none=True, metadata={"description": "whose customer it was then"})
    expense_id = fields.Integer(allow_none=True)
    recorded_by = fields.String()
    created_at = when()


class PaymentIn(Schema):
    """A payment at the desk. Send `Idempotency-Key`, and asked twice it is recorded once."""

    customer_id = row_id(required=True)
    amount = amount(required=True)
    method = word(EXTERNAL, load_default="cash")
    invoice_id = row_id(allow_none=True, load_default=None)
    purpose = word(
        tuple(one for one in PURPOSES if one != "voucher"),
        allow_none=True,
        load_default=None,
        metadata={"description": "other: income that is no package's and changes no balance, with a `category`"},
    )
    category = text(50, load_default="", example="equipment")
    expense_id = row_id(allow_none=True, load_default=None)
    reference = text(100, load_default="")
    paid_at = when(allow_none=True, load_default=None)
    note = text(1000, load_default="")


class PaymentMade(Schema):
    """A payment, and what it paid."""

    message = fields.String(metadata={"example": "Recorded; 1 session will be disconnected."})
    is_new = fields.Boolean(metadata={"description": "false when the same request was recorded before"})
    payment = fields.Nested(PaymentOut)
    paid_invoice_ids = fields.List(fields.Integer())


class PaymentQuery(PageArguments):
    """Filters of the list of payments."""

    sort = sort_field(PAYMENT_SORTS, "-paid_at")
    search = search_argument()
    status = word(PAYMENT_STATUSES)
    method = word(METHODS)
    customer_id = id_argument()
    invoice_id = id_argument()
    since = when()
    until = when()


class PaymentSums(Schema):
    """The sum of completed payments among those listed."""

    total_paid = total()


class BalanceRowOut(Schema):
    """One movement of a balance."""

    id = fields.Integer()
    type = fields.String(allow_none=True, metadata={"example": "carry_over"})
    entry_kind = fields.String()
    amount = amount()
    previous_balance = signed()
    new_balance = signed()
    description = fields.String()
    reference_type = fields.String()
    reference_id = fields.Integer(allow_none=True)
    created_by_name = fields.String()
    occurred_at = when()


class BalanceOut(Schema):
    """A customer's balance: above zero is credit, below zero a debt. Open invoices are not in it.

    `total_revenue`: all his paid invoices. `total_spent`: what he paid from outside, less what went back to him.
    """

    balance = signed()
    total_revenue = total()
    total_spent = total()
    currency = fields.String()
    open_invoices = fields.Integer()
    open_total = total()
    overdue_total = total()
    history = fields.List(fields.Nested(BalanceRowOut))


class BalanceQuery(Schema):
    """Which movements; `before` is the id of the last one seen."""

    type = word(("credit", "debit", "carry_over"))
    since = when()
    until = when()
    before = id_argument()
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class BalanceIn(Schema):
    """Credit or debit by hand."""

    kind = word(BALANCE_KINDS, required=True)
    amount = amount(required=True)
    description = text(255, required=True, example="two days without service")
    reason = word(REASONS, load_default="correction")


class BalanceChanged(Schema):
    """The balance before and after, and invoices that credit paid by itself."""

    previous = signed()
    new = signed()
    paid_invoice_ids = fields.List(fields.Integer())


class RenewIn(Schema):
    """One more term, or several."""

    terms = whole(least=1, most=MAX_TERMS, load_default=1)
    by = word(WAYS, load_default="balance")
    reference = text(100, load_default="")


class DaysIn(Schema):
    """Single days at the rate of a day."""

    days = whole(least=1, most=MAX_DAYS, required=True)
    by = word(tuple(way for way in WAYS if way != "bill"), load_default="balance")


class RenewedOut(Schema):
    """The invoice of the renewal and the end of the term now."""

    message = fields.String()
    invoice = fields.Nested(InvoiceOut)
    payment = fields.Nested(PaymentOut, allow_none=True)
    expires_at = when(allow_none=True)


class PlanChangeIn(Schema):
    """Another plan, now or when the term ends."""

    service_plan_id = row_id(required=True)
    effective = word(EFFECTIVE, load_default="now")
    prorated = boolean(load_default=True)
    waive_fee = boolean(
        load_default=False, metadata={"description": "ask for no fee where a cheaper plan breaks the contract"}
    )
    version = fields.Integer(strict=True)


class PlanChangeQuery(Schema):
    """Which plan."""

    service_plan_id = fields.Integer(required=True, validate=validate.Range(1, MAX_ID))


class BreachOut(Schema):
    """A contract that is not over yet, and what leaving it costs; a fee of 0 is only a warning."""

    contract_end = fields.Date()
    fee = amount()


class PlanChangePreview(Schema):
    """What it would cost now; below zero is credit."""

    days_left = fields.Integer()
    days = fields.Integer()
    credit = amount()
    charge = amount()
    total = signed()
    currency = fields.String()
    period_end = when(allow_none=True)
    breach = fields.Nested(BreachOut, allow_none=True)


class PlanChangeOut(Schema):
    """A change of plan."""

    id = fields.Integer()
    subscription_id = fields.Integer()
    old_plan_id = fields.Integer()
    old_plan = fields.Pluck(Stub, "name")
    new_plan_id = fields.Integer()
    new_plan = fields.Pluck(Stub, "name")
    status = fields.String(metadata={"example": "applied"})
    effective_at = when()
    days_left = fields.Integer()
    credit = amount()
    charge = amount()
    invoice_id = fields.Integer(allow_none=True)
    problem = fields.String(allow_none=True)
    requested_by = fields.String()
    created_at = when()
    closed_at = when(allow_none=True)


PlanChangeList = list_schema(PlanChangeOut, name="PlanChangeList")


class RulesOut(Schema):
    """What the provider has decided about bills."""

    tax_percent = amount()
    tax_included = fields.Boolean()
    renewal_lead_days = fields.Integer()
    due_days = fields.Integer()
    remind_on = fields.List(fields.Integer())
    applies_balance = fields.Boolean()
    keeps_days = fields.Boolean()
    days_by_calendar = fields.Boolean(
        metadata={"description": "a day of a monthly plan costs its share of its month, instead of a thirtieth"}
    )
    most_suspended_percent = fields.Integer()
    runs_by_itself = fields.Boolean(metadata={"description": "the nightly billing run begins by itself"})
    run_hour = fields.Integer(metadata={"description": "at this local hour"})
    expiry_remind_days = fields.List(
        fields.Integer(), metadata={"description": "a notice to the customer so many days before a term ends"}
    )
    invoice_prefix = fields.String(metadata={"example": "INV"})
    receipt_prefix = fields.String(metadata={"example": "RCP"})
    referral_reward = amount()


class RulesPatch(Schema):
    """Those to change."""

    tax_percent = amount()
    tax_included = boolean()
    renewal_lead_days = whole(least=0, most=60)
    due_days = whole(least=0, most=365)
    remind_on = fields.List(whole(least=-60, most=60), validate=validate.Length(max=10))
    applies_balance = boolean()
    keeps_days = boolean()
    days_by_calendar = boolean()
    most_suspended_percent = whole(least=1, most=100)
    runs_by_itself = boolean()
    run_hour = whole(least=0, most=23)
    expiry_remind_days = fields.List(whole(least=0, most=60), validate=validate.Length(max=10))
    invoice_prefix = text(10, example="INV")
    receipt_prefix = text(10, example="RCP")
    referral_reward = amount()


InvoiceList = list_schema(InvoiceOut, name="InvoiceList", summary=InvoiceSums())
PaymentList = list_schema(PaymentOut, name="PaymentList", summary=PaymentSums())
InvoiceResult = result_schema("invoice", InvoiceOut, name="InvoiceResult")
PaymentResult = result_schema("payment", PaymentOut, name="PaymentResult")
PlanChangeResult = result_schema("plan_change", PlanChangeOut, name="PlanChangeResult")


class LogQuery(PageArguments):
    """Which part of it."""

    sort = sort_field(AUDIT_SORTS, "-created_at")


class LogEntryOut(Schema):
    """One thing that happened, in a sentence."""

    id = fields.Integer()
    at = when()
    action = fields.String(metadata={"example": "invoice.paid"})
    message = fields.String(metadata={"example": "Invoice INV-20261127-0042 over IDR 150000.00 was paid"})
    kind = fields.String(metadata={"example": "invoice", "description": "what it is about: also payment, subscription"})
    entity_id = fields.Integer()
    number = fields.String(allow_none=True, metadata={"example": "INV-20261127-0042"})
    amount = amount(allow_none=True)
    currency = fields.String(allow_none=True, metadata={"example": "IDR"})
    reason = fields.String(allow_none=True)
    actor_name = fields.String(metadata={"example": "Ani"})
    meta = fields.Dict(keys=fields.String(), metadata={"example": {"due_date": "2026-12-01"}})


BillingLog = list_schema(LogEntryOut, name="BillingLog")
