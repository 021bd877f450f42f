"""`lintas audit`: who did what, and whether the log is as it was written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
import psycopg

from bss import audit_chain
from cli.output import emit, json_option, table
from cli.work import limit_option, newest, show_list, tenant_option, work
from db.queries.lists import AuditFilter, page_of_audit
from runtime.settings import get_settings


@click.group()
def audit() -> None:
    """The audit log: who did what, and whether it is as it was written."""


@audit.command("list")
@click.option("--actor", help="A part of the name of who did it.")
@click.option("--action", help="Such as customer.updated, or customer for all of that kind.")
@click.option("--entity", "entity_type", help="The table concerned, such as subscriptions.")
@click.option("--id", "entity_id", type=click.IntRange(1, 2**63 - 1), help="The row of that table.")
@click.option("--customer", "customer_id", type=click.IntRange(1, 2**63 - 1), help="A customer's number.")
@click.option("--after", type=click.DateTime(["%Y-%m-%d"]), help="From this day on (UTC).")
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), help="Before this day (UTC).")
@limit_option
@tenant_option
@json_option
def list_entries(limit: int, tenant: str | None, **fits: Any) -> None:
    """The newest entries that fit."""
    moments = {name: None if fits[name] is None else fits[name].replace(tzinfo=UTC) for name in ("after", "before")}
    with work(tenant) as job:
        wanted = newest(limit, "-created_at")
        page = page_of_audit(job.session, tenant_id=job.tenant_id, fits=AuditFilter(**(fits | moments)), wanted=wanted)
        rows = [_shown(row) for row in page.items]
    head = ("created_at", "actor_name", "action", "entity_type", "entity_id", "ip")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@audit.command()
@click.option("--head", "heads", multiple=True, help="An end of the chain that was kept elsewhere (number:seal).")
@json_option
def verify(heads: tuple[str, ...]) -> None:
    """Check the whole chain; ends with 1 when a row was changed, removed or put in behind its back."""
    settings = get_settings()
    key = audit_chain.read_key(settings.audit_key)
    known = [*audit_chain.noted_heads(settings.audit_heads), *heads]
    with _connection() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        verdict = audit_chain.verify(connection, key=key, now=datetime.now(UTC), heads=known)
    found = [asdict(one) for one in verdict.findings]
    data = {"is_whole": verdict.is_whole, "checked": verdict.checked, "waiting": verdict.waiting, "head": verdict.head}
    lines = [f"{one['kind']}: {one['sentence']}" for one in found]
    said = "Everything is as it was written" if verdict.is_whole else f"{len(found)} findings"
    emit(
        data | {"findings": found},
        [
            *lines,
            f"{said}: {verdict.checked} links checked, {verdict.waiting} rows not sealed yet.",
            f"Head: {verdict.head}",
        ],
    )
    if not verdict.is_whole:
        raise SystemExit(1)


@audit.command()
@json_option
def head() -> None:
    """The end of the chain, to be kept where this server cannot reach; `verify --head` takes it."""
    with _connection() as connection:
        line = audit_chain.head_line(connection)
    emit({"head": line}, [line])


@contextmanager
def _connection() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        get_settings().database_url,
        connect_timeout=5,
        application_name="lintas audit",
        options="-c timezone=UTC -c statement_timeout=600000",
    ) as connection:
        yield connection


def _shown(row: Any) -> dict[str, Any]:
    names = ("id", "actor_name", "actor_type", "action", "entity_type", "entity_id", "customer_id")
    return {
        **{name: getattr(row, name) for name in names},
        "old_values": row.old_values,
        "new_values": row.new_values,
        "ip": None if row.ip is None else str(row.ip),
        "created_at": row.created_at.isoformat(),
    }
