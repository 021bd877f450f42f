"""`lintas coa`: look at changes on their way to live sessions, send what is due, ask for a change by hand."""

import getpass
import re
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from cli.coa_bulk import bulk, show_refusals
from cli.output import emit, json_option, table
from domain.live_change import OUTCOMES, WAITING
from domain.speed import Speed, render_rate_limit

if TYPE_CHECKING:
    import psycopg

    from db.queries.outbox import ChangeView

_LONGEST_WAIT_S = 60.0
_LOOK_EVERY_S = 0.05
_RATE = re.compile(r"(?P<number>\d{1,9})(?P<unit>[kKmM])")


@click.group()
def coa() -> None:
    """Changes on their way to live sessions."""


@coa.command("drain")
@json_option
def drain_now() -> None:
    """Send what is due now, in this process, without the queue."""
    from coa.drain import sweep
    from runtime.settings import get_settings

    with _connect() as connection:
        counts = sweep(connection, clock=_now, bind=get_settings().coa_bind).as_dict()
    emit(counts, [", ".join(f"{name} {count}" for name, count in counts.items())])


@coa.command("see")
@json_option
def see_now() -> None:
    """Look now whether what was acknowledged is so, and do through routers' APIs what RADIUS could not."""
    from coa.seeing import see

    with _connect() as connection:
        counts = see(connection, clock=_now).as_dict()
    emit(counts, [", ".join(f"{name} {count}" for name, count in counts.items())])


@coa.command("list")
@click.option("--status", type=click.Choice(list(OUTCOMES)), help="Only changes of this outcome.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
def list_changes(status: str | None, limit: int) -> None:
    """The latest changes, newest first."""
    from db.queries.outbox import latest_changes

    with _connect() as connection:
        _show(latest_changes(connection, outcome=status, limit=limit))


@coa.command("report")
@click.option("--hours", type=click.IntRange(1, 24 * 90), default=24, show_default=True)
@json_option
def show_report(hours: int) -> None:
    """How long changes took from their cause to the packet and to the router's yes, which is no proof yet."""
    from coa.report import latency

    now = _now()
    with _connect() as connection:
        figures = latency(connection, since=now - timedelta(hours=hours), until=now).as_dict()
    emit(figures, [f"{name}: {'-' if value is None else round(value, 1)}" for name, value in figures.items()])


@coa.command("send")
@click.option("--user", "username", required=True, help="Username whose running sessions are meant.")
@click.option("--tenant", help="The provider's short name, when several have this username.")
@click.option("--disconnect", is_flag=True, help="End the sessions; the customer dials in again.")
@click.option("--rate", help="New speed as the customer sees it, DOWNLOAD/UPLOAD, such as 20M/5M or 512k/512k.")
@click.option("--wait", type=click.FloatRange(0, _LONGEST_WAIT_S), default=10.0, show_default=True, help="Seconds.")
@json_option
def send_change(username: str, tenant: str | None, disconnect: bool, rate: str | None, wait: float) -> None:
    """Ask for a change to the running sessions of a user; it lasts until the next login.

    The change goes through the outbox like every other, so a running worker sends it.
    """
    from db.queries.outbox import change_status
    from runtime.tasks import nudge_coa

    if disconnect == (rate is not None):
        raise click.UsageError("give either --disconnect or --rate")
    attributes = {} if rate is None else {"Mikrotik-Rate-Limit": _rate_limit(rate)}
    with _connect() as connection:
        ids = _enqueue(connection, username=username, tenant=tenant, attributes=attributes)
        nudge_coa()
        _wait(connection, ids, seconds=wait)
        _show(change_status(connection, ids))


coa.add_command(bulk)
coa.add_command(show_refusals)


def _enqueue(
    connection: "psycopg.Connection[Any]", *, username: str, tenant: str | None, attributes: dict[str, str]
) -> list[int]:
    from db.queries.live_changes import enqueue_change
    from db.queries.outbox import open_sessions_of

    with connection.transaction():
        sessions = open_sessions_of(connection, username=username, tenant=tenant)
        if not sessions:
            raise click.ClickException(f"{username} has no running session")
        if len(set(sessions.values())) > 1:
            raise click.ClickException(f"several providers have {username}; name one with --tenant")
        ids = enqueue_change(
            connection,
            kind="coa" if attributes else "disconnect",
            reason="staff",
            requested_by=f"command line: {getpass.getuser()}",
            now=_now(),
            sessions=list(sessions),
            strangers=not attributes,
            attributes=attributes,
        )
    if not ids:
        raise click.ClickException(f"{username} is being disconnected already")
    return ids


def _wait(connection: "psycopg.Connection[Any]", ids: list[int], *, seconds: float) -> None:
    from db.queries.outbox import change_status

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(c.status in WAITING for c in change_status(connection, ids)):
        time.sleep(_LOOK_EVERY_S)


def _rate_limit(text: str) -> str:
    """RouterOS's order is the other way round; that is settled in one place, `domain.speed`."""
    halves = [_RATE.fullmatch(half) for half in text.split("/")]
    if len(halves) != 2 or None in halves:
        raise click.BadParameter("say DOWNLOAD/UPLOAD, such as 20M/5M or 512k/512k", param_hint="--rate")
    download, upload = (int(m["number"]) * (1000 if m["unit"] in "mM" else 1) for m in halves if m)
    try:
        limit = render_rate_limit(Speed(download_kbps=download, upload_kbps=upload))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--rate") from error
    if limit is None:
        raise click.BadParameter(
            "a speed of 0 means no limit, which a running session cannot be given", param_hint="--rate"
        )
    return limit


def _show(changes: "list[ChangeView]") -> None:
    head = ("id", "user", "router", "kind", "reason", "outcome", "tries", "cause", "ms")
    rows = [
        (c.id, c.username, c.router, c.kind, c.reason, c.outcome, c.attempts, c.error_cause or "", c.latency_ms or "")
        for c in changes
    ]
    emit(
        [asdict(change) | {"outcome": change.outcome, "result": change.result} for change in changes],
        table(rows, head),
    )


def _connect() -> "psycopg.Connection[Any]":
    from coa.connection import connect
    from runtime.settings import get_settings

    return connect(get_settings().database_url)


def _now() -> datetime:
    return datetime.now(UTC)
