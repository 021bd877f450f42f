"""Writes the outbox: one row for every running session that a change concerns.

Callers write in the transaction that causes the change, so nothing is sent for work that rolled back.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from db.queries.gardens import IN_GARDEN
from domain.desired import RunningSession
from domain.live_change import SOON
from domain.mac import normalise_mac
from domain.service import service_of

# A newer change replaces an older one of the same session that still waits, and takes over what that says of other
# attributes: a new speed does not undo a longer session on its way. A waiting Disconnect is not replaced by a CoA and
# makes it needless: the session is about to end and the next login gets the new values anyway. With `only_news` a
# session whose newest change that was not replaced says the same is left alone, unless the router was seen to differ.
# What a subscription is to be changed to is not for its session in a walled garden: that has the garden's speed.
_ENQUEUE = f"""
WITH live AS MATERIALIZED (
    SELECT r.tenant_id, r.subscription_id, r.nas_server_id, r.acctuniqueid, r.acctsessionid, r.username,
           r.framedipaddress, r.callingstationid,
           coalesce(%(each)s::jsonb -> r.acctuniqueid, %(attributes)s::jsonb) AS attributes
    FROM radacct_open r
    WHERE r.acctstoptime IS NULL
      AND (r.subscription_id = ANY(%(subscription_ids)s) AND (%(kind)s = 'disconnect' OR NOT {IN_GARDEN})
          OR r.acctuniqueid = ANY(%(sessions)s))
      AND (r.subscription_id IS NOT NULL OR %(strangers)s)
), news AS MATERIALIZED (
    SELECT * FROM live
    WHERE NOT %(only_news)s OR NOT EXISTS (
        SELECT FROM (
            SELECT c.kind, c.attributes, c.status, c.proof FROM session_changes c
            WHERE c.subscription_id = live.subscription_id AND c.acctuniqueid = live.acctuniqueid
              AND c.status <> 'superseded'
            ORDER BY c.id DESC LIMIT 1) last
        WHERE last.kind = %(kind)s AND last.attributes @> live.attributes AND last.proof IS DISTINCT FROM 'differs'
          AND last.status IN ('pending', 'sending', 'ack'))
), replaced AS (
    UPDATE session_changes old SET status = 'superseded', finished_at = %(now)s
    FROM news
    WHERE old.acctuniqueid = news.acctuniqueid AND old.status = 'pending'
      AND (old.kind = 'coa' OR %(kind)s = 'disconnect')
)
INSERT INTO session_changes (tenant_id, subscription_id, nas_server_id, acctuniqueid, acctsessionid, username,
    framedipaddress, callingstationid, kind, attributes, reason, requested_by, caused_at, next_attempt_at,
    created_at, plan_rollout_id, bulk_change_id, priority)
SELECT news.tenant_id, news.subscription_id, news.nas_server_id, news.acctuniqueid, news.acctsessionid, news.username,
    news.framedipaddress, news.callingstationid, %(kind)s,
    CASE WHEN %(kind)s = 'coa' THEN coalesce((
        SELECT jsonb_object_agg(said.key, said.value) FROM (
            SELECT DISTINCT ON (e.key) e.key, e.value FROM session_changes o, jsonb_each(o.attributes) e
            WHERE o.acctuniqueid = news.acctuniqueid AND o.status IN ('pending', 'sending') AND o.kind = 'coa'
              AND NOT news.attributes ? replace(e.key, '-Gigawords', '')
            ORDER BY e.key, o.id DESC) said), '{{}}') || news.attributes
    ELSE news.attributes END, %(reason)s, %(requested_by)s,
    %(caused_at)s, %(now)s, %(now)s, %(plan_rollout_id)s, %(bulk_change_id)s, %(priority)s
FROM news
WHERE %(kind)s = 'disconnect' OR NOT EXISTS (
    SELECT FROM session_changes d
    WHERE d.acctuniqueid = news.acctuniqueid AND d.kind = 'disconnect' AND d.status IN ('pending', 'sending'))
