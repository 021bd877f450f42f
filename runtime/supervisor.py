"""Runs all processes of one installation: in order, each once the one before it is ready; a crashed one comes back.

honcho starts a process in a group of its own and hands over its lines; order, readiness, restart with growing pauses
and log files with a bound are decided here. What was started is recorded (runtime.record) before anything waits for it.
"""

import fcntl
import logging
import logging.handlers
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType

from honcho.printer import Message
from honcho.process import Process

from runtime.local import Places
from runtime.processes import ProcessId, end
from runtime.record import Entry, Record, end_leftovers, write_record
from runtime.services import Service, Step, child_env
from runtime.settings import home_dir

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# A process that ran this long before it ended gets the short pause again.
STEADY_SECONDS = 60.0
# Without a probe, a process that is still there after this long counts as ready.
SETTLE_SECONDS = 1.5
# A service that ended this often during start-up holds up the others no longer; it goes on being tried.
HOPELESS_RESTARTS = 4
_QUEUED_LINES = 10_000


class AlreadyRunningError(Exception):
    """Another supervisor of this installation is running."""


class StartError(Exception):
    """A service that everything else needs did not come up."""


class State(StrEnum):
    """Where a service is in its life; what `status` prints."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting to restart"
    STOPPED = "stopped"
    DONE = "done"


@dataclass(kw_only=True)
class Child:
    """One service as it runs now."""

    service: Service
    logger: logging.Logger
    state: State = State.STOPPED
    process: ProcessId | None = None
    restarts: int = 0
    started_at: float = 0.0
    restart_at: float = 0.0
    pause_seconds: float = FIRST_PAUSE_SECONDS
    printed_ready: bool = False
    alive: bool = False

    def is_ready(self) -> bool:
        if self.process is None or not self.alive:
            return False
        if self.service.ready_text:
            return self.printed_ready
        if self.service.probe is not None:
            return self.service.probe()
        return time.monotonic() - self.started_at >= SETTLE_SECONDS


class Supervisor:
    """Starts the plan, keeps it running until told to stop, stops it in reverse."""

    def __init__(
        self,
        plan: list[Service | Step],
        places: Places,
        *,
        show: Callable[[str, str], None],
    ) -> None:
        self._plan = plan
        self._places = places
        self._show = show
        self._log = _service_log(places.log, "lintas")
        self._events: queue.Queue[Message] = queue.Queue(maxsize=_QUEUED_LINES)
        self._children: dict[str, Child] = {}
        self._steps: dict[str, State] = {}
        self._stopping = threading.Event()
        self._all_came_up = False
        self._start_is_over = False

    def run(self) -> bool:
        """Blocks until a signal or `request_stop`; True when every service had come up."""
        with _exclusive(self._places.lock_file):
            end_leftovers(self._places.pid_file)
            previous = self._catch_signals()
            try:
                self._start_all()
                while not self._stopping.is_set():
                    self._turn()
            finally:
                self._stop_all()
                self._restore_signals(previous)
        return self._all_came_up

    def request_stop(self) -> None:
        """Ends `run` at its next turn; safe from a signal handler or another thread."""
        self._stopping.set()

    def _start_all(self) -> None:
        all_ready = True
        for item in self._plan:
            if self._stopping.is_set():
                return
            all_ready &= self._run_step(item) if isinstance(item, Step) else self._start_service(item)
        self._all_came_up, self._start_is_over = all_ready, True
        self._say("all services are ready" if all_ready else "some services are not ready; see 'lintas status'")
        self._write_record()

    def _run_step(self, step: Step) -> bool:
        began = time.monotonic()
        self._steps[step.name] = State.STARTING
        self._write_record()
        step.run()
        self._steps[step.name] = State.DONE
        self._say(f"{step.name}: done ({time.monotonic() - began:.1f} s)")
        self._write_record()
        return True

    def _start_service(self, service: Service) -> bool:
        child = Child(service=service, logger=_service_log(self._places.log, service.name))
        self._children[service.name] = child
        began = time.monotonic()
        self._spawn(child)
        while not self._stopping.is_set() and _may_become_ready(child, waited_seconds=time.monotonic() - began):
            self._turn()
            if child.state is State.READY:
                self._say(f"{service.name}: ready ({time.monotonic() - began:.1f} s)")
                return True
        return self._give_up_waiting(service)

    def _give_up_waiting(self, service: Service) -> bool:
        if self._stopping.is_set():
            return False
        problem = f"{service.name}: not ready, still trying; see {self._log_name(service)}"
        if service.essential:
            raise StartError(problem)
        self._say(problem)
        return False

    def _spawn(self, child: Child) -> None:
        """Starts the process; what fails before it even starts counts as a crash and is tried again."""
        service = child.service
        child.state, child.printed_ready, child.process = State.STARTING, False, None
        child.started_at = time.monotonic()
        try:
            if service.before is not None:
                service.before()
        except Exception as error:  # noqa: BLE001 - any reason not to start is one to try again after
            child.logger.info("could not be prepared: %s", error)
            self._say(f"{service.name}: could not be prepared: {error}")
            self._plan_restart(child)
            return
        child.alive = True
        process = Process(service.shell_line, name=service.name, env=child_env(service), cwd=str(home_dir()))
        threading.Thread(target=process.run, args=(self._events,), name=service.name, daemon=True).start()

    def _turn(self) -> None:
        """One round: the lines and ends that came in, then whatever is due."""
        self._handle_events(wait_seconds=0.1)
        for child in self._children.values():
            self._look_after(child)

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.state is State.STARTING and child.is_ready():
            self._set_state(child, State.READY)
        elif child.state is State.WAITING and now >= child.restart_at:
            child.restarts += 1
            self._spawn(child)
            self._write_record()
        elif child.alive and child.process is not None and not child.process.is_running():
            # Its own children may live on and hold the pipe; without them its end is noticed.
            _kill_group(child.process.pid)

    def _handle_events(self, *, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                message = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return
            self._handle(self._children[message.name], message)

    def _handle(self, child: Child, message: Message) -> None:
        if message.type == "start":
            child.process = ProcessId.of(message.data["pid"])
            self._write_record()
        elif message.type == "stop":
            child.alive = False
            self._note_end(child, message.data["returncode"])
        else:
            line = message.data.decode("utf-8", "replace").rstrip()
            child.logger.info("%s", line)
            self._show(child.service.name, line)
            child.printed_ready |= bool(child.service.ready_text) and child.service.ready_text in line

    def _note_end(self, child: Child, return_code: int) -> None:
        if self._stopping.is_set():
            self._set_state(child, State.STOPPED)
            return
        child.logger.info("ended with code %s", return_code)
        self._plan_restart(child)
        pause = child.restart_at - time.monotonic()
        self._say(f"{child.service.name}: ended with code {return_code}, starts again in {max(0.0, pause):.1f} s")

    def _plan_restart(self, child: Child) -> None:
        now = time.monotonic()
        if now - child.started_at >= STEADY_SECONDS:
            child.pause_seconds = FIRST_PAUSE_SECONDS
        child.restart_at = now + child.pause_seconds
        child.pause_seconds = min(child.pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        self._set_state(child, State.WAITING)

    def _stop_all(self) -> None:
        self._stopping.set()
        self._handle_events(wait_seconds=0.05)
        for child in reversed(list(self._children.values())):
            self._stop(child)
        self._places.pid_file.unlink(missing_ok=True)

    def _stop(self, child: Child) -> None:
        if child.process is not None:
            service = child.service
            orderly = end(child.process, first_signal=service.stop_signal, grace_seconds=service.grace_seconds)
            _kill_group(child.process.pid)
            self._say(f"{service.name}: {'stopped' if orderly else 'killed, it did not stop in time'}")
        self._handle_events(wait_seconds=0.02)
        self._set_state(child, State.STOPPED)

    def _set_state(self, child: Child, state: State) -> None:
        child.state = state
        self._write_record()

    def _write_record(self) -> None:
        own = ProcessId.of(os.getpid())
        if own is None:
            raise StartError("/proc does not show this process")
        entries: dict[str, Entry] = {name: Entry(state=state) for name, state in self._steps.items()}
        for name, child in self._children.items():
            entries[name] = Entry(state=child.state, restarts=child.restarts, process=child.process)
        record = Record(supervisor=own, complete=self._start_is_over, services=entries)
        write_record(self._places.pid_file, record)

    def _say(self, text: str) -> None:
        self._log.info("%s %s", datetime.now(UTC).isoformat(timespec="seconds"), text)
        self._show("lintas", text)

    def _log_name(self, service: Service) -> Path:
        return self._places.log / f"{service.name}.log"

    def _catch_signals(self) -> dict[signal.Signals, object]:
        if threading.current_thread() is not threading.main_thread():
            return {}

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.request_stop()

        return {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}

    def _restore_signals(self, previous: dict[signal.Signals, object]) -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


def _may_become_ready(child: Child, *, waited_seconds: float) -> bool:
    return child.restarts < HOPELESS_RESTARTS and waited_seconds < child.service.ready_within_seconds


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


@contextmanager
def _exclusive(lock_file: Path) -> Iterator[None]:
    with lock_file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError("already running; 'lintas status' shows it, 'lintas stop' ends it") from None
        yield


def _service_log(directory: Path, name: str) -> logging.Logger:
    logger = logging.getLogger(f"lintas.service.{name}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    target = logging.handlers.RotatingFileHandler(
        directory / f"{name}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    target.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(target)
    return logger
