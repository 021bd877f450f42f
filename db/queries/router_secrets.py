"""Whose secrets a router should have: what a secret depends on, read anew whenever one is carried to a router."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from db.crypto import keyring
from domain.router_secret import Holder

Connection = psycopg.Connection[Any]

# A subscription without a router belongs to the default one. A fixed device ties a hotspot user when it is only one.
_HOLDERS = """
SELECT s.id AS subscription_id, s.username, s.service_password_enc AS password_token, s.status, s.connection_type,
    c.name AS customer_name, c.customer_code, c.status AS customer_status, host(s.assigned_ip) AS assigned_ip,
    s.router_profile AS own_profile, p.router_profile AS plan_profile, p.slug AS plan_slug, s.expires_at,
    coalesce(s.grace_period_days, p.grace_period_days) AS grace_days,
    CASE WHEN s.mac_binding = 'fixed' THEN (
        SELECT CASE WHEN count(*) = 1 THEN upper(min(m.mac::text)) END FROM subscription_macs m
        WHERE m.subscription_id = s.id AND m.status = 'approved') END AS mac,
    coalesce(n.configuration ->> 'local_address', '') AS local_address
FROM subscriptions s
JOIN customers c ON c.id = s.customer_id
JOIN service_plans p ON p.id = s.service_plan_id
JOIN nas_servers n ON n.id = %(nas_id)s AND n.tenant_id = s.tenant_id
WHERE s.deleted_at IS NULL AND s.status <> 'terminated'
    AND (s.nas_server_id = n.id OR s.nas_server_id IS NULL AND default_router_of(n.tenant_id) = n.id)
    AND (%(usernames)s::text[] IS NULL OR s.username = ANY (%(usernames)s))
ORDER BY s.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A subscription with a secret on a router."""

    subscription_id: int
    holder: Holder


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSecret:
    """A secret of staff's own, as it should be on the router."""

    username: str
    service: str
    profile: str
    local_address: str
    remote_address: str
    comment: str
    is_disabled: bool
    password_token: bytes | None = field(repr=False)

    @property
    def password(self) -> str | None:
        """The password in the clear; None when the router's own is to stay."""
        return None if self.password_token is None else keyring().decrypt(bytes(self.password_token))


def holders(connection: Connection, nas_id: int, usernames: Sequence[str] | None = None) -> dict[str, Held]:
    """The subscriptions of a router, by username; all, or these."""
    keys = keyring()
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            _HOLDERS, {"nas_id": nas_id, "usernames": None if usernames is None else list(usernames)}
        ).fetchall()
    found = {}
    for row in rows:
        subscription_id, token = row.pop("subscription_id"), row.pop("password_token")
        holder = Holder(**row, password=keys.decrypt(bytes(token)))
        found[holder.username] = Held(subscription_id=subscription_id, holder=holder)
    return found


def staff_secrets(
    connection: Connection, nas_id: int, usernames: Sequence[str] | None = None
) -> dict[str, StoredSecret]:
    """The secrets of a router that belong to no subscription, by username."""
    with connection.cursor(row_factory=class_row(StoredSecret)) as cursor:
        rows = cursor.execute(
            "SELECT username, service, profile, local_address, remote_address, comment, is_disabled,"
            " password_enc AS password_token FROM router_secrets"
            " WHERE nas_server_id = %(nas_id)s AND origin <> 'subscription'"
            " AND (%(usernames)s::text[] IS NULL OR username = ANY (%(usernames)s))",
            {"nas_id": nas_id, "usernames": None if usernames is None else list(usernames)},
        ).fetchall()
    return {row.username: row for row in rows}


_KEEP = """
INSERT INTO router_secrets (tenant_id, nas_server_id, subscription_id, username, service, profile, local_address,
    remote_address, comment, is_disabled, origin, synced_at, updated_at)
VALUES (%(tenant_id)s, %(nas_id)s, %(subscription_id)s, %(username)s, %(service)s, %(profile)s, %(local_address)s,
    %(remote_address)s, %(comment)s, %(is_disabled)s, 'subscription', %(now)s, %(now)s)
ON CONFLICT (nas_server_id, username) DO UPDATE SET subscription_id = excluded.subscription_id,
    service = excluded.service, profile = excluded.profile, local_address = excluded.local_address,
    remote_address = excluded.remote_address, comment = excluded.comment, is_disabled = excluded.is_disabled,
    origin = 'subscription', password_enc = NULL, synced_at = excluded.synced_at, updated_at = excluded.updated_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnRouter:
    """A subscription's secret as it is on the router now. The password is not kept twice: the subscription has it."""

    tenant_id: int
    nas_id: int
    subscription_id: int
    username: str
    service: str
    profile: str
    local_address: str
    remote_address: str
    comment: str
    is_disabled: bool


def keep_secret(connection: Connection, secret: OnRouter, *, now: datetime) -> None:
    """Remember what was carried to the router."""
    values = {name: getattr(secret, name) for name in OnRouter.__slots__}
    connection.execute(_KEEP, values | {"now": now})


def mark_synced(connection: Connection, nas_id: int, username: str, *, now: datetime) -> None:
    """A secret of staff's own was carried to the router."""
    connection.execute(
        "UPDATE router_secrets SET synced_at = %s WHERE nas_server_id = %s AND username = %s", [now, nas_id, username]
    )


def drop_secret(connection: Connection, nas_id: int, username: str) -> None:
    """A subscription's secret is not on the router any more."""
    connection.execute(
        "DELETE FROM router_secrets WHERE nas_server_id = %s AND username = %s AND origin = 'subscription'",
        [nas_id, username],
    )


def subscriptions_named(connection: Connection, tenant_id: int, usernames: Sequence[str]) -> dict[str, int]:
    """The subscriptions of a tenant with these usernames."""
    rows = connection.execute(
        "SELECT username, id FROM subscriptions WHERE tenant_id = %s AND username = ANY (%s) AND deleted_at IS NULL"
        " AND status <> 'terminated'",
        [tenant_id, list(usernames)],
    ).fetchall()
    return {row[0]: row[1] for row in rows}