RETURNING id
"""  # noqa: S608 - our own text


def enqueue_change(
    connection: psycopg.Connection[Any],
    *,
    kind: str,
    reason: str,
    requested_by: str,
    now: datetime,
    caused_at: datetime | None = None,
    subscription_ids: list[int] | None = None,
    sessions: list[str] | None = None,
    attributes: Mapping[str, str] | None = None,
    attributes_of: Mapping[str, Mapping[str, str]] | None = None,
    only_news: bool = False,
    strangers: bool = False,
    priority: int = SOON,
    plan_rollout_id: int | None = None,
    bulk_change_id: int | None = None,
) -> list[int]:
    """Ask for `kind` ("coa" or "disconnect") on every running session of the subscriptions or with those unique ids.

    A CoA reaches a session in a walled garden only by its unique id.
    `attributes` are the RADIUS attributes of a CoA by name, `attributes_of` those of single sessions by unique id,
    which win. `only_news` leaves alone whom the same was told last. `strangers`: also sessions that belong to no
    subscription. Returns the ids of the rows written: none when nobody is online, which is a success. `caused_at` is
    when the cause happened, for the time from cause to answer. Changes with `LATER` wait for those with `SOON`.
    """
    rows = connection.execute(
        _ENQUEUE,
        {
            "kind": kind,
            "reason": reason,
            "requested_by": requested_by,
            "now": now,
            "caused_at": caused_at or now,
            "subscription_ids": subscription_ids or [],
            "sessions": sessions or [],
            "attributes": Jsonb(dict(attributes or {})),
            "each": Jsonb({unique_id: dict(each) for unique_id, each in (attributes_of or {}).items()}),
            "only_news": only_news,
            "strangers": strangers,
            "priority": priority,
            "plan_rollout_id": plan_rollout_id,
            "bulk_change_id": bulk_change_id,
        },
    ).fetchall()
    return [row[0] for row in rows]


# `class` says whether a session is in a walled garden; what it is over is told as accounting tells it.
_RUNNING = f"""
SELECT r.acctuniqueid, r.subscription_id, r.nas_server_id, r.acctstarttime, r.acctsessiontime,
    r.acctinputoctets + r.acctoutputoctets, {IN_GARDEN}, s.connection_type, r.framedprotocol, r.nasporttype,
    r.callingstationid
FROM radacct_open r JOIN subscriptions s ON s.id = r.subscription_id
WHERE r.acctstoptime IS NULL
  AND (r.subscription_id = ANY(%(subscription_ids)s) OR r.acctuniqueid = ANY(%(sessions)s))
"""  # noqa: S608 - our own text


def running_sessions(
    connection: psycopg.Connection[Any], *, subscription_ids: Iterable[int] = (), sessions: Iterable[str] = ()
) -> list[RunningSession]:
    """The running sessions of the subscriptions or with those unique ids, as accounting last saw them."""
    values = {"subscription_ids": list(subscription_ids), "sessions": list(sessions)}
    return [_running(*row) for row in connection.execute(_RUNNING, values)]


def _running(
    unique_id: str, subscription_id: int, nas_server_id: int, started_at: datetime, seconds: int, counted_bytes: int,
    in_garden: bool, connection_type: str, framed_protocol: str | None, port_type: str | None, station: str | None,
) -> RunningSession:  # fmt: skip
    return RunningSession(
        acctuniqueid=unique_id,
        subscription_id=subscription_id,
        nas_server_id=nas_server_id,
        service=session_service(connection_type, framed_protocol, port_type, station),
        started_at=started_at,
        seconds=seconds,
        counted_bytes=counted_bytes,
        in_garden=in_garden,
    )


def session_service(
    connection_type: str, framed_protocol: str | None, port_type: str | None, station: str | None
) -> str:
    """The service of a session from what accounting keeps of it; where that says nothing, what it was sold for."""
    if framed_protocol == "PPP":
        told = {"Framed-Protocol": "PPP", "NAS-Port-Type": port_type or "", "Calling-Station-Id": station or ""}
        return service_of(told, normalise_mac(station or ""))
    return "pppoe" if connection_type == "static" else connection_type
