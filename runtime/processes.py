"""Knows whether a process id still names the process that we started, and ends it if so.

A pid alone proves nothing: after a crash or a reboot the number may belong to a stranger. The kernel's start time and
the boot id tell the two apart, so nothing is ever signalled by a stale number.
"""

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_STARTTIME_FIELD = 22
_POLL_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class ProcessId:
    """A pid that cannot be mistaken for a later process with the same number."""

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """The identity of a running process; None when it is gone already."""
        ticks = _start_ticks(pid)
        return None if ticks is None else cls(pid=pid, start_ticks=ticks, boot_id=_boot_id())

    def is_running(self) -> bool:
        return self.boot_id == _boot_id() and _start_ticks(self.pid) == self.start_ticks


# Held until they are reaped: a forgotten Popen leaves a zombie and a warning.
_launched: list["subprocess.Popen[bytes]"] = []


def launch(
    command: Sequence[str], *, log_file: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> ProcessId | None:
    """Starts a process of its own session that outlives us; None when it ended at once."""
    _reap()
    with log_file.open("ab") as log:
        child = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=cwd, env=env
        )
    _launched.append(child)
    return ProcessId.of(child.pid)


def end(process: ProcessId, *, first_signal: signal.Signals = signal.SIGTERM, grace_seconds: float) -> bool:
    """Asks the process to end and kills its group after the grace; True when it ended by itself.

    Only a group that the process leads is killed, so a child of a shell never takes its siblings with it.
    """
    ended = not _send(process, first_signal) or _wait_gone(process, grace_seconds)
    if not ended:
        _kill_group(process)
        _wait_gone(process, 5.0)
    _reap()
    return ended


def _reap() -> None:
    _launched[:] = [child for child in _launched if child.poll() is None]


@atexit.register
def _let_go() -> None:
    """What was launched outlives us on purpose; Popen would complain about each as forgotten."""
    _reap()
    for child in _launched:
        child.returncode = 0


def _send(process: ProcessId, number: signal.Signals) -> bool:
    if not process.is_running():
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _kill_group(process: ProcessId) -> None:
    if not process.is_running():
        return
    try:
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _wait_gone(process: ProcessId, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.is_running():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name may hold spaces and brackets, so fields are counted from the last bracket.
    fields = stat.rpartition(")")[2].split()
    state, ticks = fields[0], fields[_STARTTIME_FIELD - 3]
    return None if state == "Z" else int(ticks)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
