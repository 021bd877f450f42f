"""Services for the tests: one private PostgreSQL per run, a fresh migrated database per test, a Redis per worker.

Nothing here is started until a test asks for it, so tests/unit and tests/house run without any service. A run that was
killed leaves its servers behind; the next run finds them by their dead owner and stops them.
"""

import fcntl
import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path

import hypothesis
import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

import quick_apps
from db import cluster as database_admin
from db.engine import make_engine
from db.migrations import runner
from runtime import ports, postgres, processes, redis
from runtime.files import write_private
from runtime.processes import ProcessId
from runtime.settings import Settings, get_settings

PREFIX = "lintas-tests-"
ROLE = "lintas"
TEMPLATE = "lintas_template"
MEMORY, MEMORY_ROOM_BYTES = Path("/dev/shm"), 3 << 30
SERVICES_DIR = pytest.StashKey[Path]()

hypothesis.settings.register_profile("quick", max_examples=50, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("LINTAS_HYPOTHESIS", "quick"))


class ReachesOutError(Exception):
    """A test tried to talk to another machine."""


def pytest_collection_finish() -> None:
    """What was collected stays; the garbage collector's rounds over it cost a fifth of what the panel's tests took."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 10)


def _refuse_other_machines(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if isinstance(address, tuple) and not _is_local(str(address[0])):
            raise ReachesOutError(f"tests talk to this machine only, not to {address[0]}")
    elif event == "socket.getaddrinfo" and arguments[0] and not _is_local(str(arguments[0])):
        raise ReachesOutError(f"tests look up no names, such as {arguments[0]}")


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host in {"localhost", ""}
    return address.is_loopback or address.is_unspecified


def _services_root() -> Path:
    """Where the run's servers lie: in memory, if there is room. A test's database is a copy of seven hundred files."""
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_ROOM_BYTES
    return MEMORY if has_room else Path(tempfile.gettempdir())


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("LINTAS_") and name != "LINTAS_HYPOTHESIS"]:
        del os.environ[name]
    # A demo's own var/lintas.env must never lead a test to the demo's database.
    os.environ["LINTAS_ENV_FILE"] = os.devnull
    sys.addaudithook(_refuse_other_machines)
    quick_apps.install()
    if hasattr(config, "workerinput"):
        config.stash[SERVICES_DIR] = Path(config.workerinput["services_dir"])
        return
    _clear_abandoned()
    config.stash[SERVICES_DIR] = _new_services_dir()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    node.workerinput["services_dir"] = str(node.config.stash[SERVICES_DIR])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVICES_DIR in config.stash and not hasattr(config, "workerinput"):
        _clear(config.stash[SERVICES_DIR])


def _new_services_dir() -> Path:
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_services_root()))
    # PostgreSQL runs as its own user and must be able to walk through to its cluster.
    directory.chmod(0o711)
    _write_process(directory / "owner.json", ProcessId.of(os.getpid()))
    return directory


def _clear_abandoned() -> None:
    for directory in (found for root in (Path(tempfile.gettempdir()), MEMORY) for found in root.glob(PREFIX + "*")):
        owner = _read_process(directory / "owner.json")
        if owner is not None and not owner.is_running():
            _clear(directory)


def _clear(directory: Path) -> None:
    for record in directory.glob("*.server.json"):
        process = _read_process(record)
        if process is not None:
            processes.end(process, first_signal=signal.SIGINT, grace_seconds=10)
    shutil.rmtree(directory, ignore_errors=True)


def _write_process(path: Path, process: ProcessId | None) -> None:
    if process is not None:
        write_private(path, json.dumps(asdict(process)))


def _read_process(path: Path) -> ProcessId | None:
    return ProcessId(**json.loads(path.read_text())) if path.exists() else None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def services_dir(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.stash[SERVICES_DIR]


@pytest.fixture(scope="session")
def postgres_server(services_dir: Path) -> postgres.Cluster:
    """The run's cluster with a migrated template database; started by the first test that needs it."""
    port_file = services_dir / "postgres.port"
    with _locked(services_dir / "postgres.lock"):
        if not port_file.exists():
            port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
            cluster = _start_cluster(services_dir, port=port)
            _make_template(cluster)
            port_file.write_text(str(port))
    return _cluster(services_dir, port=int(port_file.read_text()))


