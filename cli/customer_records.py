"""`lintas customer`: the rest of it: records, tags, contacts, equipment, families, states, imports, exports."""

import sys
from pathlib import Path
from typing import Any

import click

from bss import accounts, customer_export, customer_jobs, customers
from bss.customers import contacts, equipment, tags
from cli.output import emit, json_option, table
from cli.work import Work, show_fields, show_result, tenant_option, work
from db.models import Customer, CustomerJob
from db.queries import customer_jobs as job_reads
from db.queries import customers as reads
from db.queries.customer_lists import BALANCES, CustomerFilter, customer_spending, customer_statistics
from db.queries.lists import AuditFilter, page_of_audit
from db.queries.named import customer_named, plan_called
from db.queries.paging import Wanted
from domain.customer_jobs import BULK_ACTIONS
from domain.customer_record import CONTACT_TYPES, CUSTOMER_TYPES, EQUIPMENT_TYPES, GENDERS
from domain.lifecycle import CUSTOMER_STATUSES
from domain.spreadsheet import as_csv

who = click.argument("name", metavar="CUSTOMER")
_TEXTS = (
    "phone", "whatsapp", "email", "address", "apartment-number", "house-number", "city", "province", "postal-code",
    "country", "location", "company-name", "tax-id", "notes",
)  # fmt: skip


def record_options(command: Any) -> Any:
    """The fields of a customer's record, each as an option."""
    for text in reversed(_TEXTS):
        command = click.option(f"--{text}")(command)
    for option in (
        click.option("--birth-date", type=click.DateTime(["%Y-%m-%d"])),
        click.option("--gender", type=click.Choice(GENDERS)),
        click.option("--type", "customer_type", type=click.Choice(CUSTOMER_TYPES)),
        click.option("--latitude", type=float),
        click.option("--longitude", type=float),
    ):
        command = option(command)
    return command


def given_fields(given: dict[str, Any]) -> dict[str, Any]:
    """Those that were given, as the use-cases take them; an empty text empties the field."""
    found = {name: value for name, value in given.items() if value is not None}
    if "birth_date" in found:
        found["birth_date"] = found["birth_date"].date()
    return {name: None if value == "" and name != "notes" else value for name, value in found.items()}


@click.command("add")
@click.argument("name")
@record_options
@click.option("--tag", "tag_words", multiple=True, help="A tag; repeat it for each.")
@click.option("--parent", help="The customer at the head of his family.")
@click.option("--referred-by", metavar="CODE", help="Referral or customer code of who recommended him.")
@click.option("--initial-balance", metavar="AMOUNT", help="What he brings along: credit, or with a minus a debt.")
@click.option("--username", help="Adds the first subscription in the same step.")
@click.option("--plan", "plan_name", metavar="PLAN")
@click.option("--password-file", type=click.File(), help="File with the password; without it one is made and shown.")
@tenant_option
@json_option
def add_customer(
    name: str,
    tag_words: tuple[str, ...],
    parent: str | None,
    referred_by: str | None,
    initial_balance: str | None,
    username: str | None,
    plan_name: str | None,
    password_file: Any,
    tenant: str | None,
    **given: Any,
) -> None:
    """Add a customer called NAME, with --username and --plan in the same step his first subscription."""
    with work(tenant) as job:
        record = given_fields(given) | {"name": name, "tags": list(tag_words), "referred_by": referred_by}
        if parent is not None:
            record["parent_customer_id"] = customer_of(job, parent).id
        service = None if username is None else _service(job, username, plan_name, password_file)
        made = job.do(accounts.create, customer=record, subscription=service, initial_balance=initial_balance)
        data = {"id": made.customer.id, "code": made.customer.customer_code, "name": made.customer.name}
        if made.issued is not None:
            data |= {"username": made.issued.row.username, "secret": made.issued.secret}
    lines = [f"{data['code']}  {data['name']} (id {data['id']})"]
    emit(data, lines + ([f"{data['username']}  {data['secret']}"] if "secret" in data else []))


