"""How quickly changes reach live sessions: from the cause to the packet, and from the cause to the router's yes."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from db.queries import outbox


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """Changes written in a window; a percentile is None when nothing was sent or acknowledged."""

    changes: int
    acks: int
    naks: int
    timeouts: int
    waiting: int
    sent_p50_ms: float | None
    sent_p95_ms: float | None
    ack_p50_ms: float | None
    ack_p95_ms: float | None

    def as_dict(self) -> dict[str, int | float | None]:
        """For `--json` and reports."""
        return asdict(self)


def latency(connection: psycopg.Connection[Any], *, since: datetime, until: datetime) -> Latency:
    """Counts and percentiles of the changes written from `since` to before `until`."""
    return Latency(**outbox.latency(connection, since=since, until=until))
