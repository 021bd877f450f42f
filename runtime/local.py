"""The installation that a first run makes under var/: which ports it got, its secrets, its private servers.

What is chosen once is written to var/lintas.env and kept, so no address or password changes under a running router.
A DATABASE_URL or REDIS_URL given from outside wins, and then no private server of that kind is run.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from runtime import files, ports, postgres, redis
from runtime.ports import Transport
from runtime.settings import PREFIX, env_file, load_env_file, var_dir

DATABASE = "lintas"
ROLE = "lintas"
# The port asked for first, and on what it listens.
WANTED_PORTS = {
    "POSTGRES_PORT": (5432, Transport.TCP),
    "REDIS_PORT": (6379, Transport.TCP),
    "RADIUS_AUTH_PORT": (1812, Transport.UDP),
    "RADIUS_ACCT_PORT": (1813, Transport.UDP),
    "COA_PORT": (3799, Transport.UDP),
    "PANEL_PORT": (8080, Transport.TCP),
}
_HEADER = "# Chosen on the first run and kept. Change a line and run 'lintas stop' and 'lintas up' to apply it.\n"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where everything of this installation lies."""

    var: Path

    @property
    def secrets(self) -> Path:
        return self.var / "secrets"

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def log(self) -> Path:
        return self.var / "log"

    @property
    def spool(self) -> Path:
        return self.var / "spool"

    def raddb(self, part: str) -> Path:
        """FreeRADIUS's configuration tree for logins or accounting."""
        return self.run / f"raddb-{part}"

    @property
    def pid_file(self) -> Path:
        return self.run / "lintas.pid"

    @property
    def lock_file(self) -> Path:
        return self.run / "lintas.lock"

    @property
    def demo_marker(self) -> Path:
        """Exists where the demo was asked for: its simulated network then runs with the rest."""
        return self.var / "demo"


@dataclass(frozen=True, kw_only=True)
class Local:
    """The prepared installation; a private server that is not ours to run is None."""

    places: Places
    cluster: postgres.Cluster | None
    redis_server: redis.RedisServer | None


def places() -> Places:
    """The places of this installation, before anything in them exists."""
    return Places(var=var_dir())


def prepare() -> Local:
    """Makes directories, secrets, ports and var/lintas.env where they are missing, and loads the environment."""
    place = places()
    make_directories(place)
    load_env_file(env_file())
    _write_env(_kept_env() | _new_env(place))
    load_env_file(env_file())
    return find(place)


def find(place: Places) -> Local:
    """The installation as it was prepared; the private servers follow from the ports in the environment."""
    return Local(places=place, cluster=_cluster(place), redis_server=_redis_server(place))


def make_directories(place: Places) -> None:
    """The directories of this installation, closed to others."""
    # PostgreSQL runs as another user and must be able to walk through var, not to list it.
    place.var.mkdir(exist_ok=True, parents=True)
    place.var.chmod(0o711)
    for directory in (place.secrets, place.run, place.log, place.spool):
        files.private_dir(directory)


def _new_env(place: Places) -> dict[str, str]:
    chosen = _choose_ports()
    env = {PREFIX + name: str(port) for name, port in chosen.items()}
    env[PREFIX + "KEYS_FILE"] = str(_secret_file(place, "keys", Fernet.generate_key().decode()))
    env[PREFIX + "SECRET_KEY_FILE"] = str(_secret_file(place, "flask.key", secrets.token_urlsafe(48)))
    env[PREFIX + "SPOOL_DIR"] = str(place.spool)
    env[PREFIX + "VAR_DIR"] = str(place.var)
    if "POSTGRES_PORT" in chosen:
        env[PREFIX + "DATABASE_URL"] = _database_url(place, chosen["POSTGRES_PORT"])
    if "REDIS_PORT" in chosen:
        env[PREFIX + "REDIS_URL"] = _make_redis_server(place, chosen["REDIS_PORT"]).url
    return {name: value for name, value in env.items() if name not in os.environ}


def _choose_ports() -> dict[str, int]:
    """A port for each server of ours that has none yet; none for a server that is given from outside."""
    given = {"POSTGRES_PORT": "DATABASE_URL", "REDIS_PORT": "REDIS_URL"}
    chosen: dict[str, int] = {}
    for name, (preferred, transport) in WANTED_PORTS.items():
        if PREFIX + name in os.environ or PREFIX + given.get(name, name) in os.environ:
            continue
        chosen[name] = ports.choose(preferred, transport=transport, taken=chosen.values())
    return chosen


def _secret_file(place: Places, name: str, value: str) -> Path:
    path = place.secrets / name
    files.read_or_create(path, value + "\n")
    return path


def _database_url(place: Places, port: int) -> str:
    password = files.read_or_create(place.secrets / "database.password", secrets.token_urlsafe(24))
    return postgres.url(_make_cluster(place, port), database=DATABASE, role=ROLE, password=password)


def _make_cluster(place: Places, port: int) -> postgres.Cluster:
    return postgres.Cluster(directory=postgres.directory_for(place.var / "postgres"), port=port)


def _make_redis_server(place: Places, port: int) -> redis.RedisServer:
    password = files.read_or_create(place.secrets / "redis.password", secrets.token_urlsafe(24))
    return redis.RedisServer(directory=place.var / "redis", port=port, password=password)


def _cluster(place: Places) -> postgres.Cluster | None:
    port = os.environ.get(PREFIX + "POSTGRES_PORT")
    return _make_cluster(place, int(port)) if port else None


def _redis_server(place: Places) -> redis.RedisServer | None:
    port = os.environ.get(PREFIX + "REDIS_PORT")
    return _make_redis_server(place, int(port)) if port else None


def _kept_env() -> dict[str, str]:
    if not env_file().exists():
        return {}
    lines = (line.partition("=") for line in env_file().read_text().splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in lines if equals}


def _write_env(env: dict[str, str]) -> None:
    files.write_private(env_file(), _HEADER + "".join(f"{name}={value}\n" for name, value in env.items()))
