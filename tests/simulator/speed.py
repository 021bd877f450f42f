"""Reads the speed a router would enforce out of a Mikrotik-Rate-Limit.

Only the first group counts here: bursts and priorities change moments, not what a session moves in a minute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_RATE = re.compile(r"(\d+)([kM]?)")
_FACTOR = {"": 1, "k": 1_000, "M": 1_000_000}


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Bits per second from the customer's side; 0 means no limit."""

    upload_bps: int = 0
    download_bps: int = 0


def parse_rate_limit(text: str) -> Speed:
    """The router receives (upload) first and sends (download) second; one number is for both.

    What RouterOS does not read ("5G", "1.5M") is an error here, so that a test sees it.
    """
    if not text.strip():
        return Speed()
    received, _, sent = text.split(maxsplit=1)[0].partition("/")
    return Speed(upload_bps=_bps(received), download_bps=_bps(sent or received))


def _bps(text: str) -> int:
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a rate that RouterOS reads")
    return int(found[1]) * _FACTOR[found[2]]
