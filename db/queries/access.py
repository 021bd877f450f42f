"""Reads what a login depends on: one subscription, all of it, in one indexed statement.

Each row comes as one JSON text, so that the FreeRADIUS process, the collector and the use-cases build the same
`AccessProfile` whatever driver call fetched it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import psycopg

from db.queries.zones import zone_named
from domain.access import AccessProfile, AttributeItem
from domain.fup import FupTier
from domain.garden import Garden
from domain.live_change import LiveSession
from domain.mac import normalise_mac
from domain.quota import DayUsage, Quota, TopUp
from domain.speed import Burst, Speed
from domain.voucher import VoucherTerms
from domain.windows import TimeWindow

_PROFILE = """
SELECT json_build_object(
    'tenant_id', s.tenant_id, 'subscription_id', s.id, 'customer_id', s.customer_id, 'plan_id', p.id,
    'username', s.username, 'password', convert_from(s.service_password_enc, 'UTF8'),
    'connection_type', s.connection_type, 'subscription_status', s.status,
    'customer_status', CASE WHEN c.deleted_at IS NULL THEN c.status ELSE 'terminated' END,
    'expires_at', extract(epoch FROM s.expires_at),
    'grace_days', coalesce(s.grace_period_days, p.grace_period_days),
    'timezone', t.timezone, 'billing_day', s.billing_day,
    'speed', json_build_array(p.download_kbps, p.upload_kbps),
    'burst', CASE WHEN p.burst_enabled THEN json_build_array(
        p.burst_download_kbps, p.burst_upload_kbps,
        coalesce(p.burst_threshold_download_kbps, p.download_kbps),
        coalesce(p.burst_threshold_upload_kbps, p.upload_kbps), p.burst_time_s) END,
    'priority', p.priority,
    'override', CASE WHEN l.download_kbps IS NOT NULL THEN json_build_array(l.download_kbps, l.upload_kbps) END,
    'override_until', extract(epoch FROM l.speed_expires_at),
    'tiers', (SELECT json_agg(json_build_array(r.tier, r.threshold_bytes, r.counts, r.reset_period,
        r.reduced_download_kbps, r.reduced_upload_kbps, r.reduction_percent) ORDER BY r.tier)
        FROM plan_fup_rules r WHERE r.service_plan_id = p.id),
    'fup_tier', coalesce(f.tier, 0), 'fup_until', extract(epoch FROM f.window_end),
    'mac_binding', s.mac_binding,
    'macs', (SELECT json_object_agg(m.mac, m.status) FROM subscription_macs m WHERE m.subscription_id = s.id),
    'session_limit', coalesce(l.concurrent_connections, p.concurrent_connections),
    'session_timeout_s', coalesce(l.session_timeout_s, p.session_timeout_s),
    'idle_timeout_s', p.idle_timeout_s, 'interim_interval_s', p.interim_interval_s,
    'assigned_ip', host(s.assigned_ip), 'ip_pool', coalesce(s.ip_pool, p.ip_pool),
    'address_list', coalesce(s.address_list, p.address_list), 'version', s.version,
    'least_speed', CASE WHEN p.min_download_kbps IS NOT NULL
        THEN json_build_array(p.min_download_kbps, p.min_upload_kbps) END,
    'windows', (SELECT json_agg(json_build_array(w.weekdays, w.start_minute, w.end_minute, w.download_kbps,
        w.upload_kbps) ORDER BY w.position) FROM plan_time_windows w WHERE w.service_plan_id = p.id),
    'quotas', q.quotas,
    'topups', (SELECT json_agg(json_build_array(u.kind, u.amount, extract(epoch FROM u.valid_from),
        extract(epoch FROM u.valid_until)) ORDER BY u.id) FROM quota_topups u WHERE u.subscription_id = s.id),
    'days', CASE WHEN q.quotas IS NOT NULL THEN (SELECT json_agg(json_build_array(d.day, d.down, d.up, d.seconds))
        FROM usage_since(ARRAY[s.id], q.since) d) END,
    'family_id', s.family_id,
    'family_days', CASE WHEN q.has_shared THEN (SELECT json_agg(json_build_array(d.day, d.down, d.up, d.seconds))
        FROM usage_since(ARRAY(SELECT m.id FROM subscriptions m WHERE m.family_id = s.family_id), q.since) d) END,
    'gardens', CASE WHEN p.garden_mode = 'tenant' THEN (SELECT json_object_agg(g.reason, json_build_array(
        g.address_list, g.ip_pool, g.download_kbps, g.upload_kbps, g.redirect_url, g.session_timeout_s))
        FROM walled_gardens g WHERE g.tenant_id = s.tenant_id AND g.is_active) END,
    'is_over_credit', coalesce(c.balance < -c.credit_limit, false),
    'session_limit_action', p.session_limit_action,
    'nas_binding', s.nas_binding, 'nas_server_id', s.nas_server_id, 'nas_group_id', s.nas_group_id,
    'voucher', (SELECT json_build_array(v.state, v.validity_s, v.binds_mac, extract(epoch FROM v.sell_until),
        extract(epoch FROM v.valid_until)) FROM vouchers v WHERE v.subscription_id = s.id),
    'checks', (SELECT json_agg(json_build_array(k.attribute, k.op, k.value) ORDER BY k.id)
        FROM radcheck k WHERE k.tenant_id = s.tenant_id AND k.username = s.username),
    'replies', (SELECT json_agg(json_build_array(r.attribute, r.op, r.value) ORDER BY r.of_user, r.id) FROM (
        SELECT false AS of_user, o.id, o.attribute, o.op, o.value FROM plan_reply_attributes o
        WHERE o.service_plan_id = p.id
        UNION ALL SELECT true, e.id, e.attribute, e.op, e.value FROM radreply e
        WHERE e.tenant_id = s.tenant_id AND e.username = s.username) r),
    'sessions', (SELECT json_agg(json_build_array(a.acctuniqueid, a.acctsessionid, a.nas_server_id, a.username,
        a.callingstationid, host(a.framedipaddress))) FROM radacct_open a
        WHERE a.subscription_id = s.id AND a.acctstoptime IS NULL)
)::text
FROM subscriptions s
JOIN customers c ON c.id = s.customer_id
JOIN service_plans p ON p.id = s.service_plan_id
JOIN tenants t ON t.id = s.tenant_id
LEFT JOIN subscription_limits l ON l.subscription_id = s.id
LEFT JOIN subscription_fup_states f ON f.subscription_id = s.id
-- A subscription's own quota takes the place of its plan's of the same kind and period. Three lookups, not one with OR:
-- each is by its own index.
CROSS JOIN LATERAL (
    SELECT json_agg(json_build_array(x.id, x.kind, x.period, x.counts, x.limit_amount, x.action,
            x.throttle_download_kbps, x.throttle_upload_kbps, x.family_id IS NOT NULL) ORDER BY x.id) AS quotas,
        bool_or(x.family_id IS NOT NULL) AS has_shared,
        CASE WHEN bool_or(x.period = 'total') THEN DATE '-infinity' ELSE current_date - 33 END AS since
    FROM (
        SELECT i.* FROM quotas i WHERE i.subscription_id = s.id
        UNION ALL SELECT i.* FROM quotas i WHERE i.family_id = s.family_id
        UNION ALL SELECT i.* FROM quotas i WHERE i.service_plan_id = p.id AND NOT EXISTS (
            SELECT FROM quotas j WHERE j.subscription_id = s.id AND j.kind = i.kind AND j.period = i.period)
    ) x
) q
WHERE s.deleted_at IS NULL
"""

# A terminated subscription keeps its name on record, so a live one of the same name goes first.
PROFILE_BY_NAME = _PROFILE + (
    " AND s.tenant_id = $1::bigint AND s.username = $2::text ORDER BY s.status = 'terminated', s.id DESC LIMIT 1"
)
_PROFILES_BY_ID = _PROFILE + " AND s.id = ANY(%s)"
_ALL_PROFILES = _PROFILE + " AND s.status <> 'terminated' ORDER BY s.id"


def parse_profile(text: str | bytes) -> tuple[AccessProfile, tuple[LiveSession, ...]]:
    """The profile and the running sessions in one row of the statements above."""
    return _parsed(json.loads(text))


def _parsed(row: dict[str, Any]) -> tuple[AccessProfile, tuple[LiveSession, ...]]:
    sessions = tuple(_session(row["subscription_id"], item) for item in row.pop("sessions") or ())
    return _profile(row), sessions


def profiles_by_id(
    connection: psycopg.Connection[Any], subscription_ids: Iterable[int]
) -> dict[int, tuple[AccessProfile, tuple[LiveSession, ...]]]:
    """Profile and running sessions of each subscription that exists, by its id."""
    rows = connection.execute(_PROFILES_BY_ID, (list(subscription_ids),)).fetchall()
    parsed = [parse_profile(text) for (text,) in rows]
    return {profile.subscription_id: (profile, sessions) for profile, sessions in parsed}


def all_profiles(
    connection: psycopg.Connection[Any], limit: int, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[AccessProfile, tuple[LiveSession, ...]]]:
    """Every subscription that could log in and whose name is wanted, at most `limit`, streamed from the server."""
    with connection.cursor(name="all_profiles") as cursor:
        cursor.itersize = 2000
        rows = (json.loads(text) for (text,) in cursor.execute(_ALL_PROFILES))
        for row in islice((row for row in rows if is_wanted(row["username"])), limit):
            yield _parsed(row)


def _profile(row: dict[str, Any]) -> AccessProfile:
    values = {key: value for key, value in row.items() if key not in ("password", "speed", "timezone")} | {
        "least_speed": _speed(row["least_speed"]) if row["least_speed"] else None,
        "windows": _windows(tuple(tuple(item) for item in row["windows"] or ())),
        "quotas": tuple(_quota(*item) for item in row["quotas"] or ()),
        "topups": tuple(_topup(*item) for item in row["topups"] or ()),
        "days": _days(row["days"]),
        "family_days": _days(row["family_days"]),
        "gardens": _gardens(tuple((reason, *item) for reason, item in (row["gardens"] or {}).items())),
        "voucher": None if row["voucher"] is None else _voucher(*row["voucher"]),
        "checks": _items(tuple(tuple(item) for item in row["checks"] or ())),
        "replies": _items(tuple(tuple(item) for item in row["replies"] or ())),
        "zone": zone_named(row["timezone"]),
        "password_token": row["password"].encode(),
        "expires_at": _moment(row["expires_at"]),
        "plan_speed": _speed(row["speed"]),
        "burst": _burst(row["burst"]),
        "override": _speed(row["override"]) if row["override"] else None,
        "override_until": _moment(row["override_until"]),
        "tiers": _tiers(tuple(tuple(item) for item in row["tiers"] or ())),
        "fup_until": _moment(row["fup_until"]),
        "macs": {mac.upper(): status for mac, status in (row["macs"] or {}).items()},
    }
    return AccessProfile(**values)


def windows_of(rows: list[list[Any]]) -> tuple[TimeWindow, ...]:
    """Hours from rows of (weekdays, start and end minute, download and upload kbit/s)."""
    return _windows(tuple(tuple(row) for row in rows))


# What belongs to a plan or a tenant is kept once for all its subscribers.
@lru_cache(maxsize=5_000)
def _windows(rows: tuple[tuple[Any, ...], ...]) -> tuple[TimeWindow, ...]:
    return tuple(
        TimeWindow(
            weekdays=frozenset(day for day in range(7) if weekdays >> day & 1),
            start_minute=start_minute,
            end_minute=end_minute,
            speed=None if download_kbps is None else _shared_speed(download_kbps, upload_kbps),
        )
        for weekdays, start_minute, end_minute, download_kbps, upload_kbps in rows
    )


@lru_cache(maxsize=5_000)
def _quota(
    quota_id: int, kind: str, period: str, counts: str, limit: int, action: str, download_kbps: int | None,
    upload_kbps: int, is_shared: bool,
) -> Quota:  # fmt: skip
    throttle = None if download_kbps is None else _shared_speed(download_kbps, upload_kbps)
    return Quota(
        quota_id=quota_id, kind=kind, period=period, counts=counts, limit=limit, action=action, throttle=throttle,
        is_shared=is_shared,
    )  # fmt: skip


def _topup(kind: str, amount: int, valid_from: float, valid_until: float | None) -> TopUp:
    since = datetime.fromtimestamp(valid_from, UTC)
    return TopUp(kind=kind, amount=amount, valid_from=since, valid_until=_moment(valid_until))


def _days(rows: list[list[Any]] | None) -> tuple[DayUsage, ...]:
    return tuple(
        DayUsage(day=date.fromisoformat(day), download_bytes=down, upload_bytes=up, seconds=seconds)
        for day, down, up, seconds in rows or ()
    )


@lru_cache(maxsize=1_000)
def _gardens(rows: tuple[tuple[Any, ...], ...]) -> Mapping[str, Garden]:
    return {
        reason: Garden(
            address_list=address_list,
            ip_pool=ip_pool,
            speed=_shared_speed(download_kbps, upload_kbps),
            redirect_url=redirect_url,
            session_timeout_s=session_timeout_s,
        )
        for reason, address_list, ip_pool, download_kbps, upload_kbps, redirect_url, session_timeout_s in rows
    }


def _voucher(
    state: str, validity_s: int | None, binds_mac: bool, sell_until: float | None, valid_until: float | None
) -> VoucherTerms:
    return VoucherTerms(
        state=state,
        validity_s=validity_s,
        binds_mac=binds_mac,
        sell_until=_moment(sell_until),
        valid_until=_moment(valid_until),
    )


@lru_cache(maxsize=20_000)
def _items(rows: tuple[tuple[str, str, str], ...]) -> tuple[AttributeItem, ...]:
    return tuple(AttributeItem(*row) for row in rows)


def _moment(epoch_s: float | None) -> datetime | None:
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC)


def _speed(pair: list[int]) -> Speed:
    return _shared_speed(pair[0], pair[1])


# A hundred thousand subscribers share a few plans: their speeds and tiers are kept once.
@lru_cache(maxsize=5_000)
def _shared_speed(download_kbps: int, upload_kbps: int) -> Speed:
    return Speed(download_kbps=download_kbps, upload_kbps=upload_kbps)


def _burst(values: list[int] | None) -> Burst | None:
    if values is None:
        return None
    return Burst(speed=_speed(values[0:2]), threshold=_speed(values[2:4]), time_s=values[4])


@lru_cache(maxsize=5_000)
def _tiers(rows: tuple[tuple[Any, ...], ...]) -> tuple[FupTier, ...]:
    return tuple(_tier(row) for row in rows)


def _tier(values: tuple[Any, ...]) -> FupTier:
    number, threshold_bytes, counts, reset_period, download_kbps, upload_kbps, percent = values
    return FupTier(
        tier=number,
        threshold_bytes=threshold_bytes,
        counts=counts,
        reset_period=reset_period,
        reduced=None if download_kbps is None else _speed([download_kbps, upload_kbps]),
        reduction_percent=percent,
    )


def _session(subscription_id: int, values: list[Any]) -> LiveSession:
    unique_id, session_id, nas_server_id, username, calling_station, framed_ip = values
    return LiveSession(
        acctuniqueid=unique_id,
        acctsessionid=session_id,
        subscription_id=subscription_id,
        nas_server_id=nas_server_id,
        username=username,
        mac=normalise_mac(calling_station or ""),
        framed_ip=framed_ip,
    )


# Running sessions that were heard of lately: ($1 subscription, $2 seconds a session may be silent). A session whose
# Stop was lost must not hold its place against a paying customer.
OPEN_SESSIONS = """
SELECT coalesce(json_agg(json_build_array(acctuniqueid, callingstationid) ORDER BY acctstarttime, radacctid),
    '[]')::text
