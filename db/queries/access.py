"""Reads what a login depends on: one subscription, all of it, in one indexed statement.

Each row comes as one JSON text, so that the FreeRADIUS process, the collector and the use-cases build the same
`AccessProfile` whatever driver call fetched it.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg

from domain.access import AccessProfile
from domain.fup import FupTier
from domain.live_change import LiveSession
from domain.mac import normalise_mac
from domain.speed import Burst, Speed

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
WHERE s.deleted_at IS NULL
"""

# A terminated subscription keeps its name on record, so a live one of the same name goes first.
PROFILE_BY_NAME = _PROFILE + (
    " AND s.tenant_id = $1::bigint AND s.username = $2::text ORDER BY s.status = 'terminated', s.id DESC LIMIT 1"
)
_PROFILES_BY_ID = _PROFILE + " AND s.id = ANY(%s)"
_ALL_PROFILES = _PROFILE + " AND s.status <> 'terminated' ORDER BY s.id LIMIT %s"


def parse_profile(text: str | bytes) -> tuple[AccessProfile, tuple[LiveSession, ...]]:
    """The profile and the running sessions in one row of the statements above."""
    row = json.loads(text)
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
    connection: psycopg.Connection[Any], limit: int
) -> Iterator[tuple[AccessProfile, tuple[LiveSession, ...]]]:
    """Every subscription that could log in, at most `limit`, streamed from a server-side cursor."""
    with connection.cursor(name="all_profiles") as cursor:
        cursor.itersize = 2000
        for (text,) in cursor.execute(_ALL_PROFILES, (limit,)):
            yield parse_profile(text)


def _profile(row: dict[str, Any]) -> AccessProfile:
    values = {key: value for key, value in row.items() if key not in ("password", "speed")} | {
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
SELECT coalesce(json_agg(json_build_array(acctuniqueid, callingstationid)), '[]')::text FROM radacct_open
WHERE subscription_id = $1::bigint AND acctstoptime IS NULL
  AND acctupdatetime > now() - make_interval(secs => $2::float8)
"""


def parse_open_sessions(text: str | bytes) -> dict[str, str | None]:
    """Unique id to MAC of each running session in a row of `OPEN_SESSIONS`."""
    return {unique_id: normalise_mac(calling_station or "") for unique_id, calling_station in json.loads(text)}
