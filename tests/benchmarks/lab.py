"""A private installation for measurements: a durable PostgreSQL, our FreeRADIUS and collector, and their end.

Everything lies under var/bench/run and is ended by process id, also what a killed measurement left behind. One
measurement at a time: a second one on the same machine would measure the first.
"""

import fcntl
import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet

from db import cluster as database_admin
from db.crypto import Keyring
from db.migrations import runner
from runtime import files, freeradius, local, ports, postgres, processes, redis, services
from runtime.processes import ProcessId
from runtime.record import Entry, Record, end_leftovers, write_record
from runtime.services import Service
from runtime.settings import PREFIX, Settings, var_dir

ROLE = "lintas"
DATABASE = "lintas"
NODE = "bench"
_POLL_SECONDS = 0.05


class LabError(Exception):
    """Something that the measurement needs did not start or did not come to rest in time."""


@dataclass(kw_only=True)
class Lab:
    """What is running and how to reach it; `say` tells a person what goes on."""

    home: Path
    cluster: postgres.Cluster
    redis_server: redis.RedisServer
    settings: Settings
    secret: str
    subscribers: int
    say: Callable[[str], None]
    record: Record
    connection: psycopg.Connection[Any] = field(init=False)

    @property
    def log_dir(self) -> Path:
        return self.home / "log"

    @property
    def keyring(self) -> Keyring:
        return Keyring.from_file(self.settings.keys_file)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """A statement of our own on the measured database, committed at once."""
        cursor = self.connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []

    def number(self, statement: str, *values: object) -> int:
        """The one number a query gives; none is 0."""
        rows = self.sql(statement, *values)
        return int(rows[0][0] or 0) if rows else 0

    # --- processes ---

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> ProcessId:
        """Starts a process and remembers it for the end."""
        log_file = self.log_file(name)
        process = processes.launch(command, log_file=log_file, cwd=self.home, env=env)
        if process is None:
            raise LabError(f"{name} ended at once: {tail(log_file)}")
        self.remember(name, process)
        return process

    def remember(self, name: str, process: ProcessId) -> None:
        self.record.services[name] = Entry(state="ready", process=process)
        write_record(self.home / "lab.pid", self.record)

    def end(self, name: str) -> None:
        """Ends one process by its id; nothing happens when it is gone."""
        entry = self.record.services.pop(name, None)
        if entry is not None and entry.process is not None:
            first = signal.SIGINT if name == "postgres" else signal.SIGTERM
            processes.end(entry.process, first_signal=first, grace_seconds=20.0)

    def process(self, name: str) -> ProcessId:
        entry = self.record.services[name]
        if entry.process is None or not entry.process.is_running():
            raise LabError(f"{name} has ended: {tail(self.log_file(name))}")
        return entry.process

    def log_file(self, name: str) -> Path:
        return self.log_dir / f"{name}.log"

    def end_all(self) -> None:
        """The last started ends first, so nobody loses its database while it works."""
        for name in reversed(list(self.record.services)):
            self.end(name)

    # --- our own parts ---

    def start_radius(self) -> tuple[ProcessId, ...]:
        """Our FreeRADIUS processes: logins, with the policy, and accounting."""
        return tuple(self.start_part(part) for part in freeradius.PARTS)

    def start_part(self, part: str) -> ProcessId:
        """One of our FreeRADIUS processes."""
        raddb = freeradius.render(self.settings, self.home / f"raddb-{part}")
        process = freeradius.start(self.settings, raddb, part, log_file=self.log_file(f"radius-{part}"))
        self.remember(f"radius-{part}", process)
        return process

    def start_service(self, name: str) -> ProcessId:
        """A process of an installation (collector, worker), with its own command, on this lab's database."""
        return self.start_service_as(name, name)

    def start_service_as(self, name: str, known_as: str, instead: Mapping[str, str] | None = None) -> ProcessId:
        """The same under another name in this lab, so that there may be two; `instead` changes words of its command."""
        place = local.Local(places=local.Places(var=self.home), cluster=None, redis_server=None)
        found = [
            item for item in services.plan(place, self.settings) if isinstance(item, Service) and item.name == name
        ]
        command = [(instead or {}).get(word, word) for word in found[0].command]
        process = self.start(known_as, command, env=self._environment(found[0]))
        self._wait_until_it_says(known_as, found[0])
        return process

    def _environment(self, service: Service) -> dict[str, str]:
        inherited = {key: value for key, value in services.child_env(service).items() if not key.startswith(PREFIX)}
        return inherited | self.own_environment()

    def own_environment(self) -> dict[str, str]:
        """This lab's settings as variables, and no others'."""
        ours = {PREFIX + key.upper(): str(value) for key, value in self.settings.model_dump().items()}
        return ours | {PREFIX + "ENV_FILE": os.devnull}

    def _wait_until_it_says(self, name: str, service: Service) -> None:
        if not service.ready_text:
            time.sleep(1.0)
            self.process(name)
            return
        log_file = self.log_file(name)
        self.wait_for(lambda: service.ready_text in log_file.read_text(errors="replace"), 30.0, f"{name} is not ready")

    def wait_for(self, condition: Callable[[], bool], seconds: float, complaint: str) -> float:
        """Waits until the condition holds; returns the monotonic time at which it was seen."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= deadline:
                raise LabError(f"{complaint} after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)
        return time.monotonic()


def tail(log_file: Path) -> str:
    """The end of a log, for a complaint."""
    return "\n".join(log_file.read_text(errors="replace").splitlines()[-8:]) if log_file.exists() else "no log"


def results_dir(place: str = "bench") -> Path:
    """Where results are written, and where the lab lies meanwhile."""
    directory = var_dir() / place
    # PostgreSQL runs as another user and must be able to walk through, not to list.
    for path in (var_dir(), directory):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o711)
    return directory


@contextmanager
def private_cluster(name: str, *, durable: bool = True) -> Iterator[postgres.Cluster]:
    """A PostgreSQL alone under var/bench/`name`, gone afterwards; one that is not durable is loaded faster."""
    # The server runs as a user of its own and must be able to walk through to its cluster.
    home = results_dir() / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o711)
    cluster = postgres.Cluster(directory=home / "postgres", port=free_tcp_port(), durable=durable)
    postgres.init(cluster)
    process = postgres.start(cluster)
    try:
        yield cluster
    finally:
        processes.end(process, grace_seconds=30)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def open_lab(*, subscribers: int, say: Callable[[str], None], place: str = "bench") -> Iterator[Lab]:
    """A lab in var/`place` with a migrated, empty database; everything in it is ended and deleted afterwards."""
    home = results_dir(place) / "run"
    with _alone(results_dir(place) / "lock"):
        _clear(home)
        home.mkdir(mode=0o711)
        home.chmod(0o711)
        lab = _furnish(home, subscribers, say)
        try:
            say("starting PostgreSQL, bringing it to the newest schema, starting Redis")
            _start_database(lab)
            lab.remember("redis", redis.start(lab.redis_server))
            yield lab
        finally:
            _close(lab)


def _furnish(home: Path, subscribers: int, say: Callable[[str], None]) -> Lab:
    own = ProcessId.of(os.getpid())
    assert own is not None
    for name in ("log", "spool"):
        files.private_dir(home / name)
    files.write_private(home / "keys", Fernet.generate_key().decode() + "\n")
    files.write_private(home / "flask.key", uuid.uuid4().hex)
    cluster = postgres.Cluster(directory=postgres.directory_for(home / "postgres"), port=free_tcp_port())
    redis_server = redis.RedisServer(directory=home / "redis", port=free_tcp_port(), password=uuid.uuid4().hex)
    return Lab(
        home=home,
        cluster=cluster,
        redis_server=redis_server,
        settings=_settings(home, cluster, redis_server),
        secret=uuid.uuid4().hex,
        subscribers=subscribers,
        say=say,
        record=Record(supervisor=own, complete=True),
    )


def _settings(home: Path, cluster: postgres.Cluster, redis_server: redis.RedisServer) -> Settings:
    auth_port = free_udp_ports()
    return Settings(
        database_url=postgres.url(cluster, database=DATABASE, role=ROLE, password=uuid.uuid4().hex),
        redis_url=redis_server.url,
        keys_file=home / "keys",
        secret_key_file=home / "flask.key",
        spool_dir=home / "spool",
        var_dir=home,
        node=NODE,
        radius_host="127.0.0.1",
        radius_auth_port=auth_port,
        radius_acct_port=auth_port + 1,
        spool_min_free_mb=64,
    )


def _start_database(lab: Lab) -> None:
    postgres.init(lab.cluster)
    lab.remember("postgres", postgres.start(lab.cluster))
    url = lab.settings.database_url
    password = psycopg.conninfo.conninfo_to_dict(url)["password"]
    add_database(lab, database=DATABASE, role=ROLE, password=str(password))
    runner.upgrade(url)
    lab.connection = psycopg.connect(url, autocommit=True)


def add_database(lab: Lab, *, database: str, role: str, password: str) -> None:
    """A database of the lab's cluster with a role that owns it."""
    with postgres.connect_admin(lab.cluster) as admin:
        database_admin.ensure_role(admin, role=role, password=password)
        database_admin.ensure_database(admin, database=database, owner=role)


def free_tcp_port() -> int:
    """A TCP port that nobody has."""
    return ports.choose(0, transport=ports.Transport.TCP, taken=[0])


def free_udp_ports() -> int:
    """A UDP port that nobody has, as nobody has the next one: login and accounting."""
    for _ in range(64):
        port = ports.choose(0, transport=ports.Transport.UDP, taken=[0])
        if port < 65535 and ports.is_free(port + 1, transport=ports.Transport.UDP):
            return port
    raise LabError("no two neighbouring UDP ports are free")


@contextmanager
def _alone(lock_file: Path) -> Iterator[None]:
    with lock_file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError("another measurement is running on this machine; wait for its end") from None
        yield


def _close(lab: Lab) -> None:
    if hasattr(lab, "connection"):
        lab.connection.close()
    lab.end_all()
    _clear(lab.home)


def _clear(home: Path) -> None:
    """Ends what a killed measurement left, and deletes its files."""
    end_leftovers(home / "lab.pid")
    for directory in (home, postgres.directory_for(home / "postgres")):
        shutil.rmtree(directory, ignore_errors=True)
