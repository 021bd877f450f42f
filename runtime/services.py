"""Which processes make up this installation, in the order of their needs, and how each shows that it is ready."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from db import cluster as database_admin
from runtime import freeradius, ports, postgres, redis
from runtime.local import DATABASE, ROLE, Local
from runtime.ports import Transport
from runtime.settings import PREFIX, Settings, env_file, home_dir

# PostgreSQL's fast shutdown; the usual signal would wait for every open connection.
_FAST = signal.SIGINT


# Rebuilding a large table takes its time; a lock that nobody gives up must not hold the start for ever.
MIGRATION_TIMEOUT_S = 3600


class MigrationFailedError(Exception):
    """The database could not be brought to the newest schema; the text is what the command said."""


class PortTakenError(Exception):
    """Another program listens where a service of ours should; the text says what to change."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something done once between two services."""

    name: str
    run: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process: how it is started, how it shows that it is ready, how it is asked to end."""

    name: str
    command: list[str]
    before: Callable[[], None] | None = None
    # Ready when the probe says so, when this text is printed, or, with neither, when it is still there after a moment.
    probe: Callable[[], bool] | None = None
    ready_text: str = ""
    ready_within_seconds: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    essential: bool = False
    env: dict[str, str] = field(default_factory=dict)

    @property
    def shell_line(self) -> str:
        """The command for a shell that replaces itself with it, so the pid seen is the service's own."""
        return "exec " + shlex.join(self.command)


def plan(local: Local, settings: Settings) -> list[Service | Step]:
    """Everything to start, first to last; stopping goes the other way."""
    return [
        *_postgres(local),
        Step(name="migrations", run=_migrate),
        *_redis(local),
        *(_radius(local, settings, part) for part in freeradius.PARTS),
        _collector(),
        _worker(local),
        _beat(),
        _web(settings),
        *([_demo_network()] if local.places.demo_marker.exists() else []),
    ]


def _postgres(local: Local) -> list[Service | Step]:
    cluster = local.cluster
    if cluster is None:
        return []
    service = Service(
        name="postgres",
        command=postgres.command(cluster),
        before=lambda: _prepare_postgres(cluster),
        probe=lambda: database_answers(postgres.admin_url(cluster)),
        stop_signal=_FAST,
        grace_seconds=30.0,
        essential=True,
    )
    return [service, Step(name="database", run=lambda: _ensure_database(local, cluster))]


def _prepare_postgres(cluster: postgres.Cluster) -> None:
    _need(cluster.port, "POSTGRES_PORT", cluster.host)
    postgres.init(cluster)


def _ensure_database(local: Local, cluster: postgres.Cluster) -> None:
    password = (local.places.secrets / "database.password").read_text().strip()
    with postgres.connect_admin(cluster) as admin:
        database_admin.ensure_role(admin, role=ROLE, password=password)
        database_admin.ensure_database(admin, database=DATABASE, owner=ROLE)


def _redis(local: Local) -> list[Service]:
    server = local.redis_server
    if server is None:
        return []
    return [
        Service(
            name="redis",
            command=redis.command(server),
            before=lambda: _prepare_redis(server),
            probe=lambda: redis.answers(server.url),
        )
    ]


def _prepare_redis(server: redis.RedisServer) -> None:
    _need(server.port, "REDIS_PORT", server.host)
    redis.init(server)


def _radius(local: Local, settings: Settings, part: str) -> Service:
    # A tree for each: one that starts again writes its own anew while the other goes on reading from its.
    raddb = local.places.raddb(part)
    return Service(
        name=f"radius-{part}",
        command=freeradius.command(settings, raddb, part),
        before=lambda: _render_raddb(settings, raddb, part),
        probe=lambda: freeradius.is_listening(settings, part),
        env=freeradius.ENVIRONMENT,
    )


def _render_raddb(settings: Settings, raddb: Path, part: str) -> None:
    name = "RADIUS_AUTH_PORT" if part == freeradius.LOGIN else "RADIUS_ACCT_PORT"
    _need(freeradius.port_of(settings, part), name, settings.radius_host, transport=Transport.UDP)
    freeradius.render(settings, raddb)


def _collector() -> Service:
    # Event-Timestamp comes as a text in FreeRADIUS's own time zone; both must mean the same one.
    return Service(name="collector", command=[_program("lintas"), "collect"], env=freeradius.ENVIRONMENT)


def _worker(local: Local) -> Service:
    arguments = ["worker", "-Q", "coa,default", "--pool", "prefork", "-c", "3", "-l", "INFO", "--without-gossip"]
    return Service(
        name="worker",
        command=[_program("celery"), "-A", "runtime.tasks", *arguments, "--without-mingle"],
        ready_text=" ready.",
        grace_seconds=30.0,
        env={"TMPDIR": str(local.places.run)},
    )


def _beat() -> Service:
    arguments = ["beat", "--pidfile=", "-l", "INFO"]
    return Service(
        name="beat", command=[_program("celery"), "-A", "runtime.tasks", *arguments], ready_text="beat: Starting"
    )


def _web(settings: Settings) -> Service:
    arguments = [
        *("-k", "gthread", "--workers", "2", "--threads", "16", "--no-control-socket"),
        *("--bind", f"{settings.panel_host}:{settings.panel_port}", "--timeout", "60", "--graceful-timeout", "10"),
        *("--max-requests", "5000", "--max-requests-jitter", "500", "--access-logfile", "-"),
    ]
    return Service(
        name="panel",
        command=[_program("gunicorn"), *arguments, "webadmin.app:served_app()"],
        before=lambda: _need(settings.panel_port, "PANEL_PORT", settings.panel_host),
        probe=lambda: accepts_connection(settings.panel_host, settings.panel_port),
        grace_seconds=15.0,
    )


def _need(port: int, name: str, host: str, *, transport: Transport = Transport.TCP) -> None:
    """Raises when another program holds the port: without this, that program would pass for ours being ready."""
    address = "" if host == "*" else host
    if not ports.can_bind(port, transport=transport, host=address):
        raise PortTakenError(
            f"{transport.name} port {port} is held by another program. "
            f"End that one, or change {PREFIX}{name} in {env_file()}"
        )


def _migrate() -> None:
    """In a process of its own: what comes after the schema, such as standing roles, is not this room's to know."""
    done = subprocess.run(
        [_program("lintas"), "migrate"], env={**os.environ, "PYTHONPATH": str(home_dir())}, timeout=MIGRATION_TIMEOUT_S,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise MigrationFailedError((done.stderr or done.stdout).strip()[-2000:])


def _demo_network() -> Service:
    return Service(name="demo-network", command=[_program("lintas"), "demo", "network"])


def database_answers(url: str) -> bool:
    """Whether the database at the address accepts a login in time."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def accepts_connection(host: str, port: int) -> bool:
    """Whether something listens on the TCP port."""
    target = "127.0.0.1" if host in {"", "0.0.0.0"} else host  # noqa: S104 - compared, not bound
    try:
        socket.create_connection((target, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def child_env(service: Service) -> dict[str, str]:
    """The environment of a service: ours, unbuffered, with the checkout importable."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(home_dir()), **service.env}


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)