def _service(job: Work, username: str, plan_name: str | None, password_file: Any) -> dict[str, Any]:
    plan = job.found(plan_called(job.session, plan_name or "", tenant_id=job.tenant_id), "plan")
    password = None if password_file is None else password_file.read().rstrip("\n")
    return {"username": username, "service_plan_id": plan.id, "password": password}


@click.command("edit")
@who
@click.option("--name", "new_name")
@record_options
@tenant_option
@json_option
def edit_customer(name: str, new_name: str | None, tenant: str | None, **given: Any) -> None:
    """Change fields of a customer; an empty text empties one."""
    with work(tenant) as job:
        changes = given_fields(given) | ({} if new_name is None else {"name": new_name})
        row = customer_of(job, name)
        job.do(customers.edit, customer_id=row.id, changes=changes)
        show_fields(whole(job, row))


@click.command("show")
@who
@tenant_option
@json_option
def show_customer(name: str, tenant: str | None) -> None:
    """One customer with the whole record."""
    with work(tenant) as job:
        show_fields(whole(job, customer_of(job, name)))


@click.command("block")
@who
@click.argument("status", type=click.Choice(customers.BLOCKING_STATUSES))
@click.option("--reason", default="", help="Why; kept with the change.")
@tenant_option
@json_option
def block_customer(name: str, status: str, reason: str, tenant: str | None) -> None:
    """Refuse all logins of a customer and end the sessions, as STATUS."""
    with work(tenant) as job:
        result = job.do(customers.block, customer_id=customer_of(job, name).id, status=status, reason=reason)
    show_result("Blocked", result)


@click.command("delete")
@who
@click.confirmation_option(prompt="This hides the customer and ends his sessions. Go on?")
@tenant_option
@json_option
def delete_customer(name: str, tenant: str | None) -> None:
    """Hide a customer and his subscriptions; `restore` takes it back."""
    with work(tenant) as job:
        result = job.do(customers.delete, customer_id=customer_of(job, name).id)
    show_result("Deleted", result)


@click.command("restore")
@click.argument("customer_id", type=click.IntRange(1), metavar="ID")
@tenant_option
@json_option
def restore_customer(customer_id: int, tenant: str | None) -> None:
    """Bring a deleted customer back by id; his subscriptions stay suspended."""
    with work(tenant) as job:
        result = job.do(customers.restore, customer_id=customer_id)
    show_result("Restored", result, code=result.row.customer_code)


@click.command("statistics")
@tenant_option
@json_option
def statistics(tenant: str | None) -> None:
    """How many customers there are and what they owe."""
    with work(tenant) as job:
        found = customer_statistics(job.session, tenant_id=job.tenant_id)
        found |= customer_spending(job.session, tenant_id=job.tenant_id)
        show_fields({name: str(value) for name, value in found.items()})


@click.command("activity")
@who
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))
@tenant_option
@json_option
def activity(name: str, limit: int, tenant: str | None) -> None:
    """What was done to a customer and his subscriptions, newest first."""
    with work(tenant) as job:
        fits = AuditFilter(customer_id=customer_of(job, name).id)
        wanted = Wanted(sort="-created_at", page_size=limit)
        page = page_of_audit(job.session, tenant_id=job.tenant_id, fits=fits, wanted=wanted)
        rows = [{"at": row.created_at.isoformat(), "by": row.actor_name, "what": row.action} for row in page.items]
    emit({"items": rows}, table([list(row.values()) for row in rows], ("at", "by", "what")))


