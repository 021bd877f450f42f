"""`lintas customer speed-test`: how fast a customer's line is."""

from typing import Any

import click

from bss import speed_tests
from cli.customer_records import customer_of, who
from cli.output import emit, json_option, table
from cli.work import show_fields, tenant_option, work
from db.models import CustomerSpeedTest
from db.queries.named import subscription_named


@click.group("speed-test")
def speed_test_group() -> None:
    """How fast a customer's line is: measured from his router, or told by him."""


@speed_test_group.command("start")
@who
@click.option("--subscription", metavar="USERNAME", help="Which of his lines; without it the one that is online.")
@click.option("--username", default="", help="User of the test server at his end.")
@click.option("--password-file", type=click.File(), help="File with its password.")
@tenant_option
@json_option
def start_test(name: str, subscription: str | None, username: str, password_file: Any, tenant: str | None) -> None:
    """Have his router measure his line; 'list' shows what came of it some seconds later.

    It sends to the bandwidth server of RouterOS at his address for five seconds and receives for five.
    """
    with work(tenant) as job:
        password = password_file.read().strip() if password_file else ""
        given = {"username": username, "password": password, "subscription_id": _subscription_id(job, subscription)}
        test = job.do(speed_tests.ask, customer_id=customer_of(job, name).id, **given)
        shown = _shown(test)
    show_fields(shown)


@speed_test_group.command("note")
@who
@click.option("--download", "download_kbps", type=click.IntRange(0), help="In kbit/s.")
@click.option("--upload", "upload_kbps", type=click.IntRange(0), help="In kbit/s.")
@click.option("--latency", "latency_ms", type=click.IntRange(0), help="Round trip in ms.")
@click.option("--server", default="", help="Against what he measured.")
@click.option("--subscription", metavar="USERNAME", help="Which of his lines.")
@tenant_option
@json_option
def note_test(name: str, subscription: str | None, tenant: str | None, **figures: Any) -> None:
    """Keep what he measured himself."""
    with work(tenant) as job:
        given = {**figures, "subscription_id": _subscription_id(job, subscription)}
        shown = _shown(job.do(speed_tests.note, customer_id=customer_of(job, name).id, **given))
    show_fields(shown)


@speed_test_group.command("list")
@who
@tenant_option
@json_option
def list_tests(name: str, tenant: str | None) -> None:
    """What was measured, newest first."""
    with work(tenant) as job:
        found = speed_tests.of_customer(job.session, actor=job.actor, customer_id=customer_of(job, name).id)
        rows = [_shown(test) for test in found]
    head = ("id", "measured_at", "source", "state", "download_kbps", "upload_kbps", "latency_ms", "problem")
    emit({"items": rows}, table([["" if row[key] is None else row[key] for key in head] for row in rows], head))


def _subscription_id(job: Any, username: str | None) -> int | None:
    if username is None:
        return None
    found = subscription_named(job.session, username, tenant_id=job.tenant_id)
    if found is None:
        raise click.ClickException(f"there is no subscription {username!r}")
    return found.id


def _shown(test: CustomerSpeedTest) -> dict[str, Any]:
    names = ("id", "source", "state", "download_kbps", "upload_kbps", "server", "problem", "requested_by")
    return {name: getattr(test, name) for name in names} | {
        "address": None if test.address is None else str(test.address),
        "latency_ms": None if test.latency_ms is None else float(test.latency_ms),
        "measured_at": None if test.measured_at is None else test.measured_at.isoformat(timespec="seconds"),
    }
