"""`lintas operator`: resellers, whose staff somebody is, and customers who change hands."""

from decimal import Decimal
from typing import Any

import click

from bss import operators, transfers
from cli.output import emit, json_option, table
from cli.work import Work, tenant_option, work
from db.models import CustomerTransfer, Operator
from db.queries import operators as reads
from db.queries.named import customer_named
from db.queries.staff import find_user_by_email
from domain.operators import MOST_LEVEL

PROVIDER = "provider"
named = click.argument("name", metavar="OPERATOR")


@click.group()
def operator() -> None:
    """Operators; one is named by its name or id."""


@operator.command("list")
@tenant_option
@json_option
def list_operators(tenant: str | None) -> None:
    """All operators, by level and name."""
    with work(tenant) as job:
        found = reads.operators_of(job.session, job.tenant_id)
        counts = reads.customers_by_operator(job.session, [row.id for row in found])
        rows = [_shown(row) | {"customers": counts.get(row.id, 0)} for row in found]
    head = ("id", "name", "level", "parent", "commission_rate", "customers", "is_active")
    emit({"items": rows}, table([["" if row[name] is None else row[name] for name in head] for row in rows], head))


@operator.command("add")
@named
@click.option("--level", required=True, type=click.IntRange(1, MOST_LEVEL), help="The lower, the more power.")
@click.option("--parent", metavar="OPERATOR", help="Whoever stands above; the provider without it.")
@click.option("--commission", default="0", help="Percent of what his customers pay.")
@click.option("--phone")
@click.option("--email")
@tenant_option
@json_option
def add_operator(
    name: str, level: int, parent: str | None, commission: str, phone: str | None, email: str | None, tenant: str | None
) -> None:
    """Add an operator."""
    with work(tenant) as job:
        above = None if parent is None else operator_of(job, parent).id
        row = job.do(
            operators.create, name=name, level=level, parent_operator_id=above, commission_rate=commission,
            phone=phone, email=email,
        )  # fmt: skip
        emit(_shown(row), [f"{row.name} (id {row.id})"])


@operator.command("edit")
@named
@click.option("--name", "new_name")
@click.option("--level", type=click.IntRange(1, MOST_LEVEL))
@click.option("--parent", metavar="OPERATOR|provider")
@click.option("--commission")
@click.option("--open/--closed", "is_active", default=None)
@tenant_option
@json_option
def edit_operator(
    name: str,
    new_name: str | None,
    level: int | None,
    parent: str | None,
    commission: str | None,
    is_active: bool | None,
    tenant: str | None,
) -> None:
    """Change an operator."""
    given = {"name": new_name, "level": level, "commission_rate": commission, "is_active": is_active}
    with work(tenant) as job:
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        if parent is not None:
            changes["parent_operator_id"] = _id_of(job, parent)
        row = job.do(operators.edit, operator_id=operator_of(job, name).id, changes=changes).row
        emit(_shown(row), [f"{row.name}: level {row.level}, {row.commission_rate} %"])


@operator.command("remove")
@named
@tenant_option
@json_option
def remove_operator(name: str, tenant: str | None) -> None:
    """Remove an operator whom nothing names."""
    with work(tenant) as job:
        job.do(operators.delete, operator_id=operator_of(job, name).id)
    emit({"message": "removed"}, ["Removed."])


@operator.command("staff")
@click.argument("email")
@click.argument("name", metavar="OPERATOR|provider")
@tenant_option
@json_option
def set_staff(email: str, name: str, tenant: str | None) -> None:
    """Say whose staff the account EMAIL is."""
    with work(tenant) as job:
        user = job.found(find_user_by_email(job.session, email), "account")
        job.do(operators.set_staff, user_id=user.id, operator_id=_id_of(job, name))
    emit({"email": email, "operator": name}, [f"{email} is staff of {name}."])


@operator.command("transfer")
@click.argument("customer", metavar="CUSTOMER")
@click.argument("name", metavar="OPERATOR|provider")
@click.option("--note", default="")
@tenant_option
@json_option
def transfer(customer: str, name: str, note: str, tenant: str | None) -> None:
    """Give a customer, with his family, to an operator; the command line agrees for both sides."""
    with work(tenant) as job:
        row = job.found(customer_named(job.session, customer, tenant_id=job.tenant_id), "customer")
        given = {"customer_id": row.id, "to_operator_id": _id_of(job, name), "note": note}
        done = job.do(transfers.request, **given).row
        emit(_transfer(done), [f"{row.name}: {done.status}"])


@operator.command("transfers")
@click.option("--open", "only_open", is_flag=True, help="Only those that wait for somebody.")
@tenant_option
@json_option
def list_transfers(only_open: bool, tenant: str | None) -> None:
    """Customers on their way, newest first."""
    with work(tenant) as job:
        found = reads.transfers_of(job.session, job.tenant_id, only_open=only_open)
        rows = [_transfer(row) for row in found]
    head = ("id", "customer_id", "from", "to", "status", "requested_by")
    emit({"items": rows}, table([[row[name] or "" for name in head] for row in rows], head))


def _id_of(job: Work, name: str) -> int | None:
    return None if name == PROVIDER else operator_of(job, name).id


def operator_of(job: Work, name: str) -> Operator:
    """The operator called so, or an end with a sentence."""
    rows = reads.operators_of(job.session, job.tenant_id)
    found = [row for row in rows if row.name.lower() == name.lower() or str(row.id) == name]
    return job.found(found[0] if found else None, "operator")


def _shown(row: Operator) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "level": row.level,
        "parent": row.parent_operator_id,
        "commission_rate": str(Decimal(row.commission_rate)),
        "is_active": row.is_active,
    }


def _transfer(row: CustomerTransfer) -> dict[str, Any]:
    return {
        "id": row.id,
        "customer_id": row.customer_id,
        "from": row.from_operator_id,
        "to": row.to_operator_id,
        "status": row.status,
        "requested_by": row.requested_by,
    }
