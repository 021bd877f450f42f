"""The FreeRADIUS process: fills in its configuration for this installation, starts it, waits until it listens.

radius/raddb holds the configuration with @NAME@ in the places that differ between machines. No secret is written into
it: passwords and keys stay in files of their own that it only points at.
"""

import json
import os
import re
import shutil
import sys
import sysconfig
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from runtime import certificates, files
from runtime.ports import are_bound
from runtime.postgres import memory_bytes
from runtime.processes import ProcessId, launch
from runtime.settings import Settings

SOURCE = Path(__file__).resolve().parent.parent / "radius" / "raddb"
PROGRAM = "freeradius"
POLICY_SETTINGS_NAME = "policy.json"
# A changed or removed router is asked about again after this long; the answer comes from the policy's memory.
CLIENT_LIFETIME_S = 3
# The policy runs one call at a time, so more threads than this only wait for each other. Of several servers none has
# threads: their processes are what runs side by side.
THREADS = 2
# Each has a policy of its own, so logins find more than one processor; together they keep what one would.
MOST_SERVERS = 8
# Where each record waits for the disk, so many may wait together and share one request to it.
STRICT_THREADS = 32
# Room in the kernel for requests that wait to be read, asked for by each socket: 26,000 logins that arrive at once. The
# kernel gives twice what is asked for, and counts its own book-keeping with each packet.
RECEIVE_BYTES = 16 * 1024 * 1024
PACKET_BYTES = 1280
# What a subscription in the policy's memory takes, its decisions included, with some to spare.
SUBSCRIPTION_BYTES = 5 * 1024
LOGIN, ACCOUNTING = "login", "accounting"
# The part of the tree that is left out where RADIUS over TLS is off.
RADSEC = "radsec"
# Logins and accounting are two processes of the same program, each with its own top file in the tree. Accounting runs
# without threads: handing a record from one to another cost as much as the record.
PARTS = (LOGIN, ACCOUNTING)
_THREADED, _ALONE = ("-f",), ("-s",)
# The spool's files are named by the hour; where clocks are set back, local time would return to an older file.
ENVIRONMENT = {"TZ": "UTC"}
_PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")
# With or without quotes around it, these would end the value, be escapes, be expanded or start a directive.
_UNSAFE = re.compile(r"[\"'`\\$%{}#\x00-\x20\x7f]")
_LIBRARIES = ("/usr/lib/freeradius", "/usr/lib64/freeradius", "/usr/local/lib")


class RenderError(Exception):
    """The configuration cannot be written for this machine; the text names the file and the value."""


class FreeradiusError(Exception):
    """FreeRADIUS refused its configuration or did not start; the text holds its own words."""


def values_for(settings: Settings, target_dir: Path) -> dict[str, str]:
    """What each @NAME@ stands for."""
    root = SOURCE.parent.parent
    site_packages = sysconfig.get_paths()["purelib"]
    return {
        "CLIENT_LIFETIME_S": str(CLIENT_LIFETIME_S),
        "EAP_CRL": "yes" if certificates.checks_revocation(settings.eap_folder) else "no",
        "EAP_DIR": str(settings.eap_folder),
        "ACCT_THREADS": str(STRICT_THREADS),
        "LIB_DIR": next((path for path in _LIBRARIES if Path(path).is_dir()), _LIBRARIES[0]),
        "LISTEN_HOST": settings.radius_host,
        "LOG_DIR": str(settings.var_dir / "log"),
        "POLICY_SETTINGS": str(target_dir / POLICY_SETTINGS_NAME),
        "PYTHON_PATH": f"{root}:{site_packages}",
        "RADDB_DIR": str(target_dir),
        "RADSEC_CRL": "yes" if certificates.checks_revocation(settings.radsec_folder) else "no",
        "RADSEC_DIR": str(settings.radsec_folder),
        "RADSEC_PORT": str(settings.radsec_port),
        "RUN_DIR": str(target_dir.parent),
        "SPOOL_GATE": str(gate_of(target_dir)),
        "STORED": "strict" if settings.spool_strict else "background",
        "STORED_ALONE": "strict" if settings.spool_strict else "alone",
        "THREADS": str(THREADS),
    }


