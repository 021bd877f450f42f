"""The three servers that are compared: ours, stock FreeRADIUS with rlm_sql, FreeRADIUS without a database.

Each on its own ports, all on the same PostgreSQL cluster with the same settings, all recording every login: ours
through its spool and collector into access_log, rlm_sql into radpostauth, the last one as a line in a file.
"""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg

from benchmarks.lab import Lab, add_database, free_udp_ports
from benchmarks.load import PASSWORD_FORMAT
from runtime import freeradius
from runtime.processes import ProcessId

OURS, SQL, CEILING = "lintas", "rlm_sql", "ceiling"
_PEER = Path(__file__).with_name("peer-freeradius")
_PEER_DATABASE = "peer"
# Without a database every login has this password.
_CEILING_PASSWORD = "pass"
_FILL_SECONDS = 180.0
# Few subscribers may have been read before anybody looks.
_FILL_BEGINS_SECONDS = 2.0
# What our server has read ahead into memory is read with this server-side cursor.
_FILLING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%all_profiles%' AND pid <> pg_backend_pid()"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server under load, in one process or two; `logins_recorded` says how many decisions are on record by now."""

    name: str
    processes: tuple[ProcessId, ...]
    auth_port: int
    acct_port: int
    password_format: str
    logins_recorded: Callable[[], int]
    database_url: str


def start_ours(lab: Lab) -> Server:
    """Our FreeRADIUS with its memory filled, and the collector behind it."""
    lab.start_service("collector")
    lab.say("starting our FreeRADIUS and waiting until its memory is filled")
    processes = lab.start_radius()
    _wait_filled(lab)
    return Server(
        name=OURS,
        processes=processes,
        auth_port=lab.settings.radius_auth_port,
        acct_port=lab.settings.radius_acct_port,
        password_format=PASSWORD_FORMAT,
        logins_recorded=lambda: lab.number("SELECT count(*) FROM access_log"),
        database_url=lab.settings.database_url,
    )


def _wait_filled(lab: Lab) -> None:
    seen_by = time.monotonic() + _FILL_BEGINS_SECONDS
    while lab.number(_FILLING) == 0 and time.monotonic() < seen_by:
        time.sleep(0.02)
    lab.wait_for(lambda: lab.number(_FILLING) == 0, _FILL_SECONDS, "our FreeRADIUS has not read all subscribers")


def start_sql(lab: Lab) -> Server:
    """Stock FreeRADIUS with rlm_sql, with as many subscribers in its own database."""
    lab.say(f"loading {lab.subscribers} subscribers into rlm_sql's tables and starting stock FreeRADIUS")
    password = uuid.uuid4().hex
    add_database(lab, database=_PEER_DATABASE, role=_PEER_DATABASE, password=password)
    cluster = lab.cluster
    where = [str(lab.subscribers), cluster.host, str(cluster.port), _PEER_DATABASE, _PEER_DATABASE]
    port = free_udp_ports()
    process = _start_peer(lab, "sql", port, where, {"PGPASSWORD": password})
    url = f"postgresql://{_PEER_DATABASE}:{quote(password)}@{cluster.host}:{cluster.port}/{_PEER_DATABASE}"
    return Server(
        name=SQL,
        processes=(process,),
        auth_port=port,
        acct_port=port + 1,
        password_format=PASSWORD_FORMAT,
        logins_recorded=lambda: peer_number(url, "SELECT count(*) FROM radpostauth"),
        database_url=url,
    )


def peer_number(url: str, statement: LiteralString) -> int:
    """The one number that a query on rlm_sql's database gives."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
    return int(row[0] or 0) if row else 0


def start_ceiling(lab: Lab) -> Server:
    """FreeRADIUS without a database: nothing real can be above it."""
    port = free_udp_ports()
    process = _start_peer(lab, "ceiling", port, [], {})
    lines = _Lines(lab.home / "ceiling" / "run" / "access.log")
    return Server(
        name=CEILING,
        processes=(process,),
        auth_port=port,
        acct_port=port + 1,
        password_format=_CEILING_PASSWORD,
        logins_recorded=lines.count,
        database_url="",
    )


def _start_peer(lab: Lab, kind: str, port: int, where: list[str], env: dict[str, str]) -> ProcessId:
    command = [str(_PEER), kind, str(port), str(lab.home / kind), *where]
    process = lab.start(kind, command, env={**os.environ, "LOG": "1", "SECRET": lab.secret, **env})
    freeradius.wait_ready([port, port + 1], process=process, log_file=lab.log_file(kind), timeout_seconds=180.0)
    return process


class _Lines:
    """Counts the lines of a growing file without reading any twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = self._lines = 0

    def count(self) -> int:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while block := file.read(1 << 20):
                    self._lines += block.count(b"\n")
                    self._offset += len(block)
        return self._lines
