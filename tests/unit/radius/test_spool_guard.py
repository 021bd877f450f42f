"""The gate of the accounting spool follows the free space behind it."""

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from radius import spool_guard as module
from radius.spool_guard import SpoolGuard

MIN_FREE = 1_000_000


class Disk:
    """Stands for the disk: free space and inodes as the test says."""

    def __init__(self, free: int = 10 * MIN_FREE, inodes: int = 100) -> None:
        self.free, self.inodes, self.is_there = free, inodes, True

    def statvfs(self, _: object) -> SimpleNamespace:
        if not self.is_there:
            raise FileNotFoundError("no such directory")
        return SimpleNamespace(f_bavail=self.free // 100, f_frsize=100, f_favail=self.inodes)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(module.os, "statvfs", disk.statvfs)
    return disk


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def guard(tmp_path: Path, gate: Path, complaints: list[str], disk: Disk) -> SpoolGuard:
    (tmp_path / "spool").mkdir()
    return SpoolGuard(tmp_path / "spool", "accounting0", gate, MIN_FREE, complaints.append)


def can_write(gate: Path) -> bool:
    try:
        with (gate / "line").open("a") as file:
            file.write("x\n")
    except OSError:
        return False
    return True


def test_with_room_the_gate_is_open(guard: SpoolGuard, gate: Path) -> None:
    assert guard.check() is True
    assert can_write(gate)


@pytest.mark.parametrize(("free", "is_open"), [(MIN_FREE - 1, False), (MIN_FREE, True), (0, False)])
def test_the_gate_closes_below_the_room_asked_for(
    guard: SpoolGuard, gate: Path, disk: Disk, free: int, is_open: bool
) -> None:
    disk.free = free

    assert guard.check() is is_open
    assert can_write(gate) is is_open


def test_the_gate_closes_when_no_file_can_be_made(guard: SpoolGuard, gate: Path, disk: Disk) -> None:
    disk.inodes = 0

    assert guard.check() is False
    assert not can_write(gate)


def test_the_gate_closes_when_the_disk_is_gone(guard: SpoolGuard, gate: Path, disk: Disk) -> None:
    assert guard.check()
    disk.is_there = False

    assert guard.check() is False
    assert not can_write(gate)


def test_it_opens_again_and_says_so_once_each_time(
    guard: SpoolGuard, gate: Path, disk: Disk, complaints: list[str]
) -> None:
    for free in (10 * MIN_FREE, 10 * MIN_FREE, 0, 0, 10 * MIN_FREE):
        disk.free = free
        guard.check()

    assert can_write(gate)
    assert [text.split(":")[0] for text in complaints] == [
        "accounting spool open",
        "accounting spool closed",
        "accounting spool open",
    ]


def test_a_gate_that_points_elsewhere_after_a_move_is_set_right(guard: SpoolGuard, gate: Path, tmp_path: Path) -> None:
    (tmp_path / "former").mkdir()
    gate.symlink_to(tmp_path / "former")

    assert guard.check()
    assert gate.resolve() == (tmp_path / "spool").resolve()


def test_a_half_made_link_of_a_killed_server_does_not_stop_the_next_one(guard: SpoolGuard, gate: Path) -> None:
    gate.with_name("gate.new").symlink_to("nowhere")

    assert guard.check()
    assert can_write(gate)


def test_the_gate_is_never_missing_while_it_turns(guard: SpoolGuard, gate: Path, disk: Disk) -> None:
    guard.check()
    stop, missing = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            if not os.path.lexists(gate):
                missing.append(time.monotonic())

    looking = threading.Thread(target=look)
    looking.start()
    for turn in range(500):
        disk.free = 0 if turn % 2 else 10 * MIN_FREE
        guard.check()
    stop.set()
    looking.join(5)

    assert missing == []


def test_a_closed_gate_is_no_way_into_the_folder_beside_it(guard: SpoolGuard, gate: Path, disk: Disk) -> None:
    disk.free = 0
    guard.check()

    assert str(gate.readlink()) == module.CLOSED
    assert not gate.exists()


def test_the_watch_goes_on_after_a_failed_check(
    guard: SpoolGuard, gate: Path, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_S", 0.005)
    gate.mkdir()
    watching = threading.Thread(target=guard.run)
    watching.start()
    try:
        _wait_for(lambda: complaints)
        gate.rmdir()
        _wait_for(lambda: can_write(gate))
    finally:
        guard.stop()
        watching.join(5)
    assert not watching.is_alive()


def _wait_for(condition: object, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_another_folder_in_the_spools_place_is_not_written_to_until_the_first_is_back(
    guard: SpoolGuard, gate: Path, tmp_path: Path, complaints: list[str]
) -> None:
    assert guard.check()
    (tmp_path / "spool").rename(tmp_path / "away")
    (tmp_path / "spool").mkdir()

    assert not guard.check()
    assert not can_write(gate)
    assert "not the one of the start" in complaints[-1]

    (tmp_path / "spool").rmdir()
    (tmp_path / "away").rename(tmp_path / "spool")
    assert guard.check()
    assert can_write(gate)


def test_a_folder_that_comes_to_light_when_a_disk_is_unmounted_is_not_written_to_at_any_moment(
    guard: SpoolGuard, gate: Path, tmp_path: Path, complaints: list[str]
) -> None:
    underneath = tmp_path / "underneath"
    underneath.mkdir()
    # A server has run there too, before the disk was mounted the first time.
    SpoolGuard(underneath, "accounting0", tmp_path / "former gate", MIN_FREE, complaints.append).check()
    assert guard.check()
    assert can_write(gate)

    (tmp_path / "spool").rename(tmp_path / "away")
    underneath.rename(tmp_path / "spool")

    assert not can_write(gate)
    assert not (tmp_path / "spool" / "line").exists()


def test_a_folder_in_which_nothing_can_be_made_stays_closed(
    guard: SpoolGuard, gate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Path.symlink_to

    def refuse(path: Path, target: str) -> None:
        if path.parent.name == "spool":
            raise OSError(30, "Read-only file system")
        link(path, target)

    monkeypatch.setattr(Path, "symlink_to", refuse)

    assert not guard.check()
    assert not can_write(gate)
