"""Order, restart and stop of the processes, shown on small shell commands."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime import files
from runtime.local import Places
from runtime.processes import ProcessId, end, launch
from runtime.record import Record, end_leftovers, read_record, stop_installation
from runtime.services import Service, Step
from runtime.supervisor import AlreadyRunningError, StartError, Supervisor


@pytest.fixture
def places(tmp_path: Path) -> Places:
    place = Places(var=tmp_path / "var")
    for directory in (place.run, place.log):
        files.private_dir(directory)
    return place


def shell(name: str, script: str, *, ready_text: str = "", probe: Callable[[], bool] | None = None) -> Service:
    return Service(name=name, command=["sh", "-c", script], ready_text=ready_text, probe=probe, grace_seconds=1.0)


def sleeper(name: str) -> Service:
    return shell(name, "echo here; exec sleep 60", ready_text="here")


class Running:
    """A supervisor on a thread of its own, with the lines it showed."""

    def __init__(self, plan: list[Service | Step], places: Places) -> None:
        self.lines: list[tuple[str, str]] = []
        self.result: bool | None = None
        self.error: Exception | None = None
        self._places = places
        self._supervisor = Supervisor(plan, places, show=lambda name, line: self.lines.append((name, line)))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._supervisor.run()
        except StartError as error:
            self.error = error

    def said(self, text: str) -> bool:
        return any(name == "lintas" and text in line for name, line in self.lines)

    def record(self) -> Record:
        record = read_record(self._places.pid_file)
        assert record is not None
        return record

    def process_of(self, name: str) -> ProcessId:
        process = self.record().services[name].process
        assert process is not None
        return process

    def stop(self) -> None:
        self._supervisor.request_stop()
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()


@contextmanager
def running(plan: list[Service | Step], places: Places) -> Iterator[Running]:
    supervised = Running(plan, places)
    try:
        yield supervised
    finally:
        supervised.stop()


def eventually(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_each_service_waits_for_the_one_before_it(places: Places, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    plan = [shell("first", "exec sleep 60", probe=gate.exists), Step(name="step", run=lambda: None), sleeper("second")]
    with running(plan, places) as supervised:
        eventually(lambda: "first" in supervised.record().services if places.pid_file.exists() else False)
        assert "second" not in supervised.record().services
        gate.touch()
        eventually(lambda: supervised.said("all services are ready"))
        assert [entry.state for entry in supervised.record().services.values()] == ["done", "ready", "ready"]
    assert supervised.result is True


def test_a_crashed_service_comes_back_and_the_others_stay(places: Places) -> None:
    with running([sleeper("steady"), sleeper("crashing")], places) as supervised:
        eventually(lambda: supervised.said("all services are ready"))
        steady, crashed = supervised.process_of("steady"), supervised.process_of("crashing")
        os.kill(crashed.pid, signal.SIGKILL)
        eventually(lambda: supervised.record().services["crashing"].restarts == 1)
        eventually(lambda: supervised.record().services["crashing"].state == "ready")
        assert supervised.process_of("crashing") != crashed
        assert supervised.process_of("steady") == steady


def test_a_service_whose_children_hold_its_pipe_is_still_seen_to_have_died(places: Places) -> None:
    plan = [shell("parent", "sleep 60 & echo here; wait", ready_text="here")]
    with running(plan, places) as supervised:
        eventually(lambda: supervised.said("all services are ready"))
        os.kill(supervised.process_of("parent").pid, signal.SIGKILL)
        eventually(lambda: supervised.record().services["parent"].restarts == 1)


def test_a_service_that_keeps_crashing_is_tried_with_growing_pauses_and_holds_up_nobody(places: Places) -> None:
    with running([shell("broken", "exit 3", ready_text="never"), sleeper("other")], places) as supervised:
        eventually(lambda: supervised.said("some services are not ready"), seconds=20)
        assert supervised.record().services["other"].state == "ready"
        pauses = [line.split("again in ")[1] for name, line in supervised.lines if name == "lintas" and "ended" in line]
        assert pauses[:3] == ["0.5 s", "1.0 s", "2.0 s"]
    assert supervised.result is False


def test_services_stop_in_reverse_order_and_leave_no_record(places: Places) -> None:
    with running([sleeper("first"), sleeper("second")], places) as supervised:
        eventually(lambda: supervised.said("all services are ready"))
        processes = [supervised.process_of(name) for name in ("first", "second")]
    stopped = [line for name, line in supervised.lines if name == "lintas" and "stopped" in line]
    assert stopped == ["second: stopped", "first: stopped"]
    assert not any(process.is_running() for process in processes)
    assert not places.pid_file.exists()


def test_a_service_that_does_not_stop_in_time_is_killed(places: Places) -> None:
    stubborn = shell("stubborn", "trap '' TERM; echo here; while true; do sleep 1; done", ready_text="here")
    with running([stubborn], places) as supervised:
        eventually(lambda: supervised.said("all services are ready"))
        process = supervised.process_of("stubborn")
    assert not process.is_running()
    assert supervised.said("killed")


def test_a_failing_step_stops_what_was_started(places: Places) -> None:
    def fail() -> None:
        raise StartError("no such luck")

    supervised = Running([sleeper("first"), Step(name="step", run=fail), sleeper("second")], places)
    eventually(lambda: supervised.error is not None)
    supervised.stop()
    assert supervised.said("first: stopped")
    assert not any(name == "second" for name, _ in supervised.lines)


def test_two_supervisors_of_one_installation_are_refused(places: Places) -> None:
    with running([sleeper("only")], places) as supervised:
        eventually(lambda: supervised.said("all services are ready"))
        with pytest.raises(AlreadyRunningError, match="lintas stop"):
            Supervisor([], places, show=lambda _name, _line: None).run()
        assert supervised.process_of("only").is_running()


def test_what_a_killed_supervisor_left_is_ended_and_a_stranger_is_not(places: Places) -> None:
    with running([sleeper("ours")], places) as supervised:
        eventually(lambda: supervised.said("all services are ready"))
        raw = json.loads(places.pid_file.read_text())
        ours = supervised.process_of("ours")
        own = ProcessId.of(os.getpid())
        assert own is not None
        raw["supervisor"]["start_ticks"] -= 1
        raw["services"]["stranger"] = {
            "state": "ready",
            "restarts": 0,
            "process": {"pid": own.pid, "start_ticks": own.start_ticks + 1, "boot_id": own.boot_id},
        }
        left = places.run / "left.pid"
        left.write_text(json.dumps(raw))
        assert stop_installation(left) == ["ours"]
        assert not ours.is_running()
        assert not left.exists()


def test_the_services_of_a_living_supervisor_are_not_leftovers(places: Places, tmp_path: Path) -> None:
    supervisor = launch(["sleep", "60"], log_file=tmp_path / "log")
    assert supervisor is not None
    places.pid_file.write_text(json.dumps({"supervisor": vars(supervisor), "complete": True, "services": {}}))
    assert end_leftovers(places.pid_file) == []
    assert places.pid_file.exists()
    end(supervisor, grace_seconds=5)


def test_output_goes_to_a_log_file_of_the_service(places: Places) -> None:
    with running([sleeper("talker")], places) as supervised:
        eventually(lambda: supervised.said("all services are ready"))
    assert (places.log / "talker.log").read_text() == "here\n"
