"""The whole chain for tests: FreeRADIUS, collector and Celery worker as real processes on a database of their own.

Every part can be killed with -9 and started again while a router goes on reporting.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from radius_stack import RadiusStack, wait_for
from runtime import processes
from runtime.processes import ProcessId
from runtime.settings import home_dir

COLLECTOR = ("-m", "cli.main", "collect")
WORKER = (
    *("-m", "celery", "-A", "runtime.tasks", "worker", "-Q", "coa,default", "-c", "2", "-l", "INFO"),
    *("--without-gossip", "--without-mingle"),
)


@dataclass(kw_only=True)
class LiveStack:
    """The radius stack with what stands behind it."""

    radius: RadiusStack
    folder: Path
    running: dict[str, ProcessId] = field(default_factory=dict)

    def start(self, name: str, arguments: tuple[str, ...]) -> None:
        """Start a process of the project's with these arguments to Python."""
        settings = self.radius.settings
        env = {
            **os.environ,
            "PYTHONPATH": f"{home_dir()}:{home_dir() / 'tests'}",
            "LINTAS_ENV_FILE": os.devnull,
            "LINTAS_DATABASE_URL": settings.database_url,
            "LINTAS_REDIS_URL": settings.redis_url,
            "LINTAS_KEYS_FILE": str(settings.keys_file),
            "LINTAS_SECRET_KEY_FILE": str(settings.secret_key_file),
            "LINTAS_SPOOL_DIR": str(settings.spool_dir),
            "LINTAS_VAR_DIR": str(settings.var_dir),
        }
        command = [sys.executable, *arguments]
        process = processes.launch(command, log_file=self.folder / f"{name}.log", cwd=home_dir(), env=env)
        assert process is not None, self.log(name)
        self.running[name] = process

    def kill(self, name: str) -> None:
        """kill -9, and wait until it is gone."""
        process = self.running.pop(name)
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: not process.is_running())

    def stop_all(self) -> None:
        """End what still runs."""
        for process in self.running.values():
            processes.end(process, grace_seconds=10)
        self.running.clear()

    def log(self, name: str) -> str:
        """What a process said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")


@contextmanager
def live_stack(radius: RadiusStack, folder: Path) -> Iterator[LiveStack]:
    """Starts collector and worker beside a running FreeRADIUS."""
    live = LiveStack(radius=radius, folder=folder)
    try:
        live.start("collector", COLLECTOR)
        live.start("worker", WORKER)
        wait_for(lambda: "collecting" in live.log("collector"), 60)
        wait_for(lambda: " ready." in live.log("worker"), 60)
        yield live
    finally:
        live.stop_all()
