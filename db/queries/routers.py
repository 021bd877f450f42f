"""The routers a RADIUS server answers, as it needs them: by source address, with their secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg

_ROUTERS = """
SELECT id, tenant_id, host(host), name, radius_secret_enc, require_message_authenticator, type, nas_group_id,
    service_map, signs_requests
FROM nas_servers WHERE is_active AND deleted_at IS NULL
"""
# A tenant with this many has another problem than a list; the newest count.
_BLOCKED = "SELECT tenant_id, upper(mac::text) FROM blocked_macs ORDER BY id DESC LIMIT 100000"

_REVOKED = "SELECT serial FROM issued_certificates WHERE revoked_at IS NOT NULL AND valid_until > now()"


class BlockedMac(NamedTuple):
    """One device on the blacklist of a tenant."""

    tenant_id: int
    mac: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterRow:
    """One active router; the secret is still encrypted."""

    nas_server_id: int
    tenant_id: int
    address: str
    name: str
    secret_token: bytes
    require_message_authenticator: bool
    vendor: str = "mikrotik"
    nas_group_id: int | None = None
    service_map: Mapping[str, str] = field(default_factory=dict)
    signs_requests: bool | None = None


def active_routers(connection: psycopg.Connection[Any]) -> list[RouterRow]:
    """Every router whose packets are answered."""
    return [
        RouterRow(
            nas_server_id=row[0],
            tenant_id=row[1],
            address=row[2],
            name=row[3],
            secret_token=bytes(row[4]),
            require_message_authenticator=row[5],
            vendor=row[6],
            nas_group_id=row[7],
            service_map=row[8],
            signs_requests=row[9],
        )
        for row in connection.execute(_ROUTERS).fetchall()
    ]


def folding_tenants(connection: psycopg.Connection[Any]) -> frozenset[int]:
    """The providers for whom upper and lower case of a username are one."""
    return frozenset(row[0] for row in connection.execute("SELECT id FROM tenants WHERE usernames_ignore_case"))


def revoked_certificates(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """The serials of revoked certificates that would be good still, in hexadecimal."""
    return frozenset(row[0] for row in connection.execute(_REVOKED))


def blocked_macs(connection: psycopg.Connection[Any]) -> list[BlockedMac]:
    """Every device that may use nothing of its tenant."""
    return [BlockedMac(*row) for row in connection.execute(_BLOCKED).fetchall()]


def is_blocked(connection: psycopg.Connection[Any], tenant_id: int, mac: str) -> bool:
    """Whether a device is on the blacklist of a tenant."""
    statement = "SELECT EXISTS (SELECT FROM blocked_macs WHERE tenant_id = %s AND mac = %s::macaddr)"
    row = connection.execute(statement, [tenant_id, mac]).fetchone()
    return bool(row is not None and row[0])
