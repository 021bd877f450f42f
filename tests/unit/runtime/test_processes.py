"""Ending processes by an identity that a reused pid cannot fake."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.processes import ProcessId, end, launch


def start(tmp_path: Path, *command: str) -> ProcessId:
    process = launch(command, log_file=tmp_path / "log")
    assert process is not None
    return process


def test_a_running_process_is_recognised_and_ended(tmp_path: Path) -> None:
    process = start(tmp_path, "sleep", "60")
    assert process.is_running()
    assert end(process, grace_seconds=5)
    assert not process.is_running()


def test_a_process_that_ignores_the_request_is_killed_with_its_group(tmp_path: Path) -> None:
    script = f"trap '' TERM; sleep 60 & echo $! >{tmp_path}/child; wait; sleep 60"
    process = start(tmp_path, "sh", "-c", script)
    child = _child_of(tmp_path)
    assert not end(process, grace_seconds=0.3)
    assert not process.is_running()
    assert _gone_within(child, seconds=5)


def test_a_stranger_with_the_same_pid_is_never_signalled(tmp_path: Path) -> None:
    process = start(tmp_path, "sleep", "60")
    earlier = replace(process, start_ticks=process.start_ticks - 1)
    assert not earlier.is_running()
    assert end(earlier, grace_seconds=0.1)
    assert process.is_running()
    end(process, grace_seconds=5)


def test_a_record_from_before_a_reboot_names_nobody(tmp_path: Path) -> None:
    process = start(tmp_path, "sleep", "60")
    assert not replace(process, boot_id="another").is_running()
    end(process, grace_seconds=5)


def test_a_dead_process_that_nobody_waited_for_does_not_count_as_running(tmp_path: Path) -> None:
    process = start(tmp_path, "sleep", "60")
    os.kill(process.pid, signal.SIGKILL)
    assert _gone_within(process, seconds=5)
    assert end(process, grace_seconds=0)


def test_a_pid_that_was_never_used_has_no_identity() -> None:
    assert ProcessId.of(2**22 + 1) is None


@pytest.mark.parametrize("name", ["a) b (c", "))", "x y z"])
def test_a_program_name_with_brackets_does_not_confuse_the_reading(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    process = start(tmp_path, str(program), "60")
    deadline = time.monotonic() + 5
    while Path(f"/proc/{process.pid}/comm").read_text().strip() != name and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ProcessId.of(process.pid) == process
    end(process, grace_seconds=5)


def _child_of(tmp_path: Path) -> ProcessId:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        text = (tmp_path / "child").read_text().strip() if (tmp_path / "child").exists() else ""
        child = ProcessId.of(int(text)) if text else None
        if child is not None:
            return child
        time.sleep(0.01)
    raise AssertionError("the shell started no child")


def _gone_within(process: ProcessId, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.is_running() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not process.is_running()
