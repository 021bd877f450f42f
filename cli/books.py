"""`lintas expense` and `lintas books`, and what operators and recommending customers earn."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from bss import bookkeeping, commissions, expenses, recharges
from cli.allowance_text import amount as amount_typed
from cli.operators import operator_of
from cli.output import emit, json_option, table
from cli.work import limit_option, newest, show_fields, show_list, tenant_option, work
from db.engine import psycopg_of
from db.models import Expense
from db.queries.expenses import ExpenseFilter, expense_sums, income_for_expense, page_of_expenses
from db.queries.named import customer_named, subscription_named
from db.queries.operator_money import page_of_commissions, seen_operators, statement_of, sums_of_operators
from db.queries.referrals import rewards_of
from db.queries.rows import find_row
from domain.money import ZERO
from domain.payments import EXTERNAL
from domain.spreadsheet import as_csv

day_type = click.DateTime(formats=["%Y-%m-%d"])
since_option = click.option("--since", type=day_type, help="The first day; without it the first of the month.")
until_option = click.option("--until", type=day_type, help="The last day; without it today.")
method_option = click.option("--method", type=click.Choice(EXTERNAL), default="cash", show_default=True)


# --- expense --------------------------------------------------------------------------------------------------------


@click.group()
def expense() -> None:
    """What the provider spends; an expense is named by its id."""


@expense.command("list")
@click.option("--search", help="Part of the description, the reference or the category.")
@click.option("--category")
@since_option
@until_option
@limit_option
@tenant_option
@json_option
def list_expenses(
    search: str | None, category: str | None, since: datetime | None, until: datetime | None, limit: int,
    tenant: str | None,
) -> None:  # fmt: skip
    """Expenses, the newest day first, with the sum of each category below."""
    with work(tenant) as job:
        fits = ExpenseFilter(search=search, category=category, since=_day(since), until=_day(until))
        page = page_of_expenses(job.session, tenant_id=job.tenant_id, fits=fits, wanted=newest(limit, "-spent_on"))
        sums = expense_sums(job.session, tenant_id=job.tenant_id, fits=fits)
        rows = [_expense(row) for row in page.items]
    head = ("id", "spent_on", "category", "amount", "method", "description", "taken_back")
    total = sum((row[2] for row in sums), ZERO)
    below = [f"{name}: {amount} ({count})" for name, count, amount in sums] + [f"together {total}"]
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head) + below)


@expense.command("show")
@click.argument("expense_id", type=int, metavar="EXPENSE")
@tenant_option
@json_option
def show_expense(expense_id: int, tenant: str | None) -> None:
    """One expense, with what customers paid for it."""
    with work(tenant) as job:
        row = job.found(find_row(job.session, Expense, expense_id, tenant_id=job.tenant_id), "expense")
        show_fields(_expense(row) | {"income": str(income_for_expense(job.session, row.id))})


@expense.command("record")
@click.argument("category")
@click.argument("amount")
@method_option
@click.option("--on", "spent_on", type=day_type, help="The day on which it was spent; today without it.")
@click.option("--description", default="")
@click.option("--reference", default="", help="What the bill calls it.")
@click.option("--key", help="Recorded once, however often it is asked with the same key.")
@tenant_option
@json_option
def record_expense(
    category: str, amount: str, method: str, spent_on: datetime | None, description: str, reference: str,
    key: str | None, tenant: str | None,
) -> None:  # fmt: skip
    """Record that AMOUNT was spent on CATEGORY, such as bandwidth, equipment, salaries or rent."""
    with work(tenant) as job:
        row = job.do(
            expenses.record, category=category, amount=amount, method=method, spent_on=_day(spent_on),
            description=description, reference=reference, request_key=None if key is None else f"cli:{key}",
        ).row  # fmt: skip
        data = _expense(row)
    show_fields(data)


@expense.command("take-back")
@click.argument("expense_id", type=int, metavar="EXPENSE")
@click.option("--reason", required=True, help="Why; kept with the change.")
@tenant_option
@json_option
def take_back_expense(expense_id: int, reason: str, tenant: str | None) -> None:
    """Take back an expense that was recorded by mistake; the books keep both."""
    with work(tenant) as job:
        data = _expense(job.do(expenses.take_back_expense, expense_id=expense_id, reason=reason).row)
    show_fields(data)


# --- books ----------------------------------------------------------------------------------------------------------


@click.group()
def books() -> None:
    """The books as bookkeepers read them."""


@books.command("trial-balance")
@since_option
@until_option
@tenant_option
@json_option
def trial_balance(since: datetime | None, until: datetime | None, tenant: str | None) -> None:
    """What each account came to; debits and credits are alike."""
    with work(tenant) as job:
        found = job.do(bookkeeping.trial_balance, first=_day(since), last=_day(until))
    rows = [
        {
            "account": bookkeeping.account_code(row.kind, row.name), "opening": str(row.opening),
            "debit": str(row.debit), "credit": str(row.credit), "closing": str(row.closing),
        }
        for row in found.rows
    ]  # fmt: skip
    head = ("account", "opening", "debit", "credit", "closing")
    data = {
        "since": found.span.first.isoformat(), "until": found.span.last.isoformat(), "currency": found.currency,
        "debit": str(found.debit), "credit": str(found.credit), "accounts": rows,
    }  # fmt: skip
    lines = table([[row[name] for name in head] for row in rows], head)
    emit(data, [*lines, f"debit {found.debit}, credit {found.credit} {found.currency}"])


@books.command("journal")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@since_option
@until_option
@tenant_option
@json_option
def journal(file: Path, since: datetime | None, until: datetime | None, tenant: str | None) -> None:
    """Write every line of the journal into FILE as CSV; no cell in it can be taken for a formula."""
    lines = 0
    with work(tenant) as job:
        rows = job.do(bookkeeping.journal, first=_day(since), last=_day(until), as_what="csv")
        with file.open("w", encoding="utf-8-sig", newline="") as out:
            for row in rows:
                out.write(as_csv([row]))
                lines += 1
    emit({"file": str(file), "lines": lines - 1}, [f"{lines - 1} lines in {file}"])


# --- of an operator -------------------------------------------------------------------------------------------------


@click.command("accounts")
@tenant_option
@json_option
def operator_accounts(tenant: str | None) -> None:
    """What each operator earned, was paid, and is owed; below zero he owes."""
    with work(tenant) as job:
        found = seen_operators(job.session, job.tenant_id)
        sums = sums_of_operators(psycopg_of(job.session), [row.id for row in found])
        rows = [
            {"id": row.id, "name": row.name, "earned": str(sums[row.id].earned),
             "paid_out": str(sums[row.id].paid_out), "owed": str(sums[row.id].owed)}
            for row in found
        ]  # fmt: skip
    head = ("id", "name", "earned", "paid_out", "owed")
    emit({"items": rows}, table([[row[name] for name in head] for row in rows], head))


@click.command("account")
@click.argument("name", metavar="OPERATOR")
@limit_option
@tenant_option
@json_option
def operator_account(name: str, limit: int, tenant: str | None) -> None:
    """What an operator is owed, and the movements of his account."""
    with work(tenant) as job:
        row, connection = operator_of(job, name), psycopg_of(job.session)
        sums = sums_of_operators(connection, [row.id])[row.id]
        history = [
            {"at": one.occurred_at, "kind": one.kind, "amount": str(one.amount), "owed": str(one.owed),
             "description": one.description, "by": one.created_by_name}
            for one in statement_of(connection, row.id, limit=limit)
        ]  # fmt: skip
    data = {"earned": str(sums.earned), "paid_out": str(sums.paid_out), "owed": str(sums.owed), "history": history}
    head = ("at", "kind", "amount", "owed", "description", "by")
    lines = [f"earned {sums.earned}, paid out {sums.paid_out}, owed {sums.owed}"]
    emit(data, [*lines, *table([[one[key] or "" for key in head] for one in history], head)])


@click.command("pay-out")
@click.argument("name", metavar="OPERATOR")
@click.argument("amount")
@method_option
@click.option("--reference", default="", help="What the bank calls it.")
@click.option("--key", help="Recorded once, however often it is asked with the same key.")
@tenant_option
@json_option
def pay_out(name: str, amount: str, method: str, reference: str, key: str | None, tenant: str | None) -> None:
    """Record that an operator was paid AMOUNT of his commissions."""
    with work(tenant) as job:
        done = job.do(
            commissions.pay_out, operator_id=operator_of(job, name).id, amount=amount, method=method,
            reference=reference, request_key=None if key is None else f"cli:{key}",
        )  # fmt: skip
    show_fields({"paid_out": str(done.amount), "owed": str(done.owed), "is_new": done.is_new})


@click.command("commissions")
@click.argument("name", metavar="OPERATOR")
@limit_option
@tenant_option
@json_option
def operator_commissions(name: str, limit: int, tenant: str | None) -> None:
    """What an operator earned by each payment, newest first."""
    with work(tenant) as job:
        page = page_of_commissions(
            job.session, tenant_id=job.tenant_id, operator_id=operator_of(job, name).id,
            wanted=newest(limit, "-earned_at"),
        )  # fmt: skip
        rows: list[dict[str, Any]] = [
            {"payment_id": row.payment_id, "rate": str(row.rate), "amount": str(row.amount),
             "earned_at": row.earned_at, "taken_back": row.reversed_at}
            for row in page.items
        ]  # fmt: skip
    head = ("payment_id", "rate", "amount", "earned_at", "taken_back")
    show_list(page, rows, lambda: table([[row[key] or "" for key in head] for row in rows], head))


# --- of a customer --------------------------------------------------------------------------------------------------


@click.command("rewards")
@click.argument("name", metavar="CUSTOMER")
@tenant_option
@json_option
def rewards(name: str, tenant: str | None) -> None:
    """What a customer got for recommending others."""
    with work(tenant) as job:
        row = job.found(customer_named(job.session, name, tenant_id=job.tenant_id), "customer")
        rows: list[dict[str, Any]] = [
            {"referred_id": one.referred_id, "payment_id": one.payment_id, "amount": str(one.amount),
             "given_at": one.given_at, "taken_back": one.reversed_at}
            for one in rewards_of(job.session, row.id)
        ]  # fmt: skip
    head = ("referred_id", "payment_id", "amount", "given_at", "taken_back")
    emit({"items": rows}, table([[one[key] or "" for key in head] for one in rows], head))


def _day(moment: datetime | None) -> Any:
    return None if moment is None else moment.date()


def _expense(row: Expense) -> dict[str, Any]:
    return {
        "id": row.id, "spent_on": row.spent_on.isoformat(), "category": row.category, "amount": str(row.amount),
        "currency": row.currency, "method": row.method, "description": row.description, "reference": row.reference,
        "taken_back": row.reversed_at, "recorded_by": row.recorded_by,
    }  # fmt: skip


OF_OPERATORS = (operator_accounts, operator_account, pay_out, operator_commissions)


# --- of a subscription ----------------------------------------------------------------------------------------------


@click.command("recharge")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("how_much", metavar="AMOUNT")
@click.option("--price", help="What volume or time costs; days cost what the plan says.")
@click.option("--by", type=click.Choice(recharges.WAYS), default="cash", show_default=True)
@click.option("--for-good", is_flag=True, help="Volume and time never end; else at the end of the billing cycle.")
@click.option("--key", help="Sold once, however often it is asked with the same key.")
@tenant_option
@json_option
def recharge(
    name: str, how_much: str, price: str | None, by: str, for_good: bool, key: str | None, tenant: str | None
) -> None:
    """Sell AMOUNT, such as 3d, 10GB or 2h, paid at once."""
    if how_much.endswith("d") and how_much[:-1].isdigit():
        values: dict[str, Any] = {"kind": recharges.DAYS, "amount": int(how_much[:-1])}
    else:
        given = amount_typed(how_much)
        values = {"kind": given["kind"], "amount": given.get("amount_bytes") or given.get("amount_s")}
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")
        done = job.do(
            recharges.recharge, subscription_id=row.id, price=price, by=by, for_good=for_good,
            request_key=None if key is None else f"cli:{key}", **values,
        )  # fmt: skip
        data = {
            "invoice": done.invoice.invoice_number, "status": done.invoice.status, "total": str(done.invoice.total),
            "receipt": None if done.payment is None else done.payment.receipt_number,
            "expires_at": done.subscription.expires_at,
        }  # fmt: skip
    show_fields(data)
