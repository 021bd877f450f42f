"""Time zones by the names that tenants have, from the machine's own tables; read once each."""

from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo:
    """The zone of that name; a misspelt one is UTC, because it must not stop everybody's logins and counting."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
