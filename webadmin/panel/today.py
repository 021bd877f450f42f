"""The first page: is everything all right, and what needs somebody?

What is counted is told while one looks (`webadmin.panel.live`); the curves are of samples taken every five minutes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from db.queries.money_lists import open_sums, paid_by_method
from db.queries.panel import catalogue
from db.queries.panel import today as reads
from db.queries.samples import EVERY, Sample, passing_now, samples_of
from db.scope import operators_in_use
from domain.period import local_midnight
from webadmin.panel import charts
from webadmin.panel.live import Part, told
from webadmin.panel.routers import health
from webadmin.panel.support import db, now, render, tenant, today, zone
from webadmin.permissions import signed_in
from webadmin.remembered import Remembered
from webadmin.security import may

blueprint = Blueprint("today", __name__)
ROUTERS_SHOWN = 8
DAY = timedelta(days=1)
# A little less than the time between two tellings, so that each tells something new.
SHARED_S = 3.0
# Whose look each kind of waiting work is; without the permission it is not even counted.
NEEDS = {
    "parked": "view_money",
    "devices": "view_customers",
    "routers": "view_nas",
    "records": "view_nas",
    "changes": "view_customers",
    "overdue": "view_money",
    "ending": "view_customers",
}


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One amount over a day, beside it the day before; `path` and `path_before` are lines of an SVG."""

    path: str
    path_before: str
    top: int
    before_now: int | None
    is_empty: bool


@dataclass(frozen=True, kw_only=True)
class RouterLine:
    """What the page says of a router: values alone, since they may be remembered for a moment."""

    id: int
    name: str
    state: str
    last_seen_at: datetime | None
    sessions: int


@blueprint.get("/")
@signed_in
def index() -> ResponseReturnValue:
    """The figures, or the first steps of a new installation."""
    steps = reads.first_steps(db()) if may("view_customers") else None
    return render("panel/today/index.html", steps=steps, **_values())


@blueprint.get("/today/events")
@signed_in
def events() -> ResponseReturnValue:
    """The figures as they change."""
    return told(_changed)


def _changed(turn: int) -> Iterator[Part]:
    # Every other turn: a few seconds are soon enough for figures of the whole network.
    if turn % 2 == 0 and may("view_customers"):
        yield Part(html=render_template("panel/today/_figures.html", **_drawn(_shared(is_new=False))))


def _values() -> dict[str, Any]:
    return _drawn(_shared(is_new=True)) if may("view_customers") else {"figures": None}


def _shared(*, is_new: bool) -> dict[str, Any]:
    """Counted once for all who look at the page at the same time and may see the same.

    Whoever opens it has it counted anew, and what he is told next is no older than what he saw.
    """
    remembered: Remembered[dict[str, Any]] = current_app.extensions.setdefault(
        "lintas_today", Remembered(slow_s=0.0, kept_s=SHARED_S)
    )
    kinds = _kinds()
    seen = (tenant().id, operators_in_use(db()), kinds, may("view_money"))
    ask = remembered.renew if is_new else remembered.get
    return ask(seen, lambda: _counted(kinds))


def _kinds() -> tuple[str, ...]:
    return tuple(kind for kind, permission in NEEDS.items() if may(permission))


def _counted(kinds: Sequence[str]) -> dict[str, Any]:
    """What is read, the same for everybody who may see as much."""
    moment = now()
    return {
        "figures": reads.today(db(), tenant().id, moment),
        "passing": passing_now(db(), tenant().id),
        "needs": {kind: count for kind, count in reads.needs(db(), now=moment, kinds=kinds).items() if count},
        "routers": _routers_to_look_at(),
        "money": _money() if may("view_money") else None,
        "samples": samples_of(db(), tenant().id, since=_midnight() - DAY, until=moment),
    }


def _drawn(counted: dict[str, Any]) -> dict[str, Any]:
    figures = counted["figures"]
    labels = [
        gettext(
            "%(minutes)s min ago: %(accepted)s accepted, %(rejected)s refused",
            minutes=59 - place,
            accepted=accepted,
            rejected=rejected,
        )
        for place, (accepted, rejected) in enumerate(figures.logins_by_minute)
    ]
    return counted | {
        "minute_bars": charts.columns(figures.logins_by_minute, labels),
        "online_curve": _curve(counted["samples"], "online", figures.online),
        "flow_curve": _curve(counted["samples"], "download_kbps", counted["passing"][0]),
        "need_links": _need_links(),
        "most_sessions": max((row.sessions for row in counted["routers"]), default=0) or 1,
    }


def _curve(samples: dict[datetime, Sample], name: str, value_now: int) -> Curve:
    """The day from midnight to midnight; its last point is now."""
    begin, slots = _midnight(), int(DAY / EVERY)
    here = int((now() - begin) / EVERY)
    amounts: list[float | None] = [
        getattr(samples.get(begin - DAY + place * EVERY), name, None) for place in range(2 * slots)
    ]
    before, after = amounts[:slots], amounts[slots : slots + here]
    known = [value for value in (*before, *after, value_now) if value is not None]
    top = charts.round_top(max(known))
    return Curve(
        path=charts.line([*after, value_now, *[None] * (slots - here - 1)], top),
        path_before=charts.line(before, top),
        top=top,
        before_now=None if (past := before[min(here, slots - 1)]) is None else int(past),
        is_empty=len(known) < 2,
    )


def _midnight() -> datetime:
    return local_midnight(today(), zone())


def _money() -> dict[str, Decimal | int]:
    """What came in today, and what is owed past its day."""
    begin = _midnight()
    paid = paid_by_method(db(), tenant_id=tenant().id, since=begin, until=begin + DAY)
    count, total, late = open_sums(db(), tenant_id=tenant().id, today=today())
    return {
        "today": sum((amount for _, _, amount in paid), Decimal(0)),
        "payments": sum(number for _, number, _ in paid),
        "open": total,
        "invoices": count,
        "late": late,
    }


def _need_links() -> dict[str, str]:
    return {
        "parked": url_for("panel.parked.index"),
        "devices": url_for("panel.devices.waiting"),
        "routers": url_for("panel.routers.index", state="quiet"),
        "records": url_for("panel.accounting.index"),
        "changes": url_for("panel.changes.index", kind="failed"),
        "overdue": url_for("panel.invoices.index", status="overdue"),
        "ending": url_for("panel.subscriptions.index", ending="3", state="active"),
    }


def _routers_to_look_at() -> list[RouterLine]:
    """The routers that may need somebody first, then those with the most sessions."""
    order = ("quiet", "never", "seen", "off")
    lines = [
        RouterLine(
            id=row.nas.id,
            name=row.nas.name,
            state=health(row.nas),
            last_seen_at=row.nas.last_seen_at,
            sessions=row.sessions,
        )
        for row in catalogue.router_rows(db(), tenant().id)
    ]
    return sorted(lines, key=lambda line: (order.index(line.state), -line.sessions, line.name))[:ROUTERS_SHOWN]
