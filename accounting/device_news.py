"""What a decision asks to be written: a device to learn, a device to approve, sessions that another one replaces.

The policy writes nothing, so its records carry it. A device is learned, and a session ended, only for a login whose
password was right, which is what the record of an accept says by the time it is here.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson

from db.queries import devices
from db.queries.accounting import Connection
from db.queries.live_changes import enqueue_change

# Afterwards the session that was to end may be the only one left.
END_WITHIN = timedelta(minutes=10)
MOST_ENDED = 100
REQUESTED_BY = "policy"

_MAC = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){5}")
_UNIQUE_ID = re.compile(r"[0-9a-f]{32}")
Told = list[tuple[int, str]]


def write(connection: Connection, rows: Iterable[tuple[Any, ...]], now: datetime) -> bool:
    """Do what stored rows of the access log ask for; True when a session is to be ended."""
    learn, ask, end = _read(rows, now)
    if learn:
        devices.learn_devices(connection, learn)
    if ask:
        devices.ask_for_devices(connection, ask)
    sessions = devices.own_sessions(connection, end) if end else []
    if not sessions:
        return False
    return bool(
        enqueue_change(
            connection, kind="disconnect", reason="replaced", requested_by=REQUESTED_BY, now=now, sessions=sessions
        )
    )


def _read(rows: Iterable[tuple[Any, ...]], now: datetime) -> tuple[Told, Told, Told]:
    """Devices to learn, devices to ask for and sessions to end, each with its subscription; oldest decision first."""
    learn: Told = []
    ask: Told = []
    end: Told = []
    for row in sorted((row for row in rows if row[10] is not None and row[9] is not None), key=lambda row: row[0]):
        details, subscription_id, is_accept = orjson.loads(row[10]), row[9], row[6] == "accept"
        if is_accept and _is(_MAC, details.get("learn")):
            learn.append((subscription_id, details["learn"]))
        if not is_accept and _is(_MAC, details.get("ask")):
            ask.append((subscription_id, details["ask"]))
        if is_accept and now - row[0] < END_WITHIN and isinstance(details.get("end"), list):
            end += [(subscription_id, item) for item in details["end"][:MOST_ENDED] if _is(_UNIQUE_ID, item)]
    return learn, ask, end


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
