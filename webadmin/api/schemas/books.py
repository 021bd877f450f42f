"""Expenses, the books, and what operators and customers earn, in and out."""

from marshmallow import Schema, fields, validate

from bss import recharges
from bss.renewals import MAX_DAYS
from db.queries.expenses import EXPENSE_SORTS
from db.queries.operator_money import COMMISSION_SORTS
from domain.payments import EXTERNAL
from webadmin.api.base import PageArguments, list_schema, sort_field
from webadmin.api.schemas.allowances import TopupOut
from webadmin.api.schemas.money import InvoiceOut, PaymentOut, day, signed, signed_total
from webadmin.api.schemas.shapes import amount, boolean, id_argument, search_argument, text, total, when, whole, word


class ExpenseOut(Schema):
    """Money that was spent."""

    id = fields.Integer()
    category = fields.String(metadata={"example": "bandwidth"})
    amount = amount()
    currency = fields.String(metadata={"example": "IDR"})
    method = word(EXTERNAL)
    spent_on = day()
    description = fields.String()
    reference = fields.String()
    reversed_at = when(allow_none=True)
    reverse_reason = fields.String(allow_none=True)
    recorded_by = fields.String()
    created_at = when()


class ExpenseDetail(ExpenseOut):
    """An expense with what customers paid for it."""

    income = total()


class ExpenseIn(Schema):
    """An expense. Send `Idempotency-Key`, and asked twice it is recorded once."""

    category = text(50, example="bandwidth", required=True)
    amount = amount(required=True)
    method = word(EXTERNAL, load_default="cash")
    spent_on = day(allow_none=True, load_default=None)
    description = text(1000, load_default="")
    reference = text(100, load_default="")


class ExpenseQuery(PageArguments):
    """Filters of the list of expenses; both days are among them."""

    sort = sort_field(EXPENSE_SORTS, "-spent_on")
    search = search_argument()
    category = fields.String(validate=validate.Length(1, 50))
    since = day()
    until = day()


class CategorySum(Schema):
    """What was spent on one category."""

    category = fields.String()
    count = fields.Integer()
    total = total()


class ExpenseSums(Schema):
    """The sum of what stands among those listed, and by category."""

    total = total()
    categories = fields.List(fields.Nested(CategorySum))


class SpanQuery(Schema):
    """Local days, both among them; without them this month until today. At most a year."""

    since = day(attribute="first")
    until = day(attribute="last")


class AccountRowOut(Schema):
    """An account: what it came to before, what moved, what it came to. Debits are above zero, credits below."""

    kind = fields.String(metadata={"example": "revenue"})
    name = fields.String(metadata={"example": "service"})
    opening = signed_total()
    debit = total()
    credit = total()
    closing = signed_total()


class TrialOut(Schema):
    """The trial balance of a span."""

    since = fields.Date(attribute="span.first")
    until = fields.Date(attribute="span.last")
    currency = fields.String()
    debit = total()
    credit = total()
    accounts = fields.List(fields.Nested(AccountRowOut), attribute="rows")


class CommissionOut(Schema):
    """What an operator earned by a payment."""

    id = fields.Integer()
    operator_id = fields.Integer()
    payment_id = fields.Integer()
    rate = fields.Decimal(
        as_string=True, places=2,
        metadata={"description": "percent of the payment that is this operator's", "example": "12.50"},
    )  # fmt: skip
    amount = amount()
    currency = fields.String()
    earned_at = when()
    reversed_at = when(allow_none=True)


class CommissionQuery(PageArguments):
    """Filters of the list of commissions."""

    sort = sort_field(COMMISSION_SORTS, "-earned_at")
    operator_id = id_argument()
    payment_id = id_argument()


class OperatorSumsOut(Schema):
    """What an operator earned, was paid, and is owed; below zero he owes."""

    operator_id = fields.Integer()
    name = fields.String()
    earned = signed_total()
    paid_out = total()
    owed = signed_total()


class StatementRowOut(Schema):
    """One movement of what an operator is owed."""

    id = fields.Integer()
    kind = fields.String(metadata={"example": "payout"})
    amount = signed()
    owed = signed_total()
    description = fields.String()
    reference_type = fields.String()
    reference_id = fields.Integer(allow_none=True)
    created_by_name = fields.String()
    occurred_at = when()


class OperatorAccountOut(OperatorSumsOut):
    """An operator's account with its movements, the newest first."""

    history = fields.List(fields.Nested(StatementRowOut))


class StatementQuery(Schema):
    """Which movements; `before` is the id of the last one seen."""

    before = id_argument()
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class PayOutIn(Schema):
    """A pay-out. Send `Idempotency-Key`, and asked twice it is recorded once."""

    amount = amount(required=True)
    method = word(EXTERNAL, load_default="cash")
    reference = text(100, load_default="")


class PaidOutOut(Schema):
    """What was paid, and what is left."""

    operator_id = fields.Integer(attribute="operator.id")
    amount = amount()
    owed = signed_total()
    is_new = fields.Boolean()


class RechargeIn(Schema):
    """Days, or a package of volume or online time. Send `Idempotency-Key`, and asked twice it is sold once."""

    kind = word(recharges.KINDS, required=True)
    days = whole(least=1, most=MAX_DAYS)
    amount_bytes = whole(least=1, most=recharges.MAX_BYTES, example=5_000_000_000)
    amount_s = whole(least=1, most=recharges.MAX_S, example=7200)
    price = amount()
    by = word(recharges.WAYS, load_default="cash")
    for_good = boolean(load_default=False)


class RechargedOut(Schema):
    """What was bought and how it was paid."""

    message = fields.String(metadata={"example": "Recharged; 1 session will be disconnected."})
    invoice = fields.Nested(InvoiceOut)
    payment = fields.Nested(PaymentOut, allow_none=True)
    topup = fields.Nested(TopupOut, allow_none=True)
    expires_at = when(allow_none=True)


class RewardOut(Schema):
    """What a customer got for recommending another."""

    id = fields.Integer()
    referred_id = fields.Integer()
    payment_id = fields.Integer()
    amount = amount()
    currency = fields.String()
    given_at = when()
    reversed_at = when(allow_none=True)


class TakeBackIn(Schema):
    """Why it is taken back."""

    reason = text(255, required=True, example="recorded twice")


ExpenseList = list_schema(ExpenseOut, name="ExpenseList", summary=ExpenseSums())
CommissionList = list_schema(CommissionOut, name="CommissionList")
OperatorSumsList = list_schema(OperatorSumsOut, name="OperatorSumsList")
RewardList = list_schema(RewardOut, name="RewardList")
