"""`lintas customer registration`: customers who are added in the background."""

from typing import Any

import click

from bss import registrations
from cli.customer_records import customer_of, given_fields, record_options
from cli.output import json_option, table
from cli.work import limit_option, newest, show_fields, show_list, tenant_option, work
from db.models import CustomerRegistration
from db.queries.named import plan_called
from db.queries.registrations import page_of_registrations
from domain.customer_media import REGISTRATION_STATES


@click.group("registration")
def registration_group() -> None:
    """Customers who are added in the background, tried again when the system could not."""


@registration_group.command("add")
@click.argument("name")
@record_options
@click.option("--tag", "tags", multiple=True, help="A tag; repeat it for each.")
@click.option("--parent", help="The customer at the head of his family.")
@click.option("--username", help="Adds the first subscription too.")
@click.option("--plan", "plan_name", metavar="PLAN")
@click.option("--password-file", type=click.File(), help="File with the password of the subscription.")
@click.option("--key", "request_key", help="The same key is the same registration, however often it is sent.")
@tenant_option
@json_option
def add_registration(
    name: str,
    tags: tuple[str, ...],
    parent: str | None,
    username: str | None,
    plan_name: str | None,
    password_file: Any,
    request_key: str | None,
    tenant: str | None,
    **given: Any,
) -> None:
    """Have a customer called NAME added; 'show' says what came of it."""
    if username is not None and password_file is None:
        raise click.UsageError("a subscription in the background needs --password-file: there is nobody to show one to")
    with work(tenant) as job:
        customer = given_fields(given) | {"name": name, "tags": list(tags)}
        if parent is not None:
            customer["parent_customer_id"] = customer_of(job, parent).id
        asked: dict[str, Any] = {"customer": customer}
        if username is not None:
            plan = job.found(plan_called(job.session, plan_name or "", tenant_id=job.tenant_id), "plan")
            password = password_file.read().rstrip("\n")
            asked["subscription"] = {"username": username, "service_plan_id": plan.id, "password": password}
        shown = _shown(job.do(registrations.ask, asked=asked, request_key=request_key))
    show_fields(shown)


@registration_group.command("list")
@click.option("--state", type=click.Choice(REGISTRATION_STATES))
@limit_option
@tenant_option
@json_option
def list_registrations(state: str | None, limit: int, tenant: str | None) -> None:
    """Who is to be added and what came of it, newest first."""
    with work(tenant) as job:
        wanted = newest(limit, "-created_at")
        page = page_of_registrations(job.session, tenant_id=job.tenant_id, state=state, wanted=wanted)
        rows = [_shown(row) for row in page.items]
    head = ("id", "name", "state", "tries", "customer_id", "problem")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@registration_group.command("show")
@click.argument("registration_id", type=click.IntRange(1))
@tenant_option
@json_option
def show_registration(registration_id: int, tenant: str | None) -> None:
    """One registration by its id."""
    with work(tenant) as job:
        shown = _shown(registrations.get(job.session, actor=job.actor, registration_id=registration_id))
    show_fields(shown)


@registration_group.command("repeat")
@click.argument("registration_id", type=click.IntRange(1))
@tenant_option
@json_option
def repeat_registration(registration_id: int, tenant: str | None) -> None:
    """Let one that failed be tried again."""
    with work(tenant) as job:
        shown = _shown(job.do(registrations.repeat, registration_id=registration_id))
    show_fields(shown)


def _shown(row: CustomerRegistration) -> dict[str, Any]:
    names = ("id", "name", "state", "tries", "problem", "customer_id", "requested_by")
    moments = ("created_at", "next_try_at", "finished_at")
    times = {name: getattr(row, name) for name in moments}
    return {name: getattr(row, name) for name in names} | {
        name: None if value is None else value.isoformat(timespec="seconds") for name, value in times.items()
    }
