"""Sessions in a walled garden whose time there is over: they have to log in again to be customers as before.

Whoever pays is let out at once by the use-case that takes the payment; this finds those whom the clock, a job or plain
SQL has let out, and those who must leave for good.
"""

from datetime import datetime, timedelta

from accounting.fairuse import ACTOR
from db.queries import gardens as queries
from db.queries.access import profiles_by_id
from db.queries.accounting import Connection
from db.queries.live_changes import enqueue_change
from domain.access import belongs_in_garden

SEEN_LATELY = timedelta(hours=1)
ASK_AGAIN = timedelta(minutes=5)


def let_out(connection: Connection, *, after: str, now: datetime, limit: int) -> tuple[str, int]:
    """Ask for the end of those among the next `limit` sessions who do not belong in a garden.

    Returns the last unique id looked at (empty at the end of the list) and how many changes were written.
    """
    sessions = queries.part_of_sessions_in_gardens(
        connection, after=after, seen_since=now - SEEN_LATELY, asked_since=now - ASK_AGAIN, limit=limit
    )
    if not sessions:
        return "", 0
    profiles = profiles_by_id(connection, {subscription_id for _, subscription_id in sessions})
    leaving = [
        unique_id
        for unique_id, subscription_id in sessions
        if (found := profiles.get(subscription_id)) is None or not belongs_in_garden(found[0], now)
    ]
    asked = (
        enqueue_change(
            connection, kind="disconnect", reason="garden_over", requested_by=ACTOR, now=now, sessions=leaving
        )
        if leaving
        else []
    )
    return sessions[-1][0] if len(sessions) == limit else "", len(asked)
