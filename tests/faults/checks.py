"""Compares the routers' truth with what the installation stored, to the byte, and looks for broken invariants.

Decides how many acknowledged records are lost and what was counted twice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psycopg

from faults.truth import Key, SessionTruth, Truth

_WRAP = 1 << 32
_SHOWN = 3
_HEAD = re.compile(rb"\d{9,11}\.\d{1,6} [0-9a-f.:]+ \{")

_TABLE = """
CREATE TEMP TABLE truth (host inet, session text, class text, username text, subscription bigint, acked bigint,
    sent_up bigint, sent_down bigint, acked_up bigint, acked_down bigint, acked_s bigint, stopped boolean)
"""
# A session is looked up as its router named it, with the Class that the login gave it where the router returned that.
# Where ids were used again, several sessions have one name, and are compared together.
_COMPARED = """
SELECT host(t.host), t.session, t.class, t.acked, t.sent_up, t.sent_down, t.acked_up, t.acked_down, t.acked_s,
    t.stopped, t.sessions, coalesce(r.sessions, 0), r.up, r.down, r.seconds, r.stopped
FROM (SELECT host, session, class, username, count(*) FILTER (WHERE acked > 0) AS sessions, sum(acked)::bigint AS acked,
        sum(sent_up)::bigint AS sent_up, sum(sent_down)::bigint AS sent_down, sum(acked_up)::bigint AS acked_up,
        sum(acked_down)::bigint AS acked_down, sum(acked_s)::bigint AS acked_s,
        count(*) FILTER (WHERE stopped) AS stopped
    FROM truth GROUP BY 1, 2, 3, 4) t
LEFT JOIN (SELECT nasipaddress AS host, acctsessionid AS session, coalesce(class, '') AS class, username,
        count(*) AS sessions, sum(acctinputoctets)::bigint AS up, sum(acctoutputoctets)::bigint AS down,
        sum(acctsessiontime)::bigint AS seconds, count(acctstoptime) AS stopped
    FROM radacct WHERE nas_server_id = ANY(%(routers)s) GROUP BY 1, 2, 3, 4) r USING (host, session, class, username)
"""
_INVENTED = """
SELECT count(*) FROM radacct r LEFT JOIN truth t ON r.nasipaddress = t.host AND r.acctsessionid = t.session
    AND coalesce(r.class, '') = t.class AND r.username = t.username
WHERE r.nas_server_id = ANY(%(routers)s) AND t.session IS NULL
"""
_BOOKED = """
SELECT coalesce(s.id, d.id), coalesce(s.bytes, 0), coalesce(d.bytes, 0)
FROM (SELECT subscription_id AS id, sum(acctinputoctets + acctoutputoctets) AS bytes FROM radacct
      WHERE nas_server_id = ANY(%(routers)s) GROUP BY 1) s
FULL JOIN (SELECT subscription_id AS id, sum(upload_bytes + download_bytes) AS bytes FROM usage_daily
      WHERE nas_server_id = ANY(%(routers)s) GROUP BY 1) d ON s.id = d.id
