"""A speed in the attributes of each kind of router, at a login and in a running session.

Decides which attributes say a speed to a maker's routers. Refuses to know why that speed.

| maker    | attributes                                           | what its routers must have       |
|----------|------------------------------------------------------|----------------------------------|
| mikrotik | Mikrotik-Rate-Limit                                  |                                  |
| cisco    | Cisco-Account-Info, the QU and D of ISG              |                                  |
| huawei   | Huawei-Input/Output-Average- and Peak-Rate           |                                  |
| juniper  | ERX-Service-Activate lintas-speed(download,upload)   | a dynamic profile `lintas-speed` |
| ubiquiti | WISPr-Bandwidth-Max-Up/Down                          |                                  |
| cambium  | Cambium-ePMP-Max-Burst-…-Rate, Motorola-Canopy-…LBR  |                                  |
"""

from collections.abc import Callable, Mapping

from domain.attributes import MAX_UINT32, is_for
from domain.speed import MAX_KBPS, Speed, read_rate_limit

Named = tuple[str, str]

RATE_LIMIT = "Mikrotik-Rate-Limit"
# Cisco's advice for a policer: room for one and a half seconds, and twice that above it.
_BURST_S = 1.5


def _cisco(speed: Speed) -> list[Named]:
    up, down = _policer(speed.upload_kbps), _policer(speed.download_kbps)
    return [("Cisco-Account-Info", f"QU;{up};D;{down}")]


def _policer(kbps: int) -> str:
    burst_bytes = int(kbps * 1000 / 8 * _BURST_S)
    return f"{kbps * 1000};{burst_bytes};{2 * burst_bytes}"


def _huawei(speed: Speed) -> list[Named]:
    # In and out as the router sees it: in is what the customer sends.
    ways = (("Input", speed.upload_kbps), ("Output", speed.download_kbps))
    return [(f"Huawei-{way}-{kind}-Rate", _bits(kbps)) for way, kbps in ways for kind in ("Average", "Peak")]


def _juniper(speed: Speed) -> list[Named]:
    return [("ERX-Service-Activate:1", f"lintas-speed({speed.download_kbps}k,{speed.upload_kbps}k)")]


def _ubiquiti(speed: Speed) -> list[Named]:
    return [
        ("WISPr-Bandwidth-Max-Up", _bits(speed.upload_kbps)),
        ("WISPr-Bandwidth-Max-Down", _bits(speed.download_kbps)),
    ]


def _cambium(speed: Speed) -> list[Named]:
    up, down = str(speed.upload_kbps), str(speed.download_kbps)
    # ePMP reads the first two, PMP the others; each ignores what is not its own.
    return [
        ("Cambium-ePMP-Max-Burst-Uplink-Rate", up),
        ("Cambium-ePMP-Max-Burst-Downlink-Rate", down),
        ("Motorola-Canopy-ULBR", up),
        ("Motorola-Canopy-DLBR", down),
    ]


def _bits(kbps: int) -> str:
    # The attribute ends at 4.3 Gbit/s; who pays for more gets what can be said rather than nothing.
    return str(min(kbps * 1000, MAX_UINT32))


_SPEAKERS: Mapping[str, Callable[[Speed], list[Named]]] = {
    "cisco": _cisco,
    "huawei": _huawei,
    "juniper": _juniper,
    "ubiquiti": _ubiquiti,
    "cambium": _cambium,
}
SPOKEN = frozenset(_SPEAKERS)


def speed_attributes(vendor: str, rate_limit: str | None) -> list[Named]:
    """What a router of `vendor`, one of `SPOKEN`, is told of a login's speed; nothing when it has no limit."""
    speed = None if rate_limit is None else read_rate_limit(rate_limit)
    return [] if speed is None else _SPEAKERS[vendor](speed)


def live_attributes(attributes: Mapping[str, str], vendor: str) -> dict[str, str]:
    """A change of a running session as a router of `vendor` knows it; what it does not know is left out.

    A limit that is lifted becomes the highest speed there is, since silence would leave the old one in force.
    """
    if vendor not in SPOKEN:
        return dict(attributes)
    said = {name: value for name, value in attributes.items() if is_for(name, vendor)}
    if RATE_LIMIT in attributes:
        speed = read_rate_limit(attributes[RATE_LIMIT])
        said |= dict(_SPEAKERS[vendor](speed or Speed(download_kbps=MAX_KBPS, upload_kbps=MAX_KBPS)))
    return said
