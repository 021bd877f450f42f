"""Writes the outbox: one row for every running session that a change concerns.

Callers write in the transaction that causes the change, so nothing is sent for work that rolled back.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

# A newer change replaces an older one of the same session that still waits. A waiting Disconnect is not replaced by a
# CoA and makes it needless: the session is about to end and the next login gets the new values anyway.
_ENQUEUE = """
WITH live AS MATERIALIZED (
    SELECT r.tenant_id, r.subscription_id, r.nas_server_id, r.acctuniqueid, r.acctsessionid, r.username,
           r.framedipaddress, r.callingstationid
    FROM radacct_open r
    WHERE r.acctstoptime IS NULL AND r.subscription_id IS NOT NULL
      AND (r.subscription_id = ANY(%(subscription_ids)s) OR r.acctuniqueid = ANY(%(sessions)s))
), replaced AS (
    UPDATE session_changes old SET status = 'superseded', finished_at = %(now)s
    FROM live
    WHERE old.acctuniqueid = live.acctuniqueid AND old.status = 'pending'
      AND (old.kind = 'coa' OR %(kind)s = 'disconnect')
)
INSERT INTO session_changes (tenant_id, subscription_id, nas_server_id, acctuniqueid, acctsessionid, username,
    framedipaddress, callingstationid, kind, attributes, reason, requested_by, caused_at, next_attempt_at,
    created_at, plan_rollout_id)
SELECT live.tenant_id, live.subscription_id, live.nas_server_id, live.acctuniqueid, live.acctsessionid, live.username,
    live.framedipaddress, live.callingstationid, %(kind)s, %(attributes)s, %(reason)s, %(requested_by)s,
    %(caused_at)s, %(now)s, %(now)s, %(plan_rollout_id)s
FROM live
WHERE %(kind)s = 'disconnect' OR NOT EXISTS (
    SELECT FROM session_changes d
    WHERE d.acctuniqueid = live.acctuniqueid AND d.kind = 'disconnect' AND d.status IN ('pending', 'sending'))
RETURNING id
"""


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
    plan_rollout_id: int | None = None,
) -> list[int]:
    """Ask for `kind` ("coa" or "disconnect") on every running session of the subscriptions or with those unique ids.

    `attributes` are the RADIUS attributes of a CoA by name. Returns the ids of the rows written: none when nobody is
    online, which is a success. `caused_at` is when the cause happened, for the time from cause to answer.
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
            "plan_rollout_id": plan_rollout_id,
        },
    ).fetchall()
    return [row[0] for row in rows]
