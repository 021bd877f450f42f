"""Expenses, the books as bookkeepers read them, and what operators and recommending customers earn, over HTTP."""

from typing import Any

from flask import Response

from bss import bookkeeping, commissions, expenses, recharges
from bss.rows import find
from db.engine import psycopg_of
from db.models import Customer, Expense, Operator
from db.queries.expenses import ExpenseFilter, expense_sums, income_for_expense, page_of_expenses
from db.queries.operator_money import page_of_commissions, seen_operators, statement_of, sums_of_operators
from db.queries.referrals import rewards_of
from domain.money import ZERO
from webadmin import database
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    actor,
    as_list,
    as_whole_list,
    page_of,
    tenant_id,
    wanted_part,
)
from webadmin.api.money import request_key
from webadmin.api.schemas import books as shapes
from webadmin.export import CSV_TYPE, XLSX_TYPE, as_csv_file, as_xlsx_file

blueprint = Blueprint(
    "books", __name__, url_prefix=PREFIX, description="Expenses, the journal, commissions and rewards"
)


# --- expenses -------------------------------------------------------------------------------------------------------


@blueprint.route("/expenses")
@blueprint.needs("view_books")
@blueprint.arguments(shapes.ExpenseQuery, location="query")
@blueprint.response(200, shapes.ExpenseList)
def list_expenses(arguments: dict[str, Any]) -> dict[str, Any]:
    """List expenses, those taken back among them"""
    wanted, fits = wanted_part(arguments), ExpenseFilter(**arguments)
    page = page_of(lambda: page_of_expenses(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted))
    sums = expense_sums(database.session(), tenant_id=tenant_id(), fits=fits)
    categories = [{"category": name, "count": count, "total": total} for name, count, total in sums]
    return as_list(page, summary={"total": sum((row[2] for row in sums), ZERO), "categories": categories})


@blueprint.route("/expenses", methods=["POST"])
@blueprint.needs("manage_expenses")
@blueprint.arguments(shapes.ExpenseIn)
@blueprint.response(201, shapes.ExpenseOut)
def record_expense(body: dict[str, Any]) -> Expense:
    """Record that money was spent"""
    row = expenses.record(**acting(), request_key=request_key("expense"), **body).row
    database.commit()
    return row


@blueprint.route("/expenses/<int:expense_id>")
@blueprint.needs("view_books")
@blueprint.response(200, shapes.ExpenseDetail)
def get_expense(expense_id: int) -> dict[str, Any]:
    """One expense, with what customers paid for it"""
    row = find(database.session(), Expense, expense_id, actor=actor())
    shown = {column.key: getattr(row, column.key) for column in Expense.__table__.columns}
    return shown | {"income": income_for_expense(database.session(), row.id)}


@blueprint.route("/expenses/<int:expense_id>/take-back", methods=["POST"])
@blueprint.needs("manage_expenses")
@blueprint.arguments(shapes.TakeBackIn)
@blueprint.response(200, shapes.ExpenseOut)
def take_back_expense(body: dict[str, Any], expense_id: int) -> Expense:
    """Take back an expense that was recorded by mistake; the books keep both"""
    row = expenses.take_back_expense(**acting(), expense_id=expense_id, **body).row
    database.commit()
    return row


# --- the books ------------------------------------------------------------------------------------------------------


@blueprint.route("/books/trial-balance")
@blueprint.needs("view_books")
@blueprint.arguments(shapes.SpanQuery, location="query")
@blueprint.response(200, shapes.TrialOut)
def get_trial_balance(arguments: dict[str, Any]) -> bookkeeping.Trial:
    """What each account came to; debits and credits are alike"""
    return bookkeeping.trial_balance(**acting(), **arguments)


@blueprint.route("/books/journal.csv")
@blueprint.needs("view_books")
@blueprint.arguments(shapes.SpanQuery, location="query")
@blueprint.response(200, {"type": "string"}, content_type=CSV_TYPE)
def get_journal_csv(arguments: dict[str, Any]) -> Response:
    """Every line of the journal as CSV"""
    return as_csv_file(_journal("csv", arguments), "journal.csv")


