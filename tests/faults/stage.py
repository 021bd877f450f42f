"""Where faults happen: an installation of its own, whose parts can be killed, stopped, starved and started again.

Built on the laboratory of the measurements: the same PostgreSQL, FreeRADIUS, collector and worker, each a real process.
Knows how to end and start a part and how far the collector has counted; what is broken when is a fault's own business.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import machine, subscribers
from benchmarks.lab import Lab, LabError, open_lab
from benchmarks.load import PASSWORD_FORMAT
from benchmarks.servers import start_ours
from faults.nas import Dialler, Server
from runtime import files, freeradius, postgres, processes, redis
from runtime.processes import ProcessId

PLACE = "faults"
SUBSCRIBERS = 3000
# The last ones are no customers: their passwords are guessed at, or they are blocked.
_GUESSED, _BLOCKED = range(2601, 2801), range(2801, 3001)
# The first ones' Class is in packets that attackers make up; a few before the guessed ones are attacked by name.
_CUSTOMERS, VICTIMS = range(20, 2581), range(2591, 2595)
RADIUS = tuple(f"radius-{part}" for part in freeradius.PARTS)
# A file of a node's spool, and how long it is.
Sizes = dict[tuple[str, str], int]
_GONE_S = 10.0
_CONNECT_S = 30.0


@dataclass(kw_only=True)
class Stage:
    """The running installation; `seed` fixes whatever a fault draws by chance."""

    lab: Lab
    seed: int
    # Further RADIUS nodes: name to spool.
    more_nodes: dict[str, Path] = field(default_factory=dict)
    _next_router: int = 1000
    _stopped: list[int] = field(default_factory=list)

    # --- the database ---

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """A statement on a connection of its own, committed; waits a while for a database that is just coming up."""
        deadline = time.monotonic() + _CONNECT_S
        while True:
            try:
                with psycopg.connect(self.lab.settings.database_url, autocommit=True, connect_timeout=5) as connection:
                    cursor = connection.execute(statement, values or None)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.1)

    def number(self, statement: str, *values: object) -> int:
        """The one number that a query gives."""
        return int(self.sql(statement, *values)[0][0] or 0)

    # --- processes ---

    def kill(self, name: str) -> None:
        """kill -9 of a process and of what it has started; returns when all of it is gone."""
        process = self.lab.process(name)
        family = [process, *_family(process.pid)]
        if name == "postgres":
            # Its children notice and leave by themselves, as after a crash.
            os.kill(process.pid, signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        self.lab.wait_for(lambda: not any(one.is_running() for one in family), _GONE_S, f"{name} does not die")
        processes._reap()
        del self.lab.record.services[name]

    def end(self, name: str) -> None:
        """Ask a process to end, as a restart for an upgrade does."""
        self.lab.end(name)

    def start(self, name: str) -> None:
        """Start a process again, as its supervisor does, and wait until it is ready."""
        if name == "postgres":
            self.lab.remember(name, postgres.start(self.lab.cluster, timeout_seconds=60))
        elif name == "redis":
            self.lab.remember(name, redis.start(self.lab.redis_server))
        elif name in RADIUS:
            self.lab.start_part(name.removeprefix("radius-"))
        else:
            self.lab.start_service(name)

    def is_running(self, name: str) -> bool:
        entry = self.lab.record.services.get(name)
        return entry is not None and entry.is_running()

    def ensure(self, *names: str) -> None:
        """Start those that do not run, and connect the laboratory to its database anew."""
        for name in names:
            if not self.is_running(name):
                self.start(name)
        self.lab.connection.close()
        self.lab.connection = psycopg.connect(self.lab.settings.database_url, autocommit=True)

    def freeze(self, name: str) -> None:
        """SIGSTOP to a process and to what it has started: it hangs, and its sockets stay open."""
        process = self.lab.process(name)
        self._stopped = [process.pid, *(child.pid for child in _family(process.pid))]
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT to what was frozen."""
        self._signal(signal.SIGCONT)
        self._stopped = []

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._stopped:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    # --- the spool ---

    @property
    def nodes(self) -> dict[str, Path]:
        """The spool of every RADIUS node by its name."""
        return {self.lab.settings.node: self.lab.settings.spool_dir, **self.more_nodes}

    def spool_sizes(self) -> Sizes:
        """How long each file of accounting records is, by node and name."""
        return {
            (node, path.name): path.stat().st_size
            for node, directory in self.nodes.items()
            for path in sorted(directory.glob("acct-*.jsonl"))
        }

    def uncounted(self, sizes: Sizes) -> int:
        """How many of these bytes the collectors have not committed yet."""
        rows = self.sql("SELECT node, file, offset_bytes FROM spool_positions WHERE stream = 'acct' AND file <> ''")
        counted = {(node, file): offset for node, file, offset in rows}
        return sum(max(0, size - counted.get(name, 0)) for name, size in sizes.items())

    def wait_counted(self, sizes: Sizes, timeout_s: float) -> float:
        """Waits until all of this is committed; returns the monotonic time. Raises `LabError` at the deadline."""
        try:
            return self.lab.wait_for(lambda: self.uncounted(sizes) == 0, timeout_s, "records are not committed")
        except LabError:
            raise LabError(
                f"{self.uncounted(sizes)} bytes of records were not committed in {timeout_s:.0f} s"
            ) from None

    def resettle(self, *names: str, **changes: object) -> None:
        """Other settings for these (the accounting server and the collector), which start again with them."""
        names = names or ("radius-accounting", "collector")
        for name in names:
            self.end(name)
        self.lab.settings = self.lab.settings.model_copy(update=changes)
        for name in names:
            self.start(name)

    # --- who takes part ---

    @property
    def server(self) -> Server:
        """Our own RADIUS server."""
        return Server(auth_port=self.lab.settings.radius_auth_port, acct_port=self.lab.settings.radius_acct_port)

    def add_routers(self, addresses: list[str], *, coa_port: int = 3799) -> list[int]:
        """Routers at these addresses, known to the servers; returns their numbers."""
        numbers = []
        for address in addresses:
            self._next_router += 1
            subscribers.add_router(self.lab, self._next_router, address, coa_port=coa_port)
            numbers.append(self._next_router)
        return numbers

    def customers(self) -> list[Dialler]:
        """Those who may always log in."""
        return [dialler(number) for number in _CUSTOMERS]

    def strangers(self) -> list[Dialler]:
        """Wrong passwords, unknown names, blocked subscriptions, each from a device of its own."""
        guesses = [dialler(number, password="guess") for number in _GUESSED]
        unknown = [dialler(number, username=f"nobody{number:06d}") for number in _GUESSED]
        return [one for trio in zip(guesses, unknown, map(dialler, _BLOCKED), strict=True) for one in trio]

    # --- machine ---

    def mount(self, directory: Path, size: str) -> None:
        """A small disk of its own in this process's mount namespace."""
        directory.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", str(directory)], check=True)

    def remount(self, directory: Path, how: str) -> None:
        """`ro` makes every write fail with EROFS, also root's."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(directory)], check=True)

    def unmount(self, directory: Path) -> None:
        """Let go of a disk."""
        subprocess.run(["umount", "-l", str(directory)], check=True)


def dialler(number: int, *, username: str = "", password: str = "") -> Dialler:
    """Subscriber n with his device, as the laboratory seeds them."""
    octets = (number >> shift & 255 for shift in (24, 16, 8, 0))
    return Dialler(
        subscription_id=number,
        username=username or subscribers.username(number),
        password=password or PASSWORD_FORMAT.replace("l", "") % number,
        mac="02:" + ":".join(f"{octet:02X}" for octet in octets) + ":00",
    )


def _family(pid: int) -> list[ProcessId]:
    found: list[ProcessId] = []
    for child in machine.children_of(pid):
        one = ProcessId.of(child)
        found += [one] if one is not None else []
        found += _family(child)
    return found


@contextmanager
def open_stage(*, seed: int, say: Callable[[str], None]) -> Iterator[Stage]:
    """An installation with subscribers, filled memory and everything running that every fault needs."""
    with open_lab(subscribers=SUBSCRIBERS, say=say, place=PLACE) as lab:
        # A small machine's margin, so that a small disk can be filled; the default is half a gigabyte.
        lab.settings = lab.settings.model_copy(update={"spool_min_free_mb": 1, "node": PLACE})
        files.private_dir(lab.home / "run")
        subscribers.seed(lab)
        lab.sql("UPDATE subscriptions SET status = 'suspended' WHERE id = ANY(%s)", list(_BLOCKED))
        start_ours(lab)
        stage = Stage(lab=lab, seed=seed)
        try:
            yield stage
        finally:
            stage.thaw()
