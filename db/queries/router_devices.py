"""On which routers a device of a subscription may have left something."""

from typing import Any

import psycopg

# Its own router (or the default one) and those where that device has or had a session of it in the last three months.
_ROUTERS = """
SELECT n.id FROM nas_servers n JOIN subscriptions s ON s.id = %(subscription_id)s AND s.tenant_id = n.tenant_id
WHERE n.api_username <> '' AND n.type = 'mikrotik' AND n.deleted_at IS NULL
    AND (n.id = coalesce(s.nas_server_id, default_router_of(s.tenant_id)) OR EXISTS (
        SELECT FROM radacct r WHERE r.subscription_id = s.id AND r.nas_server_id = n.id
            AND upper(r.callingstationid) = %(mac)s
            AND (r.acctstoptime IS NULL OR r.acctstoptime > now() - interval '90 days')))
ORDER BY n.id
"""


def routers_of_device(connection: psycopg.Connection[Any], subscription_id: int, mac: str) -> list[int]:
    """The routers with an API account that the device was on; the MAC in capitals with colons."""
    rows = connection.execute(_ROUTERS, {"subscription_id": subscription_id, "mac": mac}).fetchall()
    return [row[0] for row in rows]
