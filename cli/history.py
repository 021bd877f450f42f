"""`lintas address` and `lintas usage history`: who had an address, and one customer's sessions."""

from datetime import datetime
from typing import Any

import click

from bss import history
from cli.output import emit, json_option, table
from cli.work import tenant_option, work
from db.models import Tenant
from db.queries.history import SERVICES, PastSession
from db.queries.named import subscription_named
from db.queries.zones import zone_named

_DAY = click.DateTime(["%Y-%m-%d"])
_MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"])


@click.command()
@click.argument("address", metavar="IP")
@click.option("--at", type=_MOMENT, help="When, in the provider's time zone; now unless given.")
@tenant_option
@json_option
def address(address: str, at: datetime | None, tenant: str | None) -> None:
    """Who had the address IP, also by a prefix that holds it; the audit log keeps that you asked."""
    with work(tenant) as job:
        zone = zone_named(job.session.get_one(Tenant, job.tenant_id).timezone)
        moment = None if at is None else at.replace(tzinfo=zone)
        found = job.do(history.who_had, address=address, at=moment)
        rows = [
            {"held": one.held, "customer_id": one.customer_id, "customer": one.customer_name} | _session(one.session)
            for one in found
        ]
    head = ("customer", "username", "started_at", "stopped_at", "device", "router")
    lines = table([[row[name] or "" for name in head] for row in rows], head)
    emit(rows, lines if rows else ["nobody had it then"])


@click.command("history")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--from", "first_day", type=_DAY, help="First day; thirty days back unless given.")
@click.option("--to", "last_day", type=_DAY, help="Last day; today unless given.")
@click.option("--service", type=click.Choice(SERVICES))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@tenant_option
@json_option
def usage_history(
    name: str, first_day: datetime | None, last_day: datetime | None, service: str | None, limit: int,
    tenant: str | None,
) -> None:  # fmt: skip
    """Its sessions in a range of days, newest first, and what they came to."""
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")
        span = history.range_of(
            job.session.get_one(Tenant, job.tenant_id),
            now=job.now,
            first_day=None if first_day is None else first_day.date(),
            last_day=None if last_day is None else last_day.date(),
            service=service,
        )
        part = history.of_subscription(
            job.session, actor=job.actor, subscription_id=row.id, span=span, after=None, size=limit
        )
    rows = [_session(one) for one in part.sessions]
    total = {name: getattr(part.total, name) for name in ("download_bytes", "upload_bytes", "seconds", "sessions")}
    head = ("started_at", "stopped_at", "service", "framed_ip", "device", "download_bytes", "upload_bytes")
    lines = table([[row[name] or "" for name in head] for row in rows], head)
    sums = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in total.items())
    emit({"sessions": rows, "total": total}, [*lines, f"{span.first_day} to {span.last_day}: {sums}"])


def _session(one: PastSession) -> dict[str, Any]:
    names = (
        "id", "username", "service", "router", "framed_ip", "ipv6_prefix", "delegated_prefix", "device", "seconds",
        "download_bytes", "upload_bytes", "terminate_cause",
    )  # fmt: skip
    stopped_at = None if one.stopped_at is None else one.stopped_at.isoformat()
    return {name: getattr(one, name) for name in names} | {
        "started_at": one.started_at.isoformat(),
        "stopped_at": stopped_at,
    }