WHERE coalesce(s.bytes, 0) <> coalesce(d.bytes, 0)
"""
# U5, U6, U9 and what follows from them, as SQL over the routers of one fault; each must find nothing.
INVARIANTS = {
    "U5 two open sessions with one identity": """
        SELECT 1 FROM radacct_open WHERE nas_server_id = ANY(%(routers)s)
        GROUP BY nas_server_id, acctsessionid, class HAVING count(*) > 1""",
    "U6 a session that begins in the future": """
        SELECT 1 FROM radacct WHERE nas_server_id = ANY(%(routers)s) AND acctstarttime > now() + interval '5 min'""",
    "U6 a session that ends before it begins, or was seen after its end": """
        SELECT 1 FROM radacct WHERE nas_server_id = ANY(%(routers)s)
            AND (acctstarttime > acctupdatetime OR acctupdatetime > acctstoptime)""",
    "U6 a session that lasted longer than from its start to its end": """
        SELECT 1 FROM radacct WHERE nas_server_id = ANY(%(routers)s) AND acctstoptime IS NOT NULL
            AND acctsessiontime > extract(epoch FROM acctstoptime - acctstarttime) + 60""",
    "U7 an ended session among the open ones, or an open one among the ended": """
        SELECT 1 FROM radacct r WHERE nas_server_id = ANY(%(routers)s)
            AND (acctstoptime IS NULL) <> (r.tableoid = 'radacct_open'::regclass)""",
    "U9 usage of a day that nobody's session moved": """
        SELECT 1 FROM usage_daily u WHERE nas_server_id = ANY(%(routers)s) AND NOT EXISTS (
            SELECT 1 FROM radacct r
            WHERE r.subscription_id = u.subscription_id AND r.nas_server_id = u.nas_server_id)""",
}


@dataclass(kw_only=True)
class Compared:
    """What a comparison found; the texts name some of what is wrong."""

    lost: int = 0
    duplicated: int = 0
    sessions: int = 0
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def note(self, what: str, found: Sequence[object]) -> None:
        """One problem for all of a kind, with the first of them."""
        if found:
            shown = ", ".join(str(one) for one in found[:_SHOWN])
            self.problems.append(f"{len(found)} {what}: {shown}{', ...' if len(found) > _SHOWN else ''}")


class _Wrong:
    """What is wrong with sessions, by kind."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.split: list[str] = []
        self.short: list[str] = []
        self.long: list[str] = []
        self.open: list[str] = []

    def tell(self, found: "Compared") -> None:
        found.note("sessions of which records were acknowledged and nothing stored", self.missing)
        found.note("sessions stored as several", self.split)
        found.note("sessions with fewer bytes than were acknowledged", self.short)
        found.note("sessions with more bytes than the router counted", self.long)
        found.note("sessions still open after their Stop was acknowledged", self.open)


def compare(url: str, truth: Truth, routers: Sequence[int]) -> Compared:
    """Every session's bytes, their sum by customer, and the invariants."""
    found = Compared(sessions=len(truth.sessions))
    with psycopg.connect(url, autocommit=True) as connection:
        _load(connection, truth.sessions)
        named = {"routers": list(routers)}
        wrong = _Wrong()
        for row in connection.execute(_COMPARED, named):
            _compare_session(found, wrong, row)
        wrong.tell(found)
        invented = _number(connection, _INVENTED, named)
        if invented:
            found.duplicated += invented
            found.problems.append(f"{invented} sessions that no router had")
        booked = connection.execute(_BOOKED, named).fetchall()
        found.duplicated += sum(days > sessions for _, sessions, days in booked)
        found.lost += sum(days < sessions for _, sessions, days in booked)
        found.note("customers whose days do not add up to their sessions", booked)
        for name, statement in INVARIANTS.items():
            broken = len(connection.execute(statement, named).fetchall())
            if broken:
                found.problems.append(f"{name}: {broken}")
    return found


def _load(connection: psycopg.Connection[Any], sessions: Iterable[SessionTruth]) -> None:
    connection.execute(_TABLE)
    with connection.cursor() as cursor, cursor.copy("COPY truth FROM STDIN") as copy:
        for one in sessions:
            copy.write_row((
                one.router, one.session_id, one.class_text, one.username, one.subscription_id, one.records_acked,
                one.upload_bytes, one.download_bytes, one.acked_upload_bytes, one.acked_download_bytes,
                one.acked_session_s, one.stop_acked,
            ))  # fmt: skip
    connection.execute("ANALYZE truth")


