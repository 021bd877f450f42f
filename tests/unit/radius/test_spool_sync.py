"""What was appended to the spool is asked onto the disk, once for all who wait; a disk that fails is not trusted."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from radius import spool_sync as module
from radius.spool_sync import SpoolFiles, SpoolSync


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    path.mkdir()
    return path


class Disk:
    """Stands for the disk: how often it was asked, how long that takes, whether it fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False
        self.takes_s = 0.0

    def fdatasync(self, descriptor: int) -> None:
        self.asked.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        time.sleep(self.takes_s)
        if self.fails:
            raise OSError(5, "Input/output error")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(module.os, "fdatasync", disk.fdatasync)
    return disk


def append(spool: Path, text: str = "line\n", name: str = "acct-2026112110-accounting0.jsonl") -> None:
    with (spool / name).open("a") as file:
        file.write(text)


def made(spool: Path, interval_ms: int = 60_000) -> SpoolSync:
    return SpoolSync(spool, "accounting0", interval_ms, lambda _: None)


def test_only_what_grew_is_asked_for_and_a_new_file_with_its_folder(spool: Path, disk: Disk) -> None:
    files = SpoolFiles(spool, "accounting0")
    append(spool)
    append(spool, name="access-2026112110.jsonl")
    append(spool, name="acct-2026112110-accounting1.jsonl")
    assert files.sync() == 5
    assert disk.asked == ["acct-2026112110-accounting0.jsonl", "spool"]

    disk.asked.clear()
    assert files.sync() == 0
    assert disk.asked == []

    append(spool)
    assert files.sync() == 5
    assert disk.asked == ["acct-2026112110-accounting0.jsonl"]


def test_what_the_disk_refused_is_asked_for_again(spool: Path, disk: Disk) -> None:
    files = SpoolFiles(spool, "accounting0")
    append(spool)
    disk.fails = True
    with pytest.raises(OSError, match="Input/output"):
        files.sync()
    disk.fails = False
    assert files.sync() == 5


def test_a_file_that_was_removed_and_made_again_begins_anew(spool: Path, disk: Disk) -> None:
    files = SpoolFiles(spool, "accounting0")
    append(spool, "a long line\n")
    files.sync()
    (spool / "acct-2026112110-accounting0.jsonl").unlink()
    files.sync()
    append(spool, "x\n")
    assert files.sync() == 2


def test_who_was_waited_for_with_others_asks_for_nothing_more(spool: Path, disk: Disk) -> None:
    sync = made(spool)
    for number in range(10):
        append(spool, f"{number}\n")
    assert all(sync.make_safe() for _ in range(10))
    assert disk.asked.count("acct-2026112110-accounting0.jsonl") == 1


def test_nobody_goes_on_before_a_request_that_began_after_his_record(spool: Path, disk: Disk) -> None:
    sync = made(spool)
    disk.takes_s = 0.1
    append(spool)
    first = threading.Thread(target=sync.make_safe)
    first.start()
    time.sleep(0.03)
    append(spool)
    assert sync.make_safe()
    first.join()
    assert disk.asked.count("acct-2026112110-accounting0.jsonl") == 2


def test_a_disk_that_fails_is_an_answer_to_everybody_and_is_not_trusted(
    spool: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DISTRUST_S", 0.2)
    sync = made(spool)
    disk.fails = True
    disk.takes_s = 0.02

    def record(number: int) -> bool:
        append(spool, f"{number}\n")
        return sync.make_safe()

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(record, range(8)))
    assert not sync.is_trusted
    disk.fails = False
    time.sleep(0.25)
    assert sync.is_trusted
    assert sync.make_safe()


def test_it_runs_by_itself_and_says_how_it_does(spool: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TELL_EVERY_S", 0.0)
    sync = made(spool, interval_ms=10)
    running = threading.Thread(target=sync.run)
    running.start()
    append(spool)
    deadline = time.monotonic() + 5
    while "acct-2026112110-accounting0.jsonl" not in disk.asked or not (spool / "watch-accounting0.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    sync.stop()
    running.join(5)
    note = json.loads((spool / "watch-accounting0.json").read_text())
    assert note.keys() == {"synced_at", "longest_ms", "errors"}
    assert abs(note["synced_at"] - time.time()) < 10
