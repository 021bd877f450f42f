"""A customer's internet history and who had an address: personal data, so whoever takes a copy or looks is recorded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.failure import Invalid, Problem, raise_all
from bss.rows import find
from db.engine import psycopg_of
from db.models import Subscription, Tenant
from db.queries import history
from db.queries.history import SERVICES, Amount, Holder, PastSession, Range
from db.queries.zones import zone_named
from domain.period import local_midnight

DEFAULT_DAYS, MOST_DAYS = 30, 366 * 10
# More rows than this fit into no spreadsheet, and nobody reads them.
MOST_EXPORTED = 200_000
HOURS_UP_TO, DAYS_UP_TO = 2, 92
COLUMNS = (
    "started_at", "stopped_at", "seconds", "service", "username", "framed_ip", "ipv6_prefix", "delegated_prefix",
    "device", "router", "download_bytes", "upload_bytes", "terminate_cause", "acct_session_id",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """A part of the history: one page of sessions, the range's total, and its amounts by hour, day or month."""

    span: Range
    sessions: list[PastSession]
    total: Amount
    by: str
    amounts: list[Amount]
    next_after: str | None


def range_of(
    tenant: Tenant, *, now: datetime, first_day: date | None, last_day: date | None, service: str | None
) -> Range:
    """The range in the provider's days; the last month when nothing was said."""
    zone = zone_named(tenant.timezone)
    last = last_day or now.astimezone(zone).date()
    first = first_day or date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS + 1))
    raise_all(list(_problems(first, last, service)))
    after = last + timedelta(days=1)
    return Range(
        first_day=first,
        last_day=last,
        since=local_midnight(first, zone),
        until=local_midnight(after, zone),
        service=service,
    )


def _problems(first: date, last: date, service: str | None) -> Iterable[Problem]:
    if first > last:
        yield Problem(field="first_day", reason="is after the last day", mend="swap the two")
    elif (last - first).days >= MOST_DAYS:
        yield Problem(field="first_day", reason="is too long before the last day", mend="ask for at most ten years")
    if last.year > 9000 or first.year < 1970:
        yield Problem(field="last_day", reason="is no day of ours", mend="choose another")
    if service is not None and service not in SERVICES:
        yield Problem(field="service", reason="is no service", mend=f"one of {', '.join(SERVICES)}")


def of_subscription(
    session: Session, *, actor: Actor, subscription_id: int, span: Range, after: str | None, size: int
) -> History:
    """One page of a subscription's history; `after` is `next_after` of the page before."""
    row = find(session, Subscription, subscription_id, actor=actor)
    connection, ids = psycopg_of(session), [row.id]
    sessions = history.sessions_in(connection, ids, span, after=_place(after), limit=size)
    days = (span.last_day - span.first_day).days + 1
    by = "hour" if days <= HOURS_UP_TO else "day" if days <= DAYS_UP_TO else "month"
    is_whole = len(sessions) < size
    return History(
        span=span,
        sessions=sessions,
        total=history.total_in(connection, ids, span),
        by=by,
        amounts=history.amounts_in(connection, ids, span, by=by),
        next_after=None if is_whole else f"{sessions[-1].started_at.isoformat()}~{sessions[-1].row_id}",
    )


def _place(after: str | None) -> tuple[datetime, int] | None:
    if after is None:
        return None
    started_at, _, row_id = after.partition("~")
    try:
        place = (datetime.fromisoformat(started_at), int(row_id))
    except ValueError:
        place = None
    if place is None or place[0].tzinfo is None or not 0 <= place[1] < 1 << 63:
        raise Invalid(Problem(field="after", reason="is no place in this list", mend="leave it out to begin anew"))
    return place


def export(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, span: Range, as_what: str
) -> Iterable[tuple[Any, ...]]:
    """Every session of the range, a row at a time after the head; the audit log says who took it.

    The rows are read while they are taken, so commit before that, and keep the session open until it is done.
    """
    row = find(session, Subscription, subscription_id, actor=actor)
    taken = {"first_day": span.first_day, "last_day": span.last_day, "service": span.service, "as": as_what}
    audit.record(
        session, actor=actor, now=now, action="history.exported", entity=row, customer_id=row.customer_id, new=taken
    )
    return _rows(session, row.id, span)


def _rows(session: Session, subscription_id: int, span: Range) -> Iterable[tuple[Any, ...]]:
    yield COLUMNS
    # Not earlier: the connection of the transaction that was committed may be another's by now.
    connection = psycopg_of(session)
    for one in history.every_session_in(connection, [subscription_id], span, most=MOST_EXPORTED):
        yield tuple(getattr(one, name) for name in COLUMNS)


def who_had(session: Session, *, actor: Actor, now: datetime, address: str, at: datetime | None) -> list[Holder]:
    """Whose sessions had the address at the moment, now unless given; the audit log says who asked."""
    wanted = _address(address)
    moment = at or now
    found = history.who_had(psycopg_of(session), wanted, moment, tenant_id=actor.tenant_id)
    audit.record(
        session, actor=actor, now=now, action="address.looked_up", entity=session.get_one(Tenant, actor.tenant_id),
        new={"address": str(wanted), "at": moment, "found": len(found)},
    )  # fmt: skip
    return found


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text.strip().partition("/")[0])
    except ValueError:
        problem = Problem(field="address", reason="is no IP address", mend="write it like 100.64.0.7 or 2001:db8::7")
        raise Invalid(problem) from None