def _compare_session(found: Compared, wrong: _Wrong, row: tuple[Any, ...]) -> None:
    host, session, class_text, acked, sent_up, sent_down, acked_up, acked_down, acked_s, stopped = row[:10]
    wanted, rows, up, down, seconds, are_over = row[10:]
    where = f"{session} of {host} ({class_text})"
    if not rows:
        if acked:
            found.lost += acked
            wrong.missing.append(where)
        return
    if rows > wanted:
        # A record may have been stored whose acknowledgement was lost; then the session is there and was not promised.
        found.duplicated += rows - max(1, wanted)
        wrong.split += [f"{where}: {rows}"] if rows > max(1, wanted) else []
    elif rows < wanted:
        found.lost += wanted - rows
        wrong.missing.append(f"{where}: {rows} of {wanted}")
    if up < acked_up or down < acked_down or seconds < acked_s:
        found.lost += 1
        wrong.short.append(f"{where}: {up}+{down} in {seconds} s instead of {acked_up}+{acked_down} in {acked_s} s")
    if up > sent_up or down > sent_down:
        found.duplicated += 1
        wrong.long.append(f"{where}: {up}+{down} instead of {sent_up}+{sent_down}")
    if stopped > are_over:
        wrong.open.append(where)


def _number(connection: psycopg.Connection[Any], statement: str, named: dict[str, Any]) -> int:
    row = connection.execute(statement, named).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """What the spool holds of one run: each record by its key, lines in all, and lines that are no records.

    `torn` are pieces in front of a whole record in the same line, which the collector counts as a line of its own.
    """

    keys: Counter[Key]
    lines: int
    unreadable: int
    torn: int = 0


def read_spool(nodes: Mapping[str, Path], since: Mapping[tuple[str, str], int]) -> Spooled:
    """All lines that were written after these sizes, by every node."""
    keys: Counter[Key] = Counter()
    lines = unreadable = torn = 0
    for node, directory in nodes.items():
        for path in sorted(directory.glob("acct-*.jsonl")):
            with path.open("rb") as file:
                file.seek(since.get((node, path.name), 0))
                for raw in file:
                    lines += 1
                    key = key_of(raw)
                    if key is None and (key := _key_at_the_end(raw)) is not None:
                        torn += 1
                    if key is None:
                        unreadable += 1
                    else:
                        keys[key] += 1
    return Spooled(keys=keys, lines=lines, unreadable=unreadable, torn=torn)


def key_of(raw: bytes) -> Key | None:
    """Which record a line of the spool is; None for one that cannot be read."""
    parts = raw.split(b" ", 2)
    try:
        values = orjson.loads(parts[2])
        class_text = bytes.fromhex(values.get("Class", "0x")[2:]).decode("ascii", "replace")
        status, session_id = values["Acct-Status-Type"], values["Acct-Session-Id"]
        if not isinstance(status, str) or not isinstance(session_id, str):
            return None
        if status == "Start":
            return Key(parts[1].decode(), session_id, class_text, status, None, None, None)
        told = [values[f"Acct-{name}"] for name in ("Session-Time", "Input-Octets", "Output-Octets")]
        told += [values.get(f"Acct-{name}-Gigawords", 0) for name in ("Input", "Output")]
        # Records that FreeRADIUS hands to Python are text throughout.
        seconds, up, down, high_up, high_down = (int(count) if isinstance(count, str) else count for count in told)
        if not all(isinstance(count, int) for count in (seconds, up, down, high_up, high_down)):
            return None
        counted = (up + high_up * _WRAP, down + high_down * _WRAP, seconds)
        return Key(parts[1].decode(), session_id, class_text, status, *counted)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


def _key_at_the_end(raw: bytes) -> Key | None:
    """The record behind a torn piece of another, which a full disk cut off."""
    return next((key for match in _HEAD.finditer(raw, 1) if (key := key_of(raw[match.start() :])) is not None), None)


def lost_records(acked: Iterable[Key], spooled: Spooled) -> list[Key]:
    """Acknowledged records that are not in the spool."""
    return [key for key in acked if key not in spooled.keys]
