"""What a login is granted, in the attributes of each kind of router.

Decides which attributes say filter, redirection and volume to a maker's routers; speeds are in `domain.vendors`, and
address, pool and intervals are the same for all. Refuses to know why something is granted.

A firewall address list is MikroTik's; others are sent its name as Filter-Id, and need a filter of that name.
"""

from collections.abc import Mapping

from domain.attributes import MAX_BYTES
from domain.vendors import RATE_LIMIT, SPOKEN, speed_attributes
from radius.policies.types import MIKROTIK, Grant

Named = tuple[str, str]

_REDIRECTION: Mapping[str, str] = {
    MIKROTIK: "WISPr-Redirection-URL",
    "ubiquiti": "WISPr-Redirection-URL",
    "cambium": "WISPr-Redirection-URL",
    "huawei": "Huawei-HTTP-Redirect-URL",
}
_VOLUME: Mapping[str, str] = {MIKROTIK: "Mikrotik-Total-Limit", "cambium": "Cambium-Traffic-Quota-Limit-Total"}


def attributes_of(grant: Grant, vendor: str) -> list[Named]:
    """Names and values for a maker's router; one that is not in the table is spoken to as MikroTik's."""
    known = vendor if vendor in SPOKEN else MIKROTIK
    is_mikrotik = known == MIKROTIK
    total_bytes = None if grant.total_limit_bytes is None else min(grant.total_limit_bytes, MAX_BYTES)
    said: list[tuple[str | None, object]] = [
        ("Framed-IP-Address", grant.framed_ip),
        ("Idle-Timeout", grant.idle_timeout_s),
        ("Acct-Interim-Interval", grant.interim_interval_s),
        (_VOLUME.get(known), total_bytes),
        ("Framed-Pool", grant.pool),
        ("Mikrotik-Address-List" if is_mikrotik else "Filter-Id", grant.address_list),
        *([(RATE_LIMIT, grant.rate_limit)] if is_mikrotik else speed_attributes(known, grant.rate_limit)),
        (_REDIRECTION.get(known), grant.redirect_url),
    ]
    return [(name, str(value)) for name, value in said if name is not None and value is not None]