@click.command("family")
@who
@click.option("--parent", metavar="CUSTOMER", help="Becomes a member of this one's family.")
@click.option("--alone", is_flag=True, help="Stands alone again.")
@tenant_option
@json_option
def family_of(name: str, parent: str | None, alone: bool, tenant: str | None) -> None:
    """The members of a customer's family; with --parent or --alone changed first."""
    with work(tenant) as job:
        row = customer_of(job, name)
        if parent is not None or alone:
            head = None if parent is None else customer_of(job, parent).id
            job.do(customers.set_parent, customer_id=row.id, parent_customer_id=head)
        members = reads.children_of(job.session, row.parent_customer_id or row.id)
        rows = [{"code": one.customer_code, "name": one.name, "status": one.status} for one in members]
    emit({"items": rows}, table([list(one.values()) for one in rows], ("code", "name", "status")))


@click.group("tag")
def tag_group() -> None:
    """Words on customers."""


@tag_group.command("add")
@who
@click.argument("tag")
@click.option("--color", help="#007bff, or a word like blue.")
@tenant_option
@json_option
def add_tag(name: str, tag: str, color: str | None, tenant: str | None) -> None:
    """Put TAG on a customer."""
    with work(tenant) as job:
        row = job.do(tags.add, customer_id=customer_of(job, name).id, tag=tag, color=color)
        emit({"tag": row.tag, "color": row.color}, [f"{row.tag} {row.color}"])


@tag_group.command("remove")
@who
@click.argument("tag")
@tenant_option
@json_option
def remove_tag(name: str, tag: str, tenant: str | None) -> None:
    """Take TAG away."""
    with work(tenant) as job:
        job.do(tags.remove, customer_id=customer_of(job, name).id, tag=tag)
    emit({"message": "removed"}, ["Removed."])


@tag_group.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200))
@tenant_option
@json_option
def list_tags(limit: int, tenant: str | None) -> None:
    """The most used tags."""
    with work(tenant) as job:
        rows = reads.popular_tags(job.session, tenant_id=job.tenant_id, limit=limit)
    data = [{"tag": tag, "color": color, "customers": count} for tag, color, count in rows]
    emit({"items": data}, table(rows, ("tag", "color", "customers")))


@click.group("contact")
def contact_group() -> None:
    """More ways to reach a customer."""


@contact_group.command("list")
@who
@tenant_option
@json_option
def list_contacts(name: str, tenant: str | None) -> None:
    """A customer's further contacts."""
    with work(tenant) as job:
        found = reads.contacts_of(job.session, customer_of(job, name).id)
        rows = [
            {"id": row.id, "type": row.type, "value": row.value, "primary": row.is_primary, "notes": row.notes}
            for row in found
        ]
    emit({"items": rows}, table([list(row.values()) for row in rows], ("id", "type", "value", "primary", "notes")))


@contact_group.command("add")
@who
@click.argument("kind", type=click.Choice(CONTACT_TYPES))
@click.argument("value")
@click.option("--primary", is_flag=True)
@click.option("--notes", default="")
@tenant_option
@json_option
def add_contact(name: str, kind: str, value: str, primary: bool, notes: str, tenant: str | None) -> None:
    """Add a contact."""
    with work(tenant) as job:
        given = {"kind": kind, "value": value, "is_primary": primary, "notes": notes}
        row = job.do(contacts.add, customer_id=customer_of(job, name).id, **given)
        emit({"id": row.id, "value": row.value}, [f"{row.value} (id {row.id})"])


@contact_group.command("remove")
@who
@click.argument("contact_id", type=click.IntRange(1))
@tenant_option
@json_option
def remove_contact(name: str, contact_id: int, tenant: str | None) -> None:
    """Take a contact away."""
    with work(tenant) as job:
        job.do(contacts.remove, customer_id=customer_of(job, name).id, contact_id=contact_id)
    emit({"message": "removed"}, ["Removed."])


@click.group("equipment")
def equipment_group() -> None:
    """What stands at a customer's place."""


@equipment_group.command("list")
@who
@tenant_option
@json_option
def list_equipment(name: str, tenant: str | None) -> None:
    """A customer's equipment."""
    with work(tenant) as job:
        found = reads.equipment_of(job.session, customer_of(job, name).id)
        rows = [
            {
                "id": row.id,
                "name": row.device_name,
                "type": row.device_type,
                "mac": str(row.mac_address or ""),
                "ip": str(row.ip_address or ""),
                "primary": row.is_primary,
            }
            for row in found
        ]
    emit({"items": rows}, table([list(row.values()) for row in rows], ("id", "name", "type", "mac", "ip", "primary")))


