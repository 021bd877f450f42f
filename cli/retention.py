"""`lintas retention` and `lintas archive`: how long records are kept, and the months that have left."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import psycopg

from accounting import retirement as months_out
from accounting.retirement import ArchiveError
from bss import retention as use
from cli.output import emit, json_option, table
from cli.work import tenant_option, work
from db.queries import archives
from db.queries.archives import Archive
from domain.retirement import MOST_MONTHS, WrongMove
from runtime.settings import get_settings

ResultT = TypeVar("ResultT")


@click.group()
def retention() -> None:
    """How many months of records are kept; a setting of the whole installation."""


@retention.command("show")
@tenant_option
@json_option
def show(tenant: str | None) -> None:
    """What is kept for how long, and which months would leave tonight."""
    with work(tenant) as job:
        kept = use.settings_of(job.session)
        due = use.books(job.session, now=job.now).due
    rows = [{"kind": one.kind, "what": one.what, "months": one.months} for one in kept]
    lines = table([(row["kind"], row["months"] or "all", row["what"]) for row in rows], ("KIND", "MONTHS", "WHAT"))
    told = [f"tonight: {month.name} leaves, {month.size_bytes >> 20} MB" for month in due]
    emit({"kept": rows, "due": [month.name for month in due]}, [*lines, *told])


@retention.command("set")
@click.argument("kind", type=click.Choice(list(use.KINDS)))
@click.argument("months", metavar="MONTHS|all")
@tenant_option
@json_option
def set_months(kind: str, months: str, tenant: str | None) -> None:
    """Keep so many full MONTHS of a KIND besides the running one, or all of them."""
    if months != "all" and not months.isdecimal():
        raise click.UsageError(f"MONTHS is a number up to {MOST_MONTHS}, or 'all'")
    with work(tenant) as job:
        kept = job.do(use.change, kind=kind, months=None if months == "all" else int(months))
    emit({"kind": kept.kind, "months": kept.months}, [f"{kept.kind}: {kept.months or 'all'} months are kept."])


@click.group()
def archive() -> None:
    """Months that left the live tables, each in a file of its own."""


@archive.command("list")
@json_option
def list_archives() -> None:
    """Every month that left, and where it is."""
    with closing(_connect()) as connection:
        rows = [_plain(one) for one in archives.all_archives(connection)]
    head = ("name", "state", "rows", "rows_back", "file_bytes", "node", "file", "problem")
    lines = table([["" if row[name] is None else row[name] for name in head] for row in rows], head)
    emit(rows, lines if rows else ["no month has left"])


@archive.command("verify")
@click.argument("name", metavar="MONTH")
@json_option
def verify(name: str) -> None:
    """Read a month's file and compare it with what was written."""
    with closing(_connect()) as connection:
        found = archives.archive_named(connection, name)
    if found is None:
        raise click.ClickException(f"no month called {name} has left; 'lintas archive list' shows them")
    rows = _or_sentence(lambda: months_out.verify(found, get_settings().archive_folder))
    emit({"name": name, "rows": rows, "sha256": found.sha256}, [f"{name}: {rows:,} rows, whole"])


@archive.command("restore")
@click.argument("name", metavar="MONTH")
@click.option("--ask", is_flag=True, help="Let the node that has the file do it; 'lintas archive list' says how far.")
@tenant_option
@json_option
def restore(name: str, ask: bool, tenant: str | None) -> None:
    """Put a month back into the live table from its file, for thirty days.

    It is done here and now, where the file is; with --ask by that node's jobs, as from the panel.
    """
    if ask:
        with work(tenant) as job:
            asked = job.do(use.ask_back, name=name)
        emit(_plain(asked), [f"{name} is asked for: {asked.node} brings it back"])
        return
    with closing(_connect()) as connection:
        folder, now = get_settings().archive_folder, datetime.now(UTC)
        back = _or_sentence(lambda: months_out.restore(connection, name, folder=folder, now=now))
    until = "" if back.kept_until is None else f" until {back.kept_until:%Y-%m-%d}"
    emit(_plain(back), [f"{name}: {back.rows or 0:,} rows are back{until}"])


def _connect() -> psycopg.Connection[Any]:
    return psycopg.connect(get_settings().database_url, autocommit=True, connect_timeout=5, options="-c timezone=UTC")


def _or_sentence(do: Callable[[], ResultT]) -> ResultT:
    try:
        return do()
    except (ArchiveError, WrongMove) as error:
        raise click.ClickException(str(error)) from None


def _plain(one: Archive) -> dict[str, Any]:
    names = ("name", "parent", "state", "rows", "file_bytes", "sha256", "node", "file")
    kept_until = None if one.kept_until is None else one.kept_until.isoformat()
    asked = {"asked_by": one.asked_by, "rows_back": one.rows_back, "problem": one.problem}
    return {name: getattr(one, name) for name in names} | {"kept_until": kept_until} | asked
