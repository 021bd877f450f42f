"""A subscription's internet history with its files, and the page that says who had an address."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from bss import history
from bss.failure import Invalid
from db.models import Subscription
from db.queries.history import Amount, Range
from db.queries.rows import find_row
from webadmin import format as spell
from webadmin.export import as_csv_file, as_xlsx_file
from webadmin.panel import charts
from webadmin.panel.filters import language
from webadmin.panel.heads import in_language
from webadmin.panel.support import db, found, now, problems_of, render, run, tenant, zone
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("history", __name__)
SHOWN = 50
SERVICES = (("pppoe", _l("PPPoE")), ("hotspot", _l("Hotspot")), ("vpn", _l("VPN")), ("other", _l("Other")))


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Usage by hour, day or month: a bar for each, what stands below the first and the last, and the highest."""

    bars: list[charts.Bar]
    first: str
    last: str
    most_bytes: int


@blueprint.get("/subscriptions/<int:subscription_id>/history")
@requires("view_customers")
def show(subscription_id: int) -> ResponseReturnValue:
    """Sessions, totals and a graph of the days asked for; `after` leads to the next page."""
    subscription = _subscription(subscription_id)
    problems: list[str] = []
    try:
        span = _span()
    except Invalid as refusal:
        problems = [text for _, text in problems_of(refusal)]
        span = history.range_of(tenant(), now=now(), first_day=None, last_day=None, service=None)
    part = history.of_subscription(
        db(), actor=current_actor(), subscription_id=subscription_id, span=span, after=_after(), size=SHOWN
    )
    return render(
        "panel/history/show.html",
        subscription=subscription,
        part=part,
        span=span,
        services=SERVICES,
        problems=problems,
        graph=_graph(part),
        filters={"first_day": span.first_day, "last_day": span.last_day, "service": span.service or ""},
        is_first=_after() is None,
    )


@blueprint.get("/subscriptions/<int:subscription_id>/history.csv")
@requires("view_customers")
def as_csv(subscription_id: int) -> ResponseReturnValue:
    """All of it as CSV."""
    rows = run(history.export, subscription_id=subscription_id, span=_span(), as_what="csv")
    return as_csv_file(in_language(rows), f"history-{subscription_id}.csv")


@blueprint.get("/subscriptions/<int:subscription_id>/history.xlsx")
@requires("view_customers")
def as_xlsx(subscription_id: int) -> ResponseReturnValue:
    """All of it as a workbook."""
    rows = run(history.export, subscription_id=subscription_id, span=_span(), as_what="xlsx")
    return as_xlsx_file(in_language(rows), f"history-{subscription_id}.xlsx")


@blueprint.get("/addresses")
@requires("view_address_history")
def addresses() -> ResponseReturnValue:
    """Who had the address at the time; nothing is asked, and nothing recorded, before both are given."""
    address, text = request.args.get("address", "").strip(), request.args.get("at", "").strip()
    at, problems, rows = _moment(text), [], None
    if text and at is None:
        problems = [gettext("The time is not readable: choose a day and a time.")]
    elif address:
        try:
            rows = run(history.who_had, address=address, at=at)
        except Invalid as refusal:
            problems = [said for _, said in problems_of(refusal)]
    return render("panel/addresses/index.html", address=address, at=text, rows=rows, problems=problems)


def _subscription(subscription_id: int) -> Subscription:
    return found(find_row(db(), Subscription, subscription_id, tenant_id=tenant().id))


def _span() -> Range:
    service = request.args.get("service") or None
    return history.range_of(
        tenant(), now=now(), first_day=_day("first_day"), last_day=_day("last_day"), service=service
    )


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _after() -> str | None:
    return request.args.get("after") or None


def _moment(text: str) -> datetime | None:
    """A time typed in the provider's zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone())).astimezone(UTC)


def _graph(part: history.History) -> Graph | None:
    if not part.amounts:
        return None
    used = {one.label: one for one in part.amounts}
    amounts = [used.get(slot, Amount(label=slot)) for slot in _slots(part.span, part.by)]
    when = [_when(one, part.by) for one in amounts]
    return Graph(
        bars=charts.columns(
            [(one.download_bytes, one.upload_bytes) for one in amounts],
            [f"{text}: {_both_ways(one)}" for text, one in zip(when, amounts, strict=True)],
        ),
        first=when[0],
        last=when[-1],
        most_bytes=max(one.total_bytes for one in amounts),
    )


def _slots(span: Range, by: str) -> Iterator[date | datetime]:
    """Every part of the range, so that one without usage keeps its place."""
    if by == "hour":
        start = span.since.astimezone(UTC).replace(minute=0)
        yield from (start + timedelta(hours=hour) for hour in range(-(-(span.until - start) // timedelta(hours=1))))
        return
    days = (span.first_day + timedelta(days=day) for day in range((span.last_day - span.first_day).days + 1))
    yield from days if by == "day" else dict.fromkeys(day.replace(day=1) for day in days)


def _when(amount: Amount, by: str) -> str:
    if isinstance(amount.label, datetime):
        return spell.minute(amount.label, zone(), language())
    if amount.label is None:
        return ""
    return (spell.month if by == "month" else spell.short_day)(amount.label, language())


def _both_ways(amount: Amount) -> str:
    down, up = (spell.volume(size, language()) for size in (amount.download_bytes, amount.upload_bytes))
    return f"↓ {down} ↑ {up}"
