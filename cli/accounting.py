"""`lintas accounting`: what became of packets, and the records that could not be counted."""

from datetime import timedelta
from typing import Any

import click

from bss import quarantine as use
from bss import silent_sessions
from bss.quarantine import Settled
from cli.output import emit, json_option, table
from cli.work import limit_option, newest, show_fields, show_list, tenant_option, work
from db.queries.quarantine import (
    PutAsideFilter,
    find_put_aside,
    outcome_counts,
    page_of_corrections,
    page_of_put_aside,
)
from domain.quarantine import OUTCOMES, REASONS, STATES

_which = (
    click.argument("ids", nargs=-1, type=click.IntRange(min=1), metavar="[ID]..."),
    click.option("--source", metavar="ADDRESS", help="All that wait from this address."),
    click.option("--reason", type=click.Choice(list(REASONS)), help="All that wait for this reason."),
)


def _named(command: Any) -> Any:
    for option in reversed(_which):
        command = option(command)
    return command


@click.group()
def accounting() -> None:
    """Accounting packets: every one is stored, merged or put aside."""


@accounting.command("records")
@click.option("--days", type=click.IntRange(1, 3660), help="Of so many days back; otherwise ever.")
@tenant_option
@json_option
def records(days: int | None, tenant: str | None) -> None:
    """What became of every packet that was received."""
    with work(tenant) as job:
        since = None if days is None else (job.now - timedelta(days=days)).date()
        counts = outcome_counts(job.session, since=since)
    totals = {outcome: sum(one.records for one in counts if one.outcome == outcome) for outcome in OUTCOMES}
    items = [
        {
            "outcome": one.outcome,
            "reason": one.reason,
            "records": one.records,
            "words": use.outcome_words(one.outcome, one.reason),
        }
        for one in counts
    ]
    data = {"received": sum(totals.values()), **totals, "items": items}
    rows = [(item["records"], item["outcome"], item["reason"], item["words"]) for item in items]
    sums = ", ".join(f"{number} {name}" for name, number in totals.items())
    lines = [f"{data['received']} received: {sums}.", *table(rows, ("RECORDS", "OUTCOME", "REASON", "WHAT THAT IS"))]
    emit(data, lines if counts else ["no packet was counted yet"])


@accounting.command("quarantine")
@click.option("--state", type=click.Choice(STATES), default="waiting", show_default=True)
@click.option("--reason", type=click.Choice(list(REASONS)))
@click.option("--source", metavar="ADDRESS", help="Only what came from this address.")
@limit_option
@tenant_option
@json_option
def quarantine(state: str, reason: str | None, source: str | None, limit: int, tenant: str | None) -> None:
    """Records that could not be counted, newest first."""
    with work(tenant) as job:
        fits = PutAsideFilter(state=state, reason=reason, source=source)
        page = page_of_put_aside(job.session, tenant_id=job.tenant_id, fits=fits, wanted=newest(limit, "-created_at"))
        rows = [_plain(use.row_of(row)) for row in page.items]
    head = ("id", "created_at", "source", "reason", "username", "acct_session_id", "tries")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@accounting.command("show")
@click.argument("record_id", metavar="ID", type=click.IntRange(min=1))
@tenant_option
@json_option
def show(record_id: int, tenant: str | None) -> None:
    """One record that could not be counted: what is wrong with it, and the line itself."""
    with work(tenant) as job:
        found = job.found(find_put_aside(job.session, record_id, tenant_id=job.tenant_id), "record")
        show_fields(_plain(use.row_of(found)))


@accounting.command("replay")
@_named
@tenant_option
@json_option
def replay(ids: tuple[int, ...], source: str | None, reason: str | None, tenant: str | None) -> None:
    """Try records again; the collector does so within seconds."""
    with work(tenant) as job:
        fits = use.wanted(ids=list(ids), source=source, reason=reason)
        done: Settled = job.do(use.replay, fits=fits)
    emit({"records": done.records}, [f"{done.records} records are tried again."])


@accounting.command("dismiss")
@_named
@tenant_option
@json_option
def dismiss(ids: tuple[int, ...], source: str | None, reason: str | None, tenant: str | None) -> None:
    """Let go of records: they are never counted."""
    with work(tenant) as job:
        fits = use.wanted(ids=list(ids), source=source, reason=reason)
        done: Settled = job.do(use.dismiss, fits=fits)
    emit({"records": done.records}, [f"{done.records} records were let go of."])


@accounting.command("silent")
@click.argument("hours", metavar="[HOURS|default]", required=False)
@tenant_option
@json_option
def silent(hours: str | None, tenant: str | None) -> None:
    """Show or set after how many HOURS a session ends of which its router says nothing; for the whole installation.

    A session is silent after three missed interim intervals, and not before 15 minutes. Its router is asked then, by
    its API or by a CoA, and what it says counts at once. Only where it says nothing do these hours count (24 by
    default).
    """
    if hours is not None and hours != "default" and not (hours.isdecimal() and len(hours) <= 4):
        raise click.UsageError(f"HOURS is a number up to {silent_sessions.MOST_HOURS}, or 'default'")
    with work(tenant) as job:
        if hours is None:
            found = silent_sessions.current(job.session)
        else:
            found = job.do(silent_sessions.change, hours=None if hours == "default" else int(hours))
    asked = found.asked
    data = {"unknown_after_hours": found.unknown_after_hours, "is_default": found.is_default}
    emit(
        data | {"asking": asked.asking, "alive": asked.alive, "unanswered": asked.unanswered},
        [
            f"a session of which its router says nothing ends after {found.unknown_after_hours} h of silence"
            + (", the default" if found.is_default else ""),
            f"silent now: {asked.asking} being asked about, {asked.alive} said to run, {asked.unanswered} not known",
        ],
    )


@accounting.command("corrections")
@click.option("--subscription", "subscription_id", type=click.IntRange(min=1), metavar="ID")
@limit_option
@tenant_option
@json_option
def corrections(subscription_id: int | None, limit: int, tenant: str | None) -> None:
    """What late packets changed of sessions that had ended, newest first."""
    head = (
        "made_at", "acctuniqueid", "subscription_id", "download_bytes", "upload_bytes", "seconds", "old_stopped_at",
        "old_cause", "new_stopped_at", "new_cause",
    )  # fmt: skip
    with work(tenant) as job:
        page = page_of_corrections(
            job.session, tenant_id=job.tenant_id, subscription_id=subscription_id, wanted=newest(limit, "-made_at")
        )
        rows = [_plain({name: getattr(row, name) for name in head}) for row in page.items]
    show_list(
        page, rows, lambda: table([["" if row[name] is None else row[name] for name in head] for row in rows], head)
    )


def _plain(row: dict[str, object]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