@equipment_group.command("add")
@who
@click.argument("device_name")
@click.option("--type", "device_type", type=click.Choice(EQUIPMENT_TYPES), default="other", show_default=True)
@click.option("--mac", "mac_address")
@click.option("--ip", "ip_address")
@click.option("--manufacturer")
@click.option("--model")
@tenant_option
@json_option
def add_equipment(name: str, device_name: str, tenant: str | None, **given: Any) -> None:
    """Add a piece called DEVICE_NAME."""
    with work(tenant) as job:
        row = job.do(equipment.add, customer_id=customer_of(job, name).id, device_name=device_name, **given)
        emit({"id": row.id}, [f"{row.device_name} (id {row.id})"])


@equipment_group.command("remove")
@who
@click.argument("equipment_id", type=click.IntRange(1))
@tenant_option
@json_option
def remove_equipment(name: str, equipment_id: int, tenant: str | None) -> None:
    """Take a piece away."""
    with work(tenant) as job:
        job.do(equipment.remove, customer_id=customer_of(job, name).id, equipment_id=equipment_id)
    emit({"message": "removed"}, ["Removed."])


# --- many at once -------------------------------------------------------------------------------------------------


def filter_options(command: Any) -> Any:
    """The filters of the customer list, each as an option."""
    for option in (
        click.option("--search", help="Part of name, code, number, e-mail or username."),
        click.option("--status", type=click.Choice(CUSTOMER_STATUSES)),
        click.option("--type", "customer_type", type=click.Choice(CUSTOMER_TYPES)),
        click.option("--city"),
        click.option("--tag", "tag_words", multiple=True, help="Any of these tags."),
        click.option("--balance", "balance_filter", type=click.Choice(BALANCES)),
    ):
        command = option(command)
    return command


def given_filter(given: dict[str, Any]) -> CustomerFilter:
    """The filter that the options say."""
    words = given.pop("tag_words")
    return CustomerFilter(**given, tags=tuple(words) or None)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would become of each row, and write nothing.")
@click.option("--keep-duplicates", is_flag=True, help="Also rows whose name is known at its address.")
@tenant_option
@json_option
def import_customers(file: Path, dry_run: bool, keep_duplicates: bool, tenant: str | None) -> None:
    """Add the customers of a CSV FILE, here and now."""
    with work(tenant) as job:
        given = {"content": file.read_bytes(), "file_name": file.name, "check_duplicates": not keep_duplicates}
        started = job.do(customer_jobs.start_import, dry_run=dry_run, **given)
        _run(job, started)
        _tell(job, started)


@click.command("bulk")
@click.argument("action", type=click.Choice(BULK_ACTIONS))
@filter_options
@click.option("--customer", "names", multiple=True, metavar="CUSTOMER", help="One of them; instead of a filter.")
@click.option("--reason", default="")
@click.option("--put-tag", "tag", help="For add_tag and remove_tag.")
@click.option("--plan", "plan_name", metavar="PLAN", help="For change_plan.")
@click.confirmation_option(prompt="This concerns all customers that fit. Go on?")
@tenant_option
@json_option
def act_on_many(
    action: str,
    names: tuple[str, ...],
    reason: str,
    tag: str | None,
    plan_name: str | None,
    tenant: str | None,
    **given: Any,
) -> None:
    """Do ACTION to the customers that are named or that a filter finds, here and now."""
    with work(tenant) as job:
        arguments: dict[str, Any] = {"reason": reason} if reason else {}
        if tag is not None:
            arguments["tag"] = tag
        if plan_name is not None:
            found = job.found(plan_called(job.session, plan_name, tenant_id=job.tenant_id), "plan")
            arguments["service_plan_id"] = found.id
        fits = given_filter(given)
        if not names and fits == CustomerFilter():
            raise click.ClickException("name customers, or a filter")
        ids = [customer_of(job, name).id for name in names] or None
        chosen = {"customer_ids": ids, "fits": fits if ids is None else None}
        started = job.do(customer_jobs.start_bulk, action=action, arguments=arguments, **chosen)
        _run(job, started)
        _tell(job, started)


