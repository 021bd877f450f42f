"""What a router shows of a session beside what a change wanted: is it so?

Decides from rows that somebody else read. Refuses to guess: a router that could not be read, or showed an empty list,
has said nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.desired import RATE_LIMIT
from domain.speed import read_rate_limit

APPLIED, DIFFERS, UNKNOWN = "applied", "differs", "unknown"
Rate = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What was read of one session. `is_there` None: the lists were empty or could not be read.

    `rate_bps` is upload and download of its queue, 0 for no limit, None without a queue that is surely its own;
    `own_queue` the name of that queue when staff and not the router made it, and it may be set.
    """

    is_there: bool | None
    rate_bps: Rate | None = None
    own_queue: str | None = None


def proof_of(kind: str, attributes: Mapping[str, str], shown: Shown) -> str:
    """Whether what the change wanted is so: one of `domain.live_change.PROOFS`."""
    if shown.is_there is None:
        return UNKNOWN
    if kind == "disconnect":
        return DIFFERS if shown.is_there else APPLIED
    wanted = wanted_rate(attributes)
    if not shown.is_there or wanted is None or shown.rate_bps is None:
        return UNKNOWN
    # No table shows the limits of a session. A CoA is carried out whole or not at all (RFC 5176 section 2.2), so the
    # rate speaks for what was acknowledged with it.
    return APPLIED if same_rate(wanted, shown.rate_bps) else DIFFERS


def wanted_rate(attributes: Mapping[str, str]) -> Rate | None:
    """Upload and download in bit/s that a change asks for, 0 for no limit; None when it is about other things."""
    if RATE_LIMIT not in attributes:
        return None
    speed = read_rate_limit(attributes[RATE_LIMIT])
    return (0, 0) if speed is None else (speed.upload_kbps * 1000, speed.download_kbps * 1000)


def same_rate(one: Rate, other: Rate) -> bool:
    """Whether two rates are the same; a router keeps no more than three digits of a number it shortens."""
    return all(abs(a - b) <= max(a, b) // 200 for a, b in zip(one, other, strict=True))
