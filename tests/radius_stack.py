"""A real FreeRADIUS with our configuration on free ports, for tests that need packets on a wire."""

import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet
from sqlalchemy.orm import Session, sessionmaker

from db.engine import make_engine
from runtime import freeradius, ports, processes
from runtime.files import write_private
from runtime.processes import ProcessId
from runtime.settings import Settings
from simulator import SimulatedRouter


@dataclass(kw_only=True)
class RadiusStack:
    """The servers for logins and accounting, their settings and their database."""

    settings: Settings
    folder: Path
    processes: dict[str, ProcessId]
    sessions: sessionmaker[Session]

    def router(self, *, secret: str, **options: Any) -> SimulatedRouter:
        """A simulated router on 127.0.0.1 that asks this server."""
        return SimulatedRouter(
            secret=secret,
            auth_port=self.settings.radius_auth_port,
            acct_port=self.settings.radius_acct_port,
            **{"timeout_ms": 1000} | options,
        )

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Plain SQL by somebody who knows nothing of the application; committed."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def access_records(self) -> list[list[Any]]:
        """Every access record in the spool so far."""
        return [element for element in self._access_elements() if isinstance(element, list)]

    def receipts(self) -> dict[str, dict[str, Any]]:
        """Every receipt in the spool so far, by its name."""
        dicts = [element for element in self._access_elements() if isinstance(element, dict)]
        return {item["receipt"]: item["body"] for item in dicts if "receipt" in item}

    def _access_elements(self) -> list[Any]:
        files = sorted(self.settings.spool_dir.glob("access-*.jsonl"))
        return [element for path in files for line in path.read_bytes().splitlines() for element in json.loads(line)]

    def wait_for_record(self, username: str, timeout_s: float = 3.0) -> list[Any]:
        """The newest access record of a name, once it is written."""
        return wait_for(lambda: [r for r in self.access_records() if r[3] == username], timeout_s)[-1]

    def accounting_lines(self) -> list[bytes]:
        """Every line in the accounting spool, by the time of its packet: each server has a file of its own."""
        files = self.settings.spool_dir.glob("acct-*.jsonl")
        return sorted((line for path in files for line in path.read_bytes().splitlines()), key=lambda line: line[:17])

    def servers(self, part: str) -> list[int]:
        """The process ids of the servers that share a part's port, in the order of their shares."""
        parent = self.processes[part].pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def log(self) -> str:
        """What the servers said."""
        return "".join(self._log_file(part).read_text(errors="replace") for part in freeradius.PARTS)

    def kill(self, *parts: str) -> None:
        """kill -9, of all parts unless some are named."""
        for part in parts or freeradius.PARTS:
            process = self.processes[part]
            os.kill(process.pid, 9)
            wait_for(lambda process=process: not process.is_running())
        processes._reap()

    def start(self, *parts: str) -> None:
        """Start the servers on their ports, all unless some are named."""
        for part in parts or freeradius.PARTS:
            raddb = freeradius.render(self.settings, self.folder / f"raddb-{part}")
            self.processes[part] = freeradius.start(self.settings, raddb, part, log_file=self._log_file(part))

    def end(self) -> None:
        """Ask the servers to end, and wait for it."""
        for process in self.processes.values():
            processes.end(process, grace_seconds=5)

    def _log_file(self, part: str) -> Path:
        return self.folder / f"radius-{part}.log"


def wait_for(condition: Any, timeout_s: float = 5.0) -> Any:
    """The first truthy answer of `condition`, or a failure after the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing after {timeout_s} s")
        time.sleep(0.02)
    return answer


@contextmanager
def radius_stack(folder: Path, database_url: str, **settings: Any) -> Iterator[RadiusStack]:
    """Starts FreeRADIUS on a migrated database; LINTAS_KEYS_FILE names its keys meanwhile."""
    keys_file = folder / "keys"
    write_private(keys_file, Fernet.generate_key().decode() + "\n")
    write_private(folder / "flask.key", uuid.uuid4().hex)
    before = os.environ.get("LINTAS_KEYS_FILE")
    os.environ["LINTAS_KEYS_FILE"] = str(keys_file)
    auth_port = ports.choose(0, transport=ports.Transport.UDP, taken=[0])
    values = {
        "database_url": database_url,
        "redis_url": "redis://127.0.0.1:1/0",
        "keys_file": keys_file,
        "secret_key_file": folder / "flask.key",
        "spool_dir": folder / "spool",
        "var_dir": folder,
        "radius_auth_port": auth_port,
        "radius_acct_port": ports.choose(0, transport=ports.Transport.UDP, taken=[0, auth_port]),
        "spool_min_free_mb": 1,
    }
    configured = Settings(**values | settings)
    engine = make_engine(database_url)
    stack = RadiusStack(
        settings=configured, folder=folder, processes={}, sessions=sessionmaker(engine, expire_on_commit=False)
    )
    try:
        stack.start()
        yield stack
    finally:
        stack.end()
        engine.dispose()
        if before is None:
            os.environ.pop("LINTAS_KEYS_FILE", None)
        else:
            os.environ["LINTAS_KEYS_FILE"] = before