@click.command("export")
@filter_options
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; standard output without it.")
@tenant_option
@json_option
def export_customers(output: Path | None, tenant: str | None, **given: Any) -> None:
    """The customers that fit as CSV."""
    with work(tenant) as job:
        rows = job.do(customer_export.rows, fits=given_filter(given), as_what="csv")
        if output is None:
            sys.stdout.write(as_csv(rows))
            return
        with output.open("w", encoding="utf-8-sig", newline="") as file:
            count = sum(1 for row in rows if file.write(as_csv([row])))
    emit({"customers": count - 1, "file": str(output)}, [f"{count - 1} customers in {output}"])


@click.command("jobs")
@tenant_option
@json_option
def list_jobs(tenant: str | None) -> None:
    """The last imports and actions on many, with what failed in how many."""
    with work(tenant) as job:
        rows = [_job(row) for row in job_reads.jobs_of(job.session, job.tenant_id)]
    head = ("id", "action", "state", "total", "done", "failed", "requested_by", "started_at")
    emit({"items": rows}, table([[row[name] for name in head] for row in rows], head))


def _run(job: Work, started: CustomerJob) -> None:
    job.session.commit()
    while customer_jobs.step(job.session, now=job.now, job_id=started.id) is not None:
        job.session.commit()


def _tell(job: Work, started: CustomerJob) -> None:
    job.session.refresh(started)
    rows = list(customer_jobs.error_rows(job.session, started))[1:]
    errors = [{"row": row[0], "error": row[1]} for row in rows]
    counted = f"{started.done} of {started.total} {'would be' if started.action == 'preview' else 'were'} done, "
    emit(
        _job(started) | {"errors": errors},
        [f"{counted}{started.failed} failed", *(f"row {e['row']}: {e['error']}" for e in errors)],
    )


def _job(row: CustomerJob) -> dict[str, Any]:
    names = ("id", "kind", "action", "state", "file_name", "total", "done", "failed", "requested_by", "started_at")
    return {name: getattr(row, name) for name in names} | {"started_at": row.started_at.isoformat()}


# --- rows ---------------------------------------------------------------------------------------------------------


def customer_of(job: Work, name: str) -> Customer:
    """The customer called so, or an end with a sentence."""
    return job.found(customer_named(job.session, name, tenant_id=job.tenant_id), "customer")


def whole(job: Work, row: Customer) -> dict[str, Any]:
    """The record as a command shows it, without the number of the identity card."""
    names = (
        "id", "customer_code", "name", "status", "suspend_reason", "phone", "whatsapp", "email", "address",
        "apartment_number", "house_number", "city", "province", "postal_code", "country", "location", "latitude",
        "longitude", "birth_date", "gender", "company_name", "tax_id", "customer_type", "language", "notes", "balance",
        "credit_limit", "referral_code", "operator_id", "parent_customer_id", "referred_by_id", "registration_date",
        "version",
    )  # fmt: skip
    shown = {name: getattr(row, name) for name in names}
    plain = {
        name: value if value is None or isinstance(value, int | str) else str(value) for name, value in shown.items()
    }
    words = [tag.tag for tag in reads.tags_of(job.session, [row.id]).get(row.id, [])]
    return plain | {"code": row.customer_code, "tags": ", ".join(words)}


COMMANDS = (
    add_customer, edit_customer, show_customer, block_customer, delete_customer, restore_customer, statistics, activity,
    family_of, tag_group, contact_group, equipment_group, import_customers, act_on_many, export_customers, list_jobs,
)  # fmt: skip