@blueprint.route("/books/journal.xlsx")
@blueprint.needs("view_books")
@blueprint.arguments(shapes.SpanQuery, location="query")
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type=XLSX_TYPE)
def get_journal_xlsx(arguments: dict[str, Any]) -> Response:
    """Every line of the journal as a workbook"""
    return as_xlsx_file(_journal("xlsx", arguments), "journal.xlsx")


def _journal(kind: str, arguments: dict[str, Any]) -> Any:
    rows = bookkeeping.journal(**acting(), as_what=kind, **arguments)
    database.commit()
    return rows


# --- operators ------------------------------------------------------------------------------------------------------


@blueprint.route("/commissions")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.CommissionQuery, location="query")
@blueprint.response(200, shapes.CommissionList)
def list_commissions(arguments: dict[str, Any]) -> dict[str, Any]:
    """List commissions; staff of an operator see theirs and those below"""
    wanted = wanted_part(arguments)
    return as_list(
        page_of(lambda: page_of_commissions(database.session(), tenant_id=tenant_id(), wanted=wanted, **arguments))
    )


@blueprint.route("/operator-accounts")
@blueprint.needs("view_money")
@blueprint.response(200, shapes.OperatorSumsList)
def list_operator_accounts() -> dict[str, Any]:
    """What each operator earned, was paid, and is owed"""
    rows = seen_operators(database.session(), tenant_id())
    sums = sums_of_operators(psycopg_of(database.session()), [row.id for row in rows])
    return as_whole_list([_sums(row, sums) for row in rows])


@blueprint.route("/operators/<int:operator_id>/account")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.StatementQuery, location="query")
@blueprint.response(200, shapes.OperatorAccountOut)
def get_operator_account(arguments: dict[str, Any], operator_id: int) -> dict[str, Any]:
    """An operator's account with its movements"""
    row = find(database.session(), Operator, operator_id, actor=actor())
    connection = psycopg_of(database.session())
    return _sums(row, sums_of_operators(connection, [row.id])) | {
        "history": statement_of(connection, row.id, **arguments)
    }


@blueprint.route("/operators/<int:operator_id>/payouts", methods=["POST"])
@blueprint.needs("pay_operators")
@blueprint.arguments(shapes.PayOutIn)
@blueprint.response(201, shapes.PaidOutOut)
def pay_out_operator(body: dict[str, Any], operator_id: int) -> commissions.PaidOut:
    """Record that an operator was paid, at most what he is owed"""
    done = commissions.pay_out(**acting(), operator_id=operator_id, request_key=request_key("payout"), **body)
    database.commit()
    return done


def _sums(row: Operator, sums: Any) -> dict[str, Any]:
    found = sums[row.id]
    return {
        "operator_id": row.id, "name": row.name, "earned": found.earned, "paid_out": found.paid_out,
        "owed": found.owed,
    }  # fmt: skip


@blueprint.route("/subscriptions/<int:subscription_id>/recharge", methods=["POST"])
@blueprint.needs("hotspot_recharge")
@blueprint.arguments(shapes.RechargeIn)
@blueprint.response(201, shapes.RechargedOut)
def recharge_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Sell days, or a package of volume or online time, paid at once"""
    sizes = {"days": body.pop("days", None), "data": body.pop("amount_bytes", None), "time": body.pop("amount_s", None)}
    done = recharges.recharge(
        **acting(), subscription_id=subscription_id, amount=sizes[body["kind"]] or 0,
        request_key=request_key("recharge"), **body,
    )  # fmt: skip
    database.commit(done.effect)
    return {
        "message": f"Recharged; {done.effect}.", "invoice": done.invoice, "payment": done.payment,
        "topup": done.topup, "expires_at": done.subscription.expires_at,
    }  # fmt: skip


# --- rewards --------------------------------------------------------------------------------------------------------


@blueprint.route("/customers/<int:customer_id>/rewards")
@blueprint.needs("view_money")
@blueprint.response(200, shapes.RewardList)
def list_rewards(customer_id: int) -> dict[str, Any]:
    """What a customer got for recommending others, the newest first"""
    customer = find(database.session(), Customer, customer_id, actor=actor())
    return as_whole_list(rewards_of(database.session(), customer.id))