FROM radacct_open
WHERE subscription_id = $1::bigint AND acctstoptime IS NULL
  AND acctupdatetime > now() - make_interval(secs => $2::float8)
"""


def parse_open_sessions(text: str | bytes) -> dict[str, str | None]:
    """Unique id to MAC of each running session in a row of `OPEN_SESSIONS`, the oldest first."""
    return {unique_id: normalise_mac(calling_station or "") for unique_id, calling_station in json.loads(text)}


# The devices of a subscription's ($1) last sessions; one unheard of for a season is a stranger again.
RECENT_DEVICES = """
SELECT coalesce(json_agg(DISTINCT d.station), '[]')::text FROM (
    (SELECT callingstationid AS station FROM radacct_open WHERE subscription_id = $1::bigint
     ORDER BY acctstarttime DESC LIMIT 10)
    UNION ALL
    (SELECT callingstationid FROM radacct WHERE subscription_id = $1::bigint
     AND acctstoptime > now() - interval '90 days' ORDER BY acctstarttime DESC LIMIT 10)
) d WHERE d.station <> ''
"""


def parse_recent_devices(text: str | bytes) -> frozenset[str]:
    """The devices in a row of `RECENT_DEVICES`: MACs, and what routers call devices that have none."""
    return frozenset(normalise_mac(station) or station for station in json.loads(text))
