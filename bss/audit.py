"""Who changed what: one row per change, written in the change's own transaction. Secrets are named, never shown."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from sqlalchemy.orm import Session

from bss.actor import Actor
from db.models import AuditLog

SECRET_FIELDS = frozenset(
    {
        "service_password",
        "radius_secret",
        "api_password",
        "password",
        "tf_totp_secret",
        "token_hash",
        "secret",
        "id_card_number",
    }
)
HIDDEN = "(not shown)"


def record(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    action: str,
    entity: Any,
    customer_id: int | None = None,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """Add the audit row of a change to `entity`, a flushed model; `action` reads like "subscription.suspended"."""
    session.add(
        AuditLog(
            tenant_id=actor.tenant_id,
            actor_user_id=actor.user_id,
            actor_name=actor.name,
            actor_type=actor.kind,
            action=action,
            entity_type=entity.__tablename__,
            entity_id=entity.id,
            customer_id=customer_id,
            old_values=_plain(old),
            new_values=_plain(new),
            ip=actor.ip,
            created_at=now,
        )
    )


def set_fields(row: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the values that differ into the row; returns what they were and what they are now."""
    differing = {name: value for name, value in values.items() if not _same(getattr(row, name), value)}
    old = {name: getattr(row, name) for name in differing}
    for name, value in differing.items():
        setattr(row, name, value)
    return old, differing


def snapshot(row: Any, fields: Iterable[str]) -> dict[str, Any]:
    """The named fields of a row as they are now."""
    return {name: getattr(row, name) for name in fields}


def _same(stored: Any, wanted: Any) -> bool:
    # The driver reads an address column as an address object; it is written as text.
    if isinstance(stored, IPv4Address | IPv6Address) and isinstance(wanted, str):
        return str(stored) == wanted
    return bool(stored == wanted)


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: HIDDEN if name in SECRET_FIELDS else _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    if isinstance(value, Mapping):
        return _plain(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