def render(settings: Settings, target_dir: Path, *, source: Path = SOURCE) -> Path:
    """Writes the configuration into the target directory, replacing what was there; returns the directory."""
    certificates.ensure(settings.eap_folder, now=datetime.now(UTC))
    if settings.radsec_port:
        certificates.ensure(settings.radsec_folder, now=datetime.now(UTC))
    values = values_for(settings, target_dir)
    fresh = target_dir.with_name(f".{target_dir.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    files.private_dir(fresh)
    for path in sorted(source.rglob("*")):
        if RADSEC in path.relative_to(source).parts and not settings.radsec_port:
            continue
        _render_entry(path, fresh / path.relative_to(source), values)
    files.write_private(fresh / POLICY_SETTINGS_NAME, policy_settings(settings, target_dir))
    files.private_dir(settings.spool_dir)
    shutil.rmtree(target_dir, ignore_errors=True)
    fresh.rename(target_dir)
    return target_dir


def gate_of(target_dir: Path) -> Path:
    """The links through which servers write the spool, each with its name added; its guard breaks it on a full disk."""
    return target_dir.parent / f"{target_dir.name}.spool"


def policy_settings(settings: Settings, target_dir: Path) -> str:
    """What the policy inside FreeRADIUS is told at start, as JSON."""
    return json.dumps(
        {
            "dsn": settings.database_url,
            "keys_file": str(settings.keys_file),
            "spool_dir": str(settings.spool_dir),
            "spool_gate": str(gate_of(target_dir)),
            "spool_sync_ms": settings.spool_sync_ms,
            "spool_strict": settings.spool_strict,
            "min_free_bytes": settings.spool_min_free_mb * 1024 * 1024,
            "takes_accounting": settings.radsec_port > 0,
            "capacity": settings.policy_capacity or capacity_for(memory_bytes() // servers_of(settings, LOGIN)),
        }
    )


def capacity_for(memory: int) -> int:
    """How many subscriptions are kept in memory on a machine with so many bytes of it.

    Only subscriptions that exist take room, so this bounds nothing until a provider outgrows its machine; then the
    longest-kept one makes way, and who is not in memory costs a read.
    """
    return max(50_000, memory // 2 // SUBSCRIPTION_BYTES)


def fill(text: str, values: dict[str, str], *, name: str) -> str:
    """The text with every @NAME@ replaced; refuses unknown names and values that would end a string."""

    def replace(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise RenderError(f"{name}: @{match[1]}@ is not a known placeholder")
        value = values[match[1]]
        if _UNSAFE.search(value):
            raise RenderError(
                f"{name}: {match[1]} is {value!r}, which FreeRADIUS would not read as written. "
                "Use a path without spaces, quotes, backslashes, $, %, # or braces."
            )
        return value

    return _PLACEHOLDER.sub(replace, text)


def command(settings: Settings, raddb: Path, part: str) -> list[str]:
    """One of the servers in the foreground, as a supervisor starts it."""
    servers = servers_of(settings, part)
    options = _THREADED if _has_threads(settings, part, servers) else _ALONE
    where = [part, settings.radius_host, str(port_of(settings, part)), str(servers), str(RECEIVE_BYTES)]
    server = [PROGRAM, *options, "-n", part, "-d", str(raddb), "-l", "stdout"]
    return [sys.executable, "-m", "runtime.server_group", *where, *server]


def servers_of(settings: Settings, part: str) -> int:
    """How many servers share a part's port: one for each processor unless the settings say otherwise."""
    if part == ACCOUNTING and settings.spool_strict:
        # Records that wait for the disk share one request to it, which they can only inside one process.
        return 1
    return settings.radius_servers or min(len(os.sched_getaffinity(0)), MOST_SERVERS)


def _has_threads(settings: Settings, part: str, servers: int) -> bool:
    """Handing a request from thread to thread costs as much as answering it, unless answering may have to wait."""
    if part == ACCOUNTING:
        return settings.spool_strict
    # Routers that come by TLS have their records written by the first of the login servers.
    return servers == 1 or settings.radsec_port > 0


def start(settings: Settings, raddb: Path, part: str, *, log_file: Path, timeout_seconds: float = 30.0) -> ProcessId:
    """Starts one server in the background and waits until it listens; the caller ends it by the id returned."""
    process = launch(command(settings, raddb, part), log_file=log_file, env={**os.environ, **ENVIRONMENT})
    if process is None:
        raise FreeradiusError(f"FreeRADIUS ended at once; see {log_file}")
    wait_ready([port_of(settings, part)], process=process, log_file=log_file, timeout_seconds=timeout_seconds)
    return process


def port_of(settings: Settings, part: str) -> int:
    """The UDP port on which a part listens."""
    return settings.radius_auth_port if part == LOGIN else settings.radius_acct_port


def wait_ready(
    listen_ports: Sequence[int], *, process: ProcessId, log_file: Path, timeout_seconds: float = 30.0
) -> None:
    """Returns when all the ports are bound; raises at the deadline or as soon as the process has died."""
    deadline = time.monotonic() + timeout_seconds
    while not are_bound(listen_ports):
        if not process.is_running() or time.monotonic() >= deadline:
            tail = "\n".join(log_file.read_text(errors="replace").splitlines()[-15:])
            raise FreeradiusError(f"FreeRADIUS does not listen; the end of {log_file}:\n{tail}")
        time.sleep(0.05)


def is_listening(settings: Settings, part: str) -> bool:
    """Whether some process of this machine has the part's port bound."""
    return are_bound([port_of(settings, part)])


def _render_entry(source: Path, target: Path, values: dict[str, str]) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        files.private_dir(target)
    else:
        files.write_private(target, fill(source.read_text(), values, name=source.name))
