"""What the policy's notes tell of routers, kept with the router: heard for a login, requests signed or not.

A router counts as signing while nothing else was seen for an hour, so one whose services differ is not called signing
now and then; one unsigned request is enough to call it not.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from db.queries import router_news as queries
from db.queries.accounting import Connection

WORDS = ("heard", "signed", "unsigned", "unreadable")
SIGNS_AFTER = timedelta(hours=1)


class Note(NamedTuple):
    """One thing seen of a router."""

    nas_server_id: int
    word: str
    at: datetime


def read(element: Any) -> Note | None:
    """The note that an element of the access log's lines is, or None."""
    if not isinstance(element, dict) or "router" not in element:
        return None
    router, word, at = element.get("router"), element.get("seen"), element.get("at")
    if type(router) is not int or not 0 < router < 1 << 63 or word not in WORDS:
        return None
    if not isinstance(at, int | float) or not math.isfinite(at) or not 0 <= at < 1e11:
        return None
    return Note(router, str(word), datetime.fromtimestamp(at, UTC))


def write(connection: Connection, notes: Sequence[Note]) -> None:
    """Keep the newest of each kind; a router that is being edited is left for the next note."""
    heard: dict[int, datetime] = {}
    by_word: dict[str, dict[int, datetime]] = {"signed": {}, "unsigned": {}, "unreadable": {}}
    for note in notes:
        for newest in (heard, by_word.get(note.word, heard)):
            newest[note.nas_server_id] = max(note.at, newest.get(note.nas_server_id, note.at))
    if heard:
        queries.mark_heard(connection, heard)
    if by_word["unreadable"]:
        queries.mark_unreadable(connection, by_word["unreadable"])
    if by_word["unsigned"]:
        queries.mark_unsigned(connection, by_word["unsigned"])
    signed = {router: at for router, at in by_word["signed"].items() if router not in by_word["unsigned"]}
    if signed:
        queries.mark_signed(connection, signed, none_unsigned_for=SIGNS_AFTER)
