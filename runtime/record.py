"""The pid file: who supervises this installation and what was started, kept so that nothing else is ever signalled.

The processes are held with their kernel start times; after a crash of the supervisor or a reboot of the machine, a
number in the file that now belongs to a stranger is left alone.
"""

import json
import os
import signal
from dataclasses import asdict, dataclass, field
from pathlib import Path

from runtime.files import write_private
from runtime.processes import ProcessId, end


@dataclass(kw_only=True)
class Entry:
    """One service or step in the record."""

    state: str
    restarts: int = 0
    process: ProcessId | None = None

    def is_running(self) -> bool:
        return self.process is not None and self.process.is_running()


@dataclass(kw_only=True)
class Record:
    """What the pid file holds: who supervises and what was started."""

    supervisor: ProcessId
    # Start-up is over, well or not.
    complete: bool
    services: dict[str, Entry] = field(default_factory=dict)


def write_record(pid_file: Path, record: Record) -> None:
    """Replaces the pid file in one step."""
    write_private(pid_file, json.dumps(asdict(record), indent=1))


def read_record(pid_file: Path) -> Record | None:
    """What was started last and not yet stopped; None when nothing was."""
    try:
        raw = json.loads(pid_file.read_text())
    except FileNotFoundError:
        return None
    services = {name: _entry(value) for name, value in raw["services"].items()}
    return Record(supervisor=ProcessId(**raw["supervisor"]), complete=raw["complete"], services=services)


def stop_installation(pid_file: Path, *, grace_seconds: float = 120.0) -> list[str]:
    """Ends the supervisor, which ends its services in order, and then whatever it left; returns what was ended."""
    record = read_record(pid_file)
    if record is None:
        return []
    running = [name for name, entry in record.services.items() if entry.is_running()]
    end(record.supervisor, grace_seconds=grace_seconds)
    running += [name for name in end_leftovers(pid_file) if name not in running]
    return running


def end_leftovers(pid_file: Path) -> list[str]:
    """Ends services that outlived their supervisor; verified by start time, so never a stranger."""
    record = read_record(pid_file)
    if record is None or (record.supervisor.is_running() and record.supervisor.pid != os.getpid()):
        return []
    ended = [name for name, entry in reversed(record.services.items()) if _end_entry(name, entry)]
    pid_file.unlink(missing_ok=True)
    return ended


def _end_entry(name: str, entry: Entry) -> bool:
    if entry.process is None or not entry.process.is_running():
        return False
    first = signal.SIGINT if name == "postgres" else signal.SIGTERM
    end(entry.process, first_signal=first, grace_seconds=20.0)
    return True


def _entry(raw: dict[str, object]) -> Entry:
    process = raw["process"]
    return Entry(
        state=str(raw["state"]),
        restarts=int(str(raw["restarts"])),
        process=ProcessId(**process) if isinstance(process, dict) else None,
    )
