"""What the customer page shows: its head, its tabs, and the parts that update in place.

Each tab reads what it shows and nothing else, so that a page stays quick whatever a customer has behind him.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from bss.billing.profiles import next_bill
from db.engine import psycopg_of
from db.models import Customer, Subscription
from db.queries.access import profiles_by_id
from db.queries.allowances import topups_of
from db.queries.history import Range, amounts_in
from db.queries.owned import owned_by
from db.queries.panel import catalogue, network
from db.queries.panel import customers as reads
from db.queries.panel.timeline import AUDIT, CHANGE, KINDS, LOGIN, PAYMENT, Place, timeline
from db.queries.plan_changes import changes_of
from db.queries.usage_reports import usage_of_period
from domain.access import (
    AccessProfile,
    fup_tier_in_force,
    hours_end_at,
    is_outside_hours,
    override_in_force,
    rate_limit_now,
    speed_now,
    tiers_now,
)
from domain.forecast import DAYS_LOOKED_AT
from domain.fup import Usage
from domain.standing import standings
from domain.term import contract_end, ends_soon
from webadmin import format as spell
from webadmin.forms.allowances import PERIODS
from webadmin.panel import attributes, charts, usage
from webadmin.panel.filters import language
from webadmin.panel.money import tab as money_tab
from webadmin.panel.support import db, now, today, zone
from webadmin.security import current_actor, may

DAYS_SHOWN = 30
DECISIONS_SHOWN = 10
DEVICES_SHOWN = 20
HISTORY_SHOWN = 20
TIMELINE_SHOWN = 40
TOPUPS_SHOWN = 10
PLAN_CHANGES_SHOWN = 10
HOURS_SHOWN = 24
ENDED = ("terminated", "cancelled")
# Of a row's number, and of a decision's.
MOST_DIGITS, MOST_LETTERS = 18, 32
TABS: Mapping[str, LazyString] = {
    "service": _l("Overview"),
    "subscriptions": _l("Subscriptions"),
    "usage": _l("Usage"),
    "sessions": _l("Sessions"),
    "money": _l("Money"),
    "devices": _l("Devices"),
    "changes": _l("Live changes"),
    "attributes": _l("Attributes"),
    "timeline": _l("Timeline"),
}
TIMELINE_KINDS: Mapping[str, LazyString] = {
    AUDIT: _l("what staff did"),
    PAYMENT: _l("payments"),
    CHANGE: _l("live changes"),
    LOGIN: _l("logins"),
}


def tab_name() -> str:
    """The tab in the address, the first one when it names none."""
    wanted = request.args.get("tab", "service")
    return wanted if wanted in TABS else "service"


def head_of(subscription: Subscription) -> dict[str, Any]:
    """Whether the service is online now, since when and where."""
    return {"running": network.live_sessions(db(), subscription.id), "router_names": _routers()}


def tab_of(tab: str, customer: Customer, subscription: Subscription) -> dict[str, Any]:
    """What one tab shows."""
    return _TABS[tab](customer, subscription)


def _routers() -> dict[int, str]:
    return {nas.id: nas.name for nas in catalogue.choices_of_routers(db())}


def _profile(subscription: Subscription) -> AccessProfile:
    return profiles_by_id(psycopg_of(db()), [subscription.id])[subscription.id][0]


def service_of(_customer: Customer, subscription: Subscription) -> dict[str, Any]:
    """Everything about the service now: sessions, speed and why, usage, the last decisions."""
    profile = _profile(subscription)
    sessions = network.live_sessions(db(), subscription.id)
    last = [] if sessions else network.past_sessions(db(), subscription.id, limit=1)
    return {
        "sessions": sessions,
        "last_session": last[0] if last else None,
        "routers": _routers(),
        "profile": profile,
        **_speed(profile),
        **_bars(profile, subscription.id),
        **_allowances(profile),
        "decisions": network.decisions_of(db(), subscription.id, limit=DECISIONS_SHOWN),
        "plan_changes": changes_of(db(), subscription.id, limit=PLAN_CHANGES_SHOWN),
        "contract_end": contract_end(subscription.activated_at, subscription.plan.contract_period_months, zone()),
        "today": today(),
        "ends_soon": subscription.status == "active" and ends_soon(subscription.expires_at, now()),
        "macs": {str(row.mac).upper(): row for row in subscription.macs},
        "last_changes": {
            row.change.acctuniqueid: row for row in reversed(network.changes_of(db(), subscription.id, limit=5))
        },
    }


def _speed(profile: AccessProfile) -> dict[str, Any]:
    return {
        "speed": speed_now(profile, now()),
        "rate_limit": rate_limit_now(profile, now()),
        "override": override_in_force(profile, now()),
        "tier": fup_tier_in_force(profile, now()),
    }


def _bars(profile: AccessProfile, subscription_id: int) -> dict[str, Any]:
    """Usage against the tiers of every way of counting, with the day on which the next one is reached."""
    tiers = tiers_now(profile, now())
    spans = usage.periods(tiers, now=now(), zone=zone(), billing_day=profile.billing_day)
    counted = {kind: usage_of_period(db(), subscription_id, span) for kind, span in spans.items()}
    by_day = reads.daily_usage(db(), subscription_id, today() - timedelta(days=DAYS_LOOKED_AT))
    clock = usage.Clock(today=today(), seconds_left=_seconds_left_today())
    return {"bars": usage.bars(tiers, counted, spans, by_day=by_day, clock=clock), "usage_width": usage.WIDTH}


def _seconds_left_today() -> int:
    local = now().astimezone(zone())
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), tzinfo=local.tzinfo)
    return max(0, int((midnight - local).total_seconds()))


def _allowances(profile: AccessProfile) -> dict[str, Any]:
    """What may still be used, until when, and what was added that is not over."""
    added = topups_of(db(), profile.subscription_id, limit=TOPUPS_SHOWN)
    return {
        "standings": standings(profile, now()),
        "closed": is_outside_hours(profile, now()),
        "hours_end": None if is_outside_hours(profile, now()) else hours_end_at(profile, now()),
        "topups": [row for row in added if row.valid_until is None or row.valid_until > now()],
        "period_words": PERIODS,
        "family_id": profile.family_id,
    }


def _usage(_customer: Customer, subscription: Subscription) -> dict[str, Any]:
    profile = _profile(subscription)
    by_day = reads.daily_usage(db(), subscription.id, today() - timedelta(days=DAYS_SHOWN - 1))
    days = [today() - timedelta(days=back) for back in range(DAYS_SHOWN - 1, -1, -1)]
    amounts = [by_day.get(day, Usage(download_bytes=0, upload_bytes=0)) for day in days]
    return {
        "profile": profile,
        **_speed(profile),
        **_bars(profile, subscription.id),
        **_allowances(profile),
        "day_bars": _day_bars(days, amounts),
        "most_bytes": max((one.counted("total") for one in amounts), default=0),
        "first_day": days[0],
        "last_day": days[-1],
        "days": [(day, one) for day, one in zip(days, amounts, strict=True) if one.counted("total")][::-1],
    }


def _day_bars(days: list[date], amounts: list[Usage]) -> list[charts.Bar]:
    pairs = [(one.download_bytes, one.upload_bytes) for one in amounts]
    labels = [f"{spell.short_day(day, language())}: {_both_ways(*pair)}" for day, pair in zip(days, pairs, strict=True)]
    return charts.columns(pairs, labels) if any(down or up for down, up in pairs) else []


def _sessions(_customer: Customer, subscription: Subscription) -> dict[str, Any]:
    rows = network.past_sessions(db(), subscription.id, limit=HISTORY_SHOWN + 1, before=moment_argument("before"))
    return {
        "running": network.live_sessions(db(), subscription.id),
        "sessions": rows[:HISTORY_SHOWN],
        "has_more": len(rows) > HISTORY_SHOWN,
        "routers": _routers(),
    }


def _subscriptions(customer: Customer, _subscription: Subscription) -> dict[str, Any]:
    owned = owned_by(db(), [customer.id])[customer.id]
    billed = [row for row in owned.rows if row.status not in ENDED] if may("view_money") else []
    return {
        "listed": owned.rows,
        "listed_online": reads.online_among(db(), [row.id for row in owned.rows]),
        "bills": {row.id: next_bill(db(), actor=current_actor(), now=now(), subscription=row) for row in billed},
    }


def _devices(_customer: Customer, subscription: Subscription) -> dict[str, Any]:
    tried: dict[str, Any] = {}
    for row in network.decisions_of(db(), subscription.id, limit=100):
        if row.callingstationid and len(tried) < DEVICES_SHOWN:
            tried.setdefault(row.callingstationid.upper(), row)
    return {"tried": tried, "macs": {str(row.mac).upper(): row for row in subscription.macs}, "routers": _routers()}


def _timeline(customer: Customer, subscription: Subscription) -> dict[str, Any]:
    return timeline_of(customer, subscription.id)


def timeline_of(customer: Customer, subscription_id: int | None) -> dict[str, Any]:
    """What happened, of the kinds that this person may see and asked for, from a place in the list on."""
    allowed = {AUDIT: may("view_audit"), PAYMENT: may("view_money"), CHANGE: True, LOGIN: True}
    offered = [kind for kind in KINDS if allowed[kind]]
    kind = request.args.get("kind", "")
    entries = timeline(
        db(),
        customer_id=customer.id,
        subscription_id=subscription_id,
        kinds=[kind] if kind in offered else offered,
        after=_place(),
        limit=TIMELINE_SHOWN + 1,
    )
    return {
        "entries": entries[:TIMELINE_SHOWN],
        "has_more": len(entries) > TIMELINE_SHOWN,
        "kinds": {one: TIMELINE_KINDS[one] for one in offered},
        "kind": kind if kind in offered else "",
        "is_first": _place() is None,
        "routers": _routers(),
    }


def _place() -> Place | None:
    """The place in the address, as `place_text` writes it; what cannot be read begins anew."""
    at, _, rest = request.args.get("after", "")[:120].partition("_")
    kind, _, key = rest.partition("_")
    moment = _moment(at.replace(" ", "+"))
    is_number = key.isascii() and key.isdecimal() and len(key) <= MOST_DIGITS
    if moment is None or kind not in KINDS or not (is_number or (kind == LOGIN and 0 < len(key) <= MOST_LETTERS)):
        return None
    return Place(moment, kind, key)


def place_text(place: Place) -> str:
    """A place in the list, for an address."""
    return f"{place.at.isoformat()}_{place.kind}_{place.key}"


def moment_argument(name: str) -> datetime | None:
    """A moment in the address, None when there is none."""
    return _moment(request.args.get(name, ""))


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def hours_of(subscription: Subscription) -> list[charts.Bar]:
    """Usage of the last day by the hour, for the picture beside what flows now."""
    until = now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = until - timedelta(hours=HOURS_SHOWN)
    span = Range(first_day=since.date(), last_day=until.date(), since=since, until=until)
    used = {one.label: one for one in amounts_in(psycopg_of(db()), [subscription.id], span, by="hour")}
    slots = [since + timedelta(hours=ahead) for ahead in range(HOURS_SHOWN)]
    pairs = [(used[slot].download_bytes, used[slot].upload_bytes) if slot in used else (0, 0) for slot in slots]
    labels = [f"{_clock(slot)}: {_both_ways(*pair)}" for slot, pair in zip(slots, pairs, strict=True)]
    return charts.columns(pairs, labels) if any(down or up for down, up in pairs) else []


def _clock(moment: datetime) -> str:
    return spell.clock(moment, now(), zone(), language())


def _both_ways(download_bytes: int, upload_bytes: int) -> str:
    return f"↓ {spell.volume(download_bytes, language())} ↑ {spell.volume(upload_bytes, language())}"


_TABS: Mapping[str, Callable[[Customer, Subscription], dict[str, Any]]] = {
    "service": service_of,
    "subscriptions": _subscriptions,
    "usage": _usage,
    "sessions": _sessions,
    "money": money_tab.tab_of,
    "devices": _devices,
    "changes": lambda _, subscription: {"changes": network.changes_of(db(), subscription.id, limit=HISTORY_SHOWN)},
    "attributes": lambda _, subscription: attributes.tab_of(subscription),
    "timeline": _timeline,
}
