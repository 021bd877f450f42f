"""What a login is granted, in the attributes of each kind of router.

Decides which attributes say speed, filter, redirection and volume to a vendor's routers; address, pool and intervals
are the same for all. Refuses to know why something is granted.

| vendor   | speed                                      | address list | volume | what its routers must have           |
|----------|--------------------------------------------|--------------|--------|--------------------------------------|
| mikrotik | Mikrotik-Rate-Limit                        | itself       | yes    |                                      |
| cisco    | Cisco-Account-Info, ISG's QU and D         | Filter-Id    |        | an access list of that name          |
| huawei   | Huawei-Input/Output-Average- and Peak-Rate | Filter-Id    |        | a user group or ACL of that name     |
| juniper  | ERX-Service-Activate lintas-speed(down,up) | Filter-Id    |        | a dynamic profile `lintas-speed`     |
| ubiquiti | WISPr-Bandwidth-Max-Up/Down                | Filter-Id    |        |                                      |
| cambium  | Cambium-ePMP-…-Rate and Canopy ULBR/DLBR   | Filter-Id    | yes    |                                      |
"""

from collections.abc import Callable, Mapping

from domain.attributes import MAX_BYTES, MAX_UINT32
from domain.speed import Speed, read_rate_limit
from radius.policies.types import MIKROTIK, Grant

Named = tuple[str, str]
Said = list[tuple[str, object]]

# Cisco's advice for a policer: room for one and a half seconds, and twice that above it.
_BURST_S = 1.5


def _mikrotik(grant: Grant, _: Speed | None) -> Said:
    return [
        ("Mikrotik-Total-Limit", _volume(grant)),
        ("Framed-Pool", grant.pool),
        ("Mikrotik-Address-List", grant.address_list),
        ("Mikrotik-Rate-Limit", grant.rate_limit),
        ("WISPr-Redirection-URL", grant.redirect_url),
    ]


def _cisco(_: Grant, speed: Speed | None) -> Said:
    if speed is None:
        return []
    up, down = _policer(speed.upload_kbps), _policer(speed.download_kbps)
    return [("Cisco-Account-Info", f"QU;{up};D;{down}")]


def _policer(kbps: int) -> str:
    burst_bytes = int(kbps * 1000 / 8 * _BURST_S)
    return f"{kbps * 1000};{burst_bytes};{2 * burst_bytes}"


def _huawei(grant: Grant, speed: Speed | None) -> Said:
    rates: Said = []
    if speed is not None:
        # In and out as the router sees it: in is what the customer sends.
        for way, kbps in (("Input", speed.upload_kbps), ("Output", speed.download_kbps)):
            rates += [(f"Huawei-{way}-{kind}-Rate", _bits(kbps)) for kind in ("Average", "Peak")]
    return [*rates, ("Huawei-HTTP-Redirect-URL", grant.redirect_url)]


def _juniper(_: Grant, speed: Speed | None) -> Said:
    if speed is None:
        return []
    return [("ERX-Service-Activate:1", f"lintas-speed({speed.download_kbps}k,{speed.upload_kbps}k)")]


def _ubiquiti(grant: Grant, speed: Speed | None) -> Said:
    rates: Said = []
    if speed is not None:
        rates = [
            ("WISPr-Bandwidth-Max-Up", _bits(speed.upload_kbps)),
            ("WISPr-Bandwidth-Max-Down", _bits(speed.download_kbps)),
        ]
    return [*rates, ("WISPr-Redirection-URL", grant.redirect_url)]


def _cambium(grant: Grant, speed: Speed | None) -> Said:
    rates: Said = []
    if speed is not None:
        # ePMP reads the first two, PMP the others; each ignores what is not its own.
        rates = [
            ("Cambium-ePMP-Max-Burst-Uplink-Rate", speed.upload_kbps),
            ("Cambium-ePMP-Max-Burst-Downlink-Rate", speed.download_kbps),
            ("Motorola-Canopy-ULBR", speed.upload_kbps),
            ("Motorola-Canopy-DLBR", speed.download_kbps),
        ]
    return [
        *rates,
        ("Cambium-Traffic-Quota-Limit-Total", _volume(grant)),
        ("WISPr-Redirection-URL", grant.redirect_url),
    ]


def _volume(grant: Grant) -> int | None:
    return None if grant.total_limit_bytes is None else min(grant.total_limit_bytes, MAX_BYTES)


def _bits(kbps: int) -> int:
    # The attribute ends at 4.3 Gbit/s; who pays for more gets what can be said rather than nothing.
    return min(kbps * 1000, MAX_UINT32)


_SPEAKERS: Mapping[str, Callable[[Grant, Speed | None], Said]] = {
    MIKROTIK: _mikrotik,
    "cisco": _cisco,
    "huawei": _huawei,
    "juniper": _juniper,
    "ubiquiti": _ubiquiti,
    "cambium": _cambium,
}


def attributes_of(grant: Grant, vendor: str) -> list[Named]:
    """Names and values for a vendor's router; one that is not in the table is spoken to as MikroTik's."""
    said: Said = [
        ("Framed-IP-Address", grant.framed_ip),
        ("Idle-Timeout", grant.idle_timeout_s),
        ("Acct-Interim-Interval", grant.interim_interval_s),
    ]
    if vendor == MIKROTIK or vendor not in _SPEAKERS:
        said += _mikrotik(grant, None)
    else:
        said += _SPEAKERS[vendor](grant, None if grant.rate_limit is None else read_rate_limit(grant.rate_limit))
        said += [("Framed-Pool", grant.pool), ("Filter-Id", grant.address_list)]
    return [(name, str(value)) for name, value in said if value is not None]
