"""A private PostgreSQL cluster from the server's own programs: create, start, stop, kill, wait until it answers.

PostgreSQL refuses to run as root, so under root the cluster belongs to the user `postgres` that Debian's package made.
Passwords only (scram), 127.0.0.1 and a socket in the cluster's own closed directory.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from runtime import files
from runtime.processes import ProcessId, end, launch

SUPERUSER = "postgres"
SYSTEM_USER = "postgres"
# What a container may use stands here; outside of one it is the machine's, or the file is missing.
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_BINARIES = Path("/usr/lib/postgresql")
_OUTSIDE = Path("/var/lib/lintas")
# struct sockaddr_un holds 108 bytes; the name of the socket file takes the rest.
_SOCKET_DIR_MAX = 107 - len("/.s.PGSQL.65535.lock")

_SETTINGS = """\
port = {port}
listen_addresses = '{host}'
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
password_encryption = scram-sha-256
max_connections = 100
shared_buffers = {shared_buffers_mb}MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_wal_size = 1GB
min_wal_size = 64MB
jit = off
random_page_cost = 1.1
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
log_lock_waits = on
log_min_duration_statement = 1s
idle_in_transaction_session_timeout = 5min
"""
# A test's data must survive a killed server but no power cut, and each fsync saved is a test run sooner.
_NOT_DURABLE = "fsync = off\nfull_page_writes = off\nlog_min_duration_statement = -1\nshared_buffers = 128MB\n"


class PostgresError(Exception):
    """The cluster could not be made or started; the text holds PostgreSQL's own words."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One cluster: where it lies and where it listens."""

    directory: Path
    port: int
    host: str = "127.0.0.1"
    durable: bool = True

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log_file(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def password_file(self) -> Path:
        return self.directory / "superuser.password"


def directory_for(preferred: Path) -> Path:
    """The preferred place, or one under /var/lib when the cluster's user cannot reach it (a clone under /root)."""
    if os.geteuid() != 0 or _reachable(preferred.parent):
        return preferred
    name = hashlib.sha256(str(preferred).encode()).hexdigest()[:12]
    parent = _OUTSIDE / name
    for directory in (_OUTSIDE, parent):
        directory.mkdir(exist_ok=True)
        # To be walked through by the cluster's user, and set apart from mkdir because of the umask.
        directory.chmod(0o711)
    return parent / preferred.name


def init(cluster: Cluster) -> None:
    """Makes the cluster if there is none yet; safe to repeat."""
    if not (cluster.data / "PG_VERSION").exists():
        _make_directory(cluster)
        shutil.rmtree(cluster.data, ignore_errors=True)
        _write_owned(cluster, cluster.password_file, secrets.token_urlsafe(24))
        _run_initdb(cluster)
    _write_owned(cluster, cluster.data / "postgresql.conf", _render_settings(cluster))


def command(cluster: Cluster) -> list[str]:
    """The server in the foreground, as a supervisor starts it."""
    return [*_as_user(_owner(cluster)), str(_binary("postgres")), "-D", str(cluster.data)]


def start(cluster: Cluster, *, timeout_seconds: float = 30.0) -> ProcessId:
    """Starts the server in the background unless it runs, and waits until it answers."""
    running = find_process(cluster)
    if running is None:
        running = _launch(cluster)
    wait_ready(cluster, timeout_seconds=timeout_seconds, process=running)
    return running


def find_process(cluster: Cluster) -> ProcessId | None:
    """The running server, by the pid that it wrote itself; None when it is down."""
    try:
        pid = int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    process = ProcessId.of(pid)
    return process if process is not None and _is_postgres(pid) else None


def stop(cluster: Cluster, *, grace_seconds: float = 20.0) -> bool:
    """Fast shutdown: sessions are rolled back, the next start needs no recovery. True when nothing had to be killed."""
    process = find_process(cluster)
    return process is None or end(process, first_signal=signal.SIGINT, grace_seconds=grace_seconds)


def kill(cluster: Cluster) -> None:
    """What a power cut does to the server, for tests; its children notice and leave by themselves."""
    process = find_process(cluster)
    if process is not None:
        os.kill(process.pid, signal.SIGKILL)


def wait_ready(cluster: Cluster, *, timeout_seconds: float = 30.0, process: ProcessId | None = None) -> None:
    """Returns when the server accepts a login; raises at the deadline or as soon as it has died."""
    deadline = time.monotonic() + timeout_seconds
    while (problem := _login_problem(cluster)) is not None:
        gone = process is not None and not process.is_running()
        if gone or time.monotonic() >= deadline:
            raise PostgresError(f"PostgreSQL does not answer on port {cluster.port}: {problem}{_last_log(cluster)}")
        time.sleep(0.05)


def _login_problem(cluster: Cluster) -> str | None:
    try:
        connect_admin(cluster).close()
    except psycopg.OperationalError as error:
        return str(error)
    return None


def connect_admin(cluster: Cluster, database: str = "postgres") -> psycopg.Connection:
    """The superuser's connection, each statement its own transaction (CREATE DATABASE needs that)."""
    return psycopg.connect(admin_url(cluster, database), autocommit=True, connect_timeout=5)


def admin_url(cluster: Cluster, database: str = "postgres") -> str:
    """The superuser's address; holds the password, so it goes into no log."""
    password = cluster.password_file.read_text().strip()
    return url(cluster, database=database, role=SUPERUSER, password=password)


def url(cluster: Cluster, *, database: str, role: str, password: str) -> str:
    """A libpq address with everything quoted that could be read as part of it."""
    login = f"{quote(role, safe='')}:{quote(password, safe='')}"
    return f"postgresql://{login}@{cluster.host}:{cluster.port}/{quote(database, safe='')}"


def _launch(cluster: Cluster) -> ProcessId:
    process = launch(command(cluster), log_file=cluster.log_file, cwd=Path("/"))
    if process is None:
        raise PostgresError(f"PostgreSQL ended at once.{_last_log(cluster)}")
    return process


def _render_settings(cluster: Cluster) -> str:
    directory = str(cluster.directory)
    socket_dir = directory if len(directory.encode()) <= _SOCKET_DIR_MAX and "'" not in directory else ""
    rendered = _SETTINGS.format(
        port=cluster.port,
        host=cluster.host,
        socket_dir=socket_dir,
        shared_buffers_mb=shared_buffers_mb(memory_bytes()),
    )
    return rendered if cluster.durable else rendered + _NOT_DURABLE


def shared_buffers_mb(memory_bytes: int) -> int:
    """An eighth of the machine, for FreeRADIUS and the kernel's own cache share it; from 128 MB to 2 GB."""
    return min(2048, max(128, memory_bytes // (8 << 20)))


def memory_bytes() -> int:
    """How much memory this machine has, or the container this runs in may use."""
    limit = _CONTAINER_LIMIT.read_text().strip() if _CONTAINER_LIMIT.exists() else "max"
    machine = _machine_bytes()
    return machine if limit == "max" else min(machine, int(limit))


def _machine_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _run_initdb(cluster: Cluster) -> None:
    arguments = [
        *("-D", str(cluster.data), "-U", SUPERUSER, "--pwfile", str(cluster.password_file)),
        *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "-k"),
    ]
    arguments += [] if cluster.durable else ["--no-sync"]
    done = subprocess.run(
        [*_as_user(_owner(cluster)), str(_binary("initdb")), *arguments],
        capture_output=True, text=True, timeout=120, cwd="/", check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise PostgresError(f"initdb failed in {cluster.data}: {done.stderr.strip()[-800:]}")


def _make_directory(cluster: Cluster) -> None:
    owner = _owner(cluster)
    files.private_dir(cluster.directory)
    if owner is not None:
        os.chown(cluster.directory, owner.pw_uid, owner.pw_gid)


def _write_owned(cluster: Cluster, path: Path, content: str) -> None:
    owner = _owner(cluster)
    files.write_private(path, content)
    if owner is not None:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _owner(cluster: Cluster) -> pwd.struct_passwd | None:
    """Whose cluster it is when we are root: whoever made it, at first Debian's `postgres`; None when it is our own."""
    if os.geteuid() != 0:
        return None
    made_by = cluster.directory.stat().st_uid if cluster.directory.exists() else 0
    return pwd.getpwuid(made_by) if made_by != 0 else pwd.getpwnam(SYSTEM_USER)


def _as_user(owner: pwd.struct_passwd | None) -> list[str]:
    if owner is None:
        return []
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--init-groups", "--"]


def _reachable(directory: Path) -> bool:
    existing = next(parent for parent in [directory, *directory.parents] if parent.exists())
    look = [*_as_user(pwd.getpwnam(SYSTEM_USER)), "test", "-x", str(existing)]
    return subprocess.run(look, check=False, timeout=10).returncode == 0


def _binary(name: str) -> Path:
    found = sorted(_BINARIES.glob(f"*/bin/{name}"), key=lambda path: float(path.parent.parent.name))
    if not found:
        raise PostgresError(f"PostgreSQL's {name} is not installed. Run 'make setup' or install postgresql-15.")
    return found[-1]


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _last_log(cluster: Cluster) -> str:
    if not cluster.log_file.exists():
        return ""
    lines = cluster.log_file.read_text(errors="replace").splitlines()[-5:]
    return "\n" + "\n".join(lines)