def _cluster(services_dir: Path, *, port: int) -> postgres.Cluster:
    return postgres.Cluster(directory=services_dir / "postgres", port=port, durable=False)


def _start_cluster(services_dir: Path, *, port: int) -> postgres.Cluster:
    cluster = _cluster(services_dir, port=port)
    postgres.init(cluster)
    _write_process(services_dir / "postgres.server.json", postgres.start(cluster))
    return cluster


def _make_template(cluster: postgres.Cluster) -> None:
    with postgres.connect_admin(cluster) as admin:
        database_admin.ensure_role(admin, role=ROLE, password=ROLE)
        database_admin.ensure_database(admin, database=TEMPLATE, owner=ROLE)
    runner.upgrade(_url(cluster, TEMPLATE), revision="head")


def _url(cluster: postgres.Cluster, database: str) -> str:
    return postgres.url(cluster, database=database, role=ROLE, password=ROLE)


@pytest.fixture(scope="session")
def _admin(postgres_server: postgres.Cluster) -> Iterator[psycopg.Connection]:
    with postgres.connect_admin(postgres_server) as connection:
        yield connection


@pytest.fixture
def empty_db_url(postgres_server: postgres.Cluster, _admin: psycopg.Connection) -> Iterator[str]:
    """A database of the test's own without any table, for tests of the migrations themselves."""
    yield from _database(postgres_server, _admin, template="template0")


@pytest.fixture
def db_url(postgres_server: postgres.Cluster, _admin: psycopg.Connection) -> Iterator[str]:
    """A migrated database of the test's own; it may commit, drop and lock as it likes."""
    yield from _database(postgres_server, _admin, template=TEMPLATE)


def _database(cluster: postgres.Cluster, admin: psycopg.Connection, *, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    database_admin.create_database(admin, database=name, owner=ROLE, template=template)
    try:
        yield _url(cluster, name)
    finally:
        database_admin.drop_database(admin, database=name)


@pytest.fixture
def db(db_url: str) -> Iterator[Session]:
    """A session on the test's database; what the test does not commit is gone afterwards."""
    engine = make_engine(db_url)
    with Session(engine, expire_on_commit=False) as session:
        yield session
        session.rollback()
    engine.dispose()


@pytest.fixture(scope="session")
def redis_server(services_dir: Path) -> Iterator[redis.RedisServer]:
    name = f"redis-{uuid.uuid4().hex[:8]}"
    port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    server = redis.RedisServer(directory=services_dir / name, port=port, password=uuid.uuid4().hex, max_memory_mb=64)
    process = redis.start(server)
    _write_process(services_dir / f"{name}.server.json", process)
    yield server
    processes.end(process, grace_seconds=5)


@pytest.fixture
def redis_url(redis_server: redis.RedisServer) -> str:
    """An emptied Redis that no other worker uses."""
    redis.empty(redis_server.url)
    return redis_server.url


@pytest.fixture
def keys_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keys file with one fresh key; LINTAS_KEYS_FILE names it."""
    path = tmp_path / "keys"
    write_private(path, Fernet.generate_key().decode() + "\n")
    monkeypatch.setenv("LINTAS_KEYS_FILE", str(path))
    return path


@pytest.fixture
def settings(
    db_url: str, redis_url: str, keys_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Settings on the test's own services, as `get_settings` returns them."""
    write_private(tmp_path / "flask.key", uuid.uuid4().hex)
    monkeypatch.setenv("LINTAS_DATABASE_URL", db_url)
    monkeypatch.setenv("LINTAS_REDIS_URL", redis_url)
    monkeypatch.setenv("LINTAS_SECRET_KEY_FILE", str(tmp_path / "flask.key"))
    monkeypatch.setenv("LINTAS_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("LINTAS_VAR_DIR", str(tmp_path / "var"))
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()
