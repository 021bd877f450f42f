"""`lintas voucher`: batches of codes, sheets, sales, and redeeming them for a customer."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from bss import hotspot, redeeming, voucher_sales, voucher_sheets, vouchers
from cli.output import emit, json_option, table
from cli.paper import written
from cli.work import Work, limit_option, newest, show_fields, show_list, tenant_option, work
from db.models import Voucher, VoucherBatch
from db.queries.named import customer_named, plan_named, subscription_named
from db.queries.operators import operator_choices
from db.queries.vouchers import batch_named, counts_of, page_of_batches, page_of_vouchers, voucher_by_code
from domain.payments import EXTERNAL
from domain.spreadsheet import as_csv
from domain.voucher import USUAL_PATTERN, VOUCHER_STATES
from paper.documents import LAYOUTS, MAX_CARDS, QR_CHOICES, sheet_pdf
from paper.words import LANGUAGES

_SHOWN = ("code", "state", "validity_s", "binds_mac", "sell_until", "sold_at", "first_used_at", "valid_until")
_TERMS = ("validity_s", "time_limit_s", "data_limit_bytes", "binds_mac", "sell_until", "prefix", "code_pattern")
batch_argument = click.argument("batch")
GB = 1000**3


@click.group()
def voucher() -> None:
    """Vouchers: codes that log in at a hotspot, or are worth money."""


@voucher.command("create")
@click.argument("plan_name", metavar="[PLAN]", required=False)
@click.option("--credit", help="Worth so much money for a customer's balance, instead of a plan.")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, vouchers.MAX_AT_ONCE))
@click.option("--hours", type=click.FloatRange(min=0.1), help="Valid so long from its first login.")
@click.option("--plan-days", "validity_from_plan", is_flag=True, help="Valid for as many days as the plan.")
@click.option("--online-hours", type=click.FloatRange(min=0.1), help="So much time online, in place of the plan's.")
@click.option("--gigabytes", type=click.FloatRange(min=0.001), help="So much volume, in place of the plan's.")
@click.option("--price", default="0", help="What a voucher is sold for.")
@click.option("--batch", default="", help="A name to find them by; without one the batch gets a number.")
@click.option("--prefix", default="", help="Comes before every code, such as HOT-.")
@click.option("--pattern", "code_pattern", default=USUAL_PATTERN, show_default=True, help="X letter or digit, 9 digit.")
@click.option("--operator", "operator_name", help="The operator who sells them.")
@click.option("--commission", "commission_percent", help="Percent of the price; the operator's own rate without it.")
@click.option("--bind", "binds_mac", is_flag=True, help="Only for the device that uses it first.")
@click.option("--sell-until", type=click.DateTime(), help="Not used by then (UTC), it never can be.")
@click.option("--note", default="", help="For staff.")
@tenant_option
@json_option
def create_vouchers(
    plan_name: str | None,
    hours: float | None,
    online_hours: float | None,
    gigabytes: float | None,
    operator_name: str | None,
    sell_until: datetime | None,
    tenant: str | None,
    **terms: Any,
) -> None:
    """Make vouchers of the hotspot plan PLAN, or of money with --credit; the codes are printed."""
    with work(tenant) as job:
        made = job.do(
            vouchers.create,
            **terms,
            service_plan_id=_plan(job, plan_name),
            validity_s=None if hours is None else int(hours * 3600),
            time_limit_s=None if online_hours is None else int(online_hours * 3600),
            data_limit_bytes=None if gigabytes is None else int(gigabytes * GB),
            operator_id=_operator(job, operator_name),
            sell_until=None if sell_until is None else sell_until.replace(tzinfo=job.now.tzinfo),
        )
        rows = [_voucher(row) for row in made]
    emit({"items": rows}, [row["code"] for row in rows])


@voucher.command("add")
@batch_argument
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, vouchers.MAX_AT_ONCE))
@tenant_option
@json_option
def add_vouchers(batch: str, count: int, tenant: str | None) -> None:
    """Make more vouchers of a BATCH, on its terms; the codes are printed."""
    with work(tenant) as job:
        rows = [_voucher(row) for row in job.do(vouchers.add, batch_id=_batch(job, batch).id, count=count)]
    emit({"items": rows}, [row["code"] for row in rows])


@voucher.command("list")
@click.option("--state", type=click.Choice(VOUCHER_STATES))
@click.option("--batch")
@click.option("--sold/--unsold", "sold", default=None)
@limit_option
@tenant_option
@json_option
def list_vouchers(state: str | None, batch: str | None, sold: bool | None, limit: int, tenant: str | None) -> None:
    """Vouchers, newest first."""
    with work(tenant) as job:
        page = page_of_vouchers(
            job.session, tenant_id=job.tenant_id, state=state, batch=batch, sold=sold,
            wanted=newest(limit, "-created_at"),
        )  # fmt: skip
        rows = [_voucher(row) for row in page.items]
    head = ("code", "batch", "state", "sold_at", "first_used_at", "valid_until")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@voucher.command("batches")
@click.option("--search", help="Part of the name.")
@limit_option
@tenant_option
@json_option
def list_batches(search: str | None, limit: int, tenant: str | None) -> None:
    """Batches, newest first, with how each stands."""
    with work(tenant) as job:
        page = page_of_batches(job.session, tenant_id=job.tenant_id, text=search, wanted=newest(limit, "-created_at"))
        rows = _batches(job, list(page.items))
    head = ("name", "kind", "price", "total", "unused", "sold", "operator")
    show_list(
        page, rows, lambda: table([["" if row[name] is None else row[name] for name in head] for row in rows], head)
    )


@voucher.command("show")
@batch_argument
@tenant_option
@json_option
def show_batch(batch: str, tenant: str | None) -> None:
    """One BATCH: its terms and how it stands."""
    with work(tenant) as job:
        show_fields(_batches(job, [_batch(job, batch)])[0])


@voucher.command("change")
@batch_argument
@click.option("--name", help="A new name.")
@click.option("--price", help="What a voucher is sold for from now on.")
@click.option("--operator", "operator_name", help="The operator who sells it; '' for the provider.")
@click.option("--commission", "commission_percent", help="Percent of the price.")
@click.option("--note", help="For staff.")
@tenant_option
@json_option
def change_batch(batch: str, operator_name: str | None, tenant: str | None, **given: Any) -> None:
    """Change name, price or seller of a BATCH; what was sold stays sold."""
    changes = {name: value for name, value in given.items() if value is not None}
    with work(tenant) as job:
        if operator_name is not None:
            changes["operator_id"] = _operator(job, operator_name) if operator_name else None
        changed = job.do(vouchers.change, batch_id=_batch(job, batch).id, changes=changes)
        show_fields(_batches(job, [changed.row])[0])


code_argument = click.argument("code", required=False)
batch_option = click.option("--batch", help="Every voucher of this batch instead of one.")


@voucher.command("disable")
@code_argument
@batch_option
@tenant_option
@json_option
def disable_voucher(code: str | None, batch: str | None, tenant: str | None) -> None:
    """Take the voucher CODE, or a whole batch, out of use; their sessions end."""
    _set_disabled(code, batch, tenant, disabled=True)


@voucher.command("enable")
@code_argument
@batch_option
@tenant_option
@json_option
def enable_voucher(code: str | None, batch: str | None, tenant: str | None) -> None:
    """Give the voucher CODE, or a whole batch, back, with the time it has left."""
    _set_disabled(code, batch, tenant, disabled=False)


@voucher.command("export")
@batch_argument
@tenant_option
@json_option
def export_vouchers(batch: str, tenant: str | None) -> None:
    """Print a BATCH as CSV, codes included; the audit log says who took them."""
    with work(tenant) as job:
        head, *rows = job.do(vouchers.export, batch_id=_batch(job, batch).id)
    emit({"items": [dict(zip(head, row, strict=True)) for row in rows]}, as_csv([head, *rows]).splitlines())


@voucher.command("sheet")
@batch_argument
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--layout", type=click.Choice(tuple(LAYOUTS)), default="medium", show_default=True)
@click.option("--qr", type=click.Choice(QR_CHOICES), default="code", show_default=True)
@click.option("--language", type=click.Choice(LANGUAGES), default="id", show_default=True)
@click.option("--unsold", is_flag=True, help="Only those that were not sold.")
@click.option("--price/--no-price", "with_price", default=True, help="Whether the price stands on them.")
@click.option("--skip", default=0, type=click.IntRange(0), help="Leave out the first ones.")
@click.option("--count", default=MAX_CARDS, show_default=True, type=click.IntRange(1, MAX_CARDS))
@tenant_option
@json_option
def print_sheet(batch: str, file: Path, unsold: bool, tenant: str | None, **options: Any) -> None:
    """Write the unused vouchers of a BATCH as PDF into FILE, to print and cut apart."""
    which = "unsold" if unsold else "unused"
    with work(tenant) as job:
        sheet = job.do(voucher_sheets.composed, batch_id=_batch(job, batch).id, which=which, **options)
    size = written(file, lambda: sheet_pdf(sheet))
    emit({"file": str(file), "bytes": size, "vouchers": len(sheet.cards)}, [f"{len(sheet.cards)} vouchers in {file}"])


@voucher.command("sell")
@batch_argument
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, voucher_sales.MAX_SOLD_AT_ONCE))
@click.option("--method", type=click.Choice(EXTERNAL), default="cash", show_default=True)
@click.option("--note", default="")
@tenant_option
@json_option
def sell_vouchers(batch: str, count: int, method: str, note: str, tenant: str | None) -> None:
    """Sell the next vouchers of a BATCH at its price; codes and receipt number are printed."""
    with work(tenant) as job:
        sale = job.do(voucher_sales.sell, batch_id=_batch(job, batch).id, count=count, method=method, note=note)
        codes = [row.code for row in sale.vouchers]
        data = {
            "payment_id": sale.payment.id, "receipt_number": sale.payment.receipt_number,
            "amount": sale.payment.amount, "commission": sale.commission, "codes": codes,
        }  # fmt: skip
    emit(data, [f"receipt {data['receipt_number']}: {data['amount']}", *codes])


@voucher.command("take-back")
@click.argument("payment_id", type=int)
@click.option("--reason", required=True)
@tenant_option
@json_option
def take_back(payment_id: int, reason: str, tenant: str | None) -> None:
    """Take the sale PAYMENT_ID back, as long as none of its vouchers was used."""
    with work(tenant) as job:
        sale = job.do(voucher_sales.take_back_sale, payment_id=payment_id, reason=reason)
        data = {"payment_id": sale.payment.id, "status": sale.payment.status, "vouchers": len(sale.vouchers)}
    emit(data, [f"{data['vouchers']} vouchers are for sale again"])


@voucher.command("redeem")
@click.argument("code")
@click.option("--username", help="The subscription it is for.")
@click.option("--customer", "customer_code", help="The customer it is for: his hotspot login, or a new one.")
@tenant_option
@json_option
def redeem_voucher(code: str, username: str | None, customer_code: str | None, tenant: str | None) -> None:
    """Give what the voucher CODE is worth to a subscription or a customer, once."""
    if (username is None) == (customer_code is None):
        raise click.UsageError("name a subscription with --username, or a customer with --customer")
    with work(tenant) as job:
        target = {}
        if username is not None:
            found = job.found(subscription_named(job.session, username, tenant_id=job.tenant_id), "subscription")
            target["subscription_id"] = found.id
        else:
            target["customer_id"] = _customer(job, customer_code or "")
        done = job.do(redeeming.redeem, code=code, **target)
        login, added = done.subscription, done.added
        show_fields(
            {
                "customer": done.customer.customer_code,
                "username": None if login is None else login.username,
                "password": done.secret,
                "expires_at": None if login is None else login.expires_at,
                "validity_s": added.validity_s,
                "time_s": added.time_s,
                "data_bytes": added.data_bytes,
                "credit": added.credit,
            }
        )


@click.command("hotspot")
@click.argument("customer_code", metavar="CUSTOMER")
@click.argument("plan_name", metavar="PLAN")
@tenant_option
@json_option
def hotspot_login(customer_code: str, plan_name: str, tenant: str | None) -> None:
    """Make a hotspot login for CUSTOMER on PLAN: a short name and a password to read out."""
    with work(tenant) as job:
        issued = job.do(
            hotspot.generate, customer_id=_customer(job, customer_code), service_plan_id=_plan(job, plan_name) or 0
        )
        row = issued.row
        show_fields({"username": row.username, "password": issued.secret, "expires_at": row.expires_at})


def _plan(job: Work, name: str | None) -> int | None:
    return None if name is None else job.found(plan_named(job.session, name, tenant_id=job.tenant_id), "plan").id


def _customer(job: Work, code: str) -> int:
    return job.found(customer_named(job.session, code, tenant_id=job.tenant_id), "customer").id


def _operator(job: Work, name: str | None) -> int | None:
    if name is None:
        return None
    found = {text.lower(): number for number, text in operator_choices(job.session, job.tenant_id)}
    return job.found(found.get(name.lower()), "operator")


def _batch(job: Work, name: str) -> VoucherBatch:
    return job.found(batch_named(job.session, name, tenant_id=job.tenant_id), "batch")


def _set_disabled(code: str | None, batch: str | None, tenant: str | None, *, disabled: bool) -> None:
    if (code is None) == (batch is None):
        raise click.UsageError("name a CODE, or a batch with --batch")
    with work(tenant) as job:
        if batch is not None:
            done = job.do(vouchers.set_batch_disabled, batch_id=_batch(job, batch).id, disabled=disabled)
            data = {"batch": done.batch.name, "changed": done.changed, "session_changes": list(done.effect.change_ids)}
            what = "disabled" if disabled else "given back"
            emit(data, [f"{done.changed} vouchers of {done.batch.name} {what}; {done.effect}."])
            return
        row = job.found(voucher_by_code(job.session, code or "", tenant_id=job.tenant_id), "voucher")
        changed = job.do(vouchers.set_disabled, voucher_id=row.id, disabled=disabled)
        show_fields(_voucher(changed.row))


def _voucher(row: Voucher) -> dict[str, Any]:
    return {"id": row.id, "batch": row.batch_name, **{name: getattr(row, name) for name in _SHOWN}}


def _batches(job: Work, rows: list[VoucherBatch]) -> list[dict[str, Any]]:
    counts = counts_of(job.session, [row.id for row in rows])
    return [
        {
            "id": row.id,
            "name": row.name,
            "kind": row.kind,
            "plan": None if row.plan is None else row.plan.name,
            "credit": row.credit,
            "price": row.price,
            "operator": None if row.operator is None else row.operator.name,
            "commission_percent": row.commission_percent,
            **{name: getattr(row, name) for name in _TERMS},
            "total": counts[row.id].total,
            "unused": counts[row.id].states.get("unused", 0),
            "sold": counts[row.id].sold,
        }
        for row in rows
    ]
