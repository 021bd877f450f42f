"""The last rung of the ladder: a session is ended in place of a change that its router did not make.

The next login brings what was wanted. Whoever writes it writes it in the transaction that ends the change.
"""

from datetime import datetime
from typing import Any

import psycopg

from db.queries.live_changes import enqueue_change
from db.queries.outbox import Claim
from db.queries.seeing import Job


def disconnect_instead(connection: psycopg.Connection[Any], change: Claim | Job, *, why: str, now: datetime) -> None:
    """Order the end of the session of a change, as urgent as the change was and as a part of the same many."""
    enqueue_change(
        connection,
        kind="disconnect",
        reason=change.reason,
        requested_by=f"system: fallback {why}",
        now=now,
        caused_at=change.caused_at,
        sessions=[change.acctuniqueid],
        strangers=True,
        priority=change.priority,
        bulk_change_id=change.bulk_change_id,
    )
