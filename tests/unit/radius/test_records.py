"""The access log's buffer: what is decided is written once and whole, or it is said that it was not."""

import errno
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radius import records as module
from radius.records import MAX_BATCH, SETTLE_S, AccessRecords, Record

FOREVER = float("inf")


def a_record(number: int, decided_at: float = 100.0, **over: Any) -> Record:
    record = Record(decided_at, 1, 7, f"user{number}", None, "pppoe", "accept", "accepted", f"d{number}", number, None)
    return record._replace(**over)


def written(folder: Path) -> list[list[Any]]:
    lines = [line for path in sorted(folder.glob("access-*.jsonl")) for line in path.read_bytes().splitlines()]
    return [record for line in lines for record in json.loads(line)]


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def records(tmp_path: Path, complaints: list[str]) -> AccessRecords:
    return AccessRecords(tmp_path, complaints.append)


def test_a_record_is_written_in_the_order_of_the_columns(records: AccessRecords, tmp_path: Path) -> None:
    name = 'bu"di\n[1]\\'
    records.add(a_record(1, username=name, callingstationid="02:00:00:00:00:01", details={"stale": True}))

    assert records.flush(FOREVER) == 1

    (path,) = tmp_path.glob("access-*.jsonl")
    assert path.read_bytes().count(b"\n") == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert written(tmp_path) == [
        [100.0, 1, 7, name, "02:00:00:00:00:01", "pppoe", "accept", "accepted", "d1", 1, {"stale": True}]
    ]


def test_a_record_waits_until_it_has_settled(records: AccessRecords, tmp_path: Path) -> None:
    records.add(a_record(1, decided_at=100.0))

    assert records.flush(99.9) == 0
    assert records.flush(100.0) == 1
    assert records.flush(200.0) == 0
    assert len(written(tmp_path)) == 1


def test_an_accept_whose_password_was_wrong_becomes_the_reject_it_was(records: AccessRecords, tmp_path: Path) -> None:
    for number in range(3):
        records.add(a_record(number))
    records.refuse("d1", "wrong_password")

    records.flush(FOREVER)

    assert [(r[6], r[7], r[8]) for r in written(tmp_path)] == [
        ("accept", "accepted", "d0"),
        ("reject", "wrong_password", "d1"),
        ("accept", "accepted", "d2"),
    ]


def test_refusals_of_records_that_are_gone_do_not_pile_up(records: AccessRecords) -> None:
    records.add(a_record(1))
    for number in range(100):
        records.refuse(f"of-long-ago-{number}", "wrong_password")

    records.flush(FOREVER)

    assert records._refused == {}


def test_refusals_are_bounded_while_logins_never_pause(
    records: AccessRecords, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "MAX_REFUSED", 10)
    records.add(a_record(99))
    for number in range(100):
        records.refuse(f"d{number}", "wrong_password")

    assert len(records._refused) == 10
    records.flush(FOREVER)
    assert [r[7] for r in written(tmp_path)] == ["wrong_password"]


def test_the_buffer_is_bounded_and_keeps_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaints: list[str]
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    records = AccessRecords(tmp_path, complaints.append)
    for number in range(25):
        records.add(a_record(number))

    assert records.flush(FOREVER) == 10
    assert [r[8] for r in written(tmp_path)] == [f"d{number}" for number in range(15, 25)]


@given(
    numbers=st.lists(st.tuples(st.sampled_from(["add", "refuse", "flush"]), st.integers(0, 30)), max_size=60),
)
def test_every_record_is_written_once_in_order_with_its_last_word(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    records = AccessRecords(folder, pytest.fail)
    expected: list[list[str]] = []
    flushed = 0
    for step, number in numbers:
        if step == "add":
            records.add(a_record(len(expected)))
            expected.append([f"d{len(expected)}", "accepted"])
        elif step == "refuse" and flushed <= number < len(expected):
            records.refuse(f"d{number}", "wrong_password")
            expected[number][1] = "wrong_password"
        elif step == "flush":
            records.flush(FOREVER)
            flushed = len(expected)
    records.flush(FOREVER)

    assert [[r[8], r[7]] for r in written(folder)] == expected


def test_a_long_queue_is_written_in_lines_of_bounded_length(records: AccessRecords, tmp_path: Path) -> None:
    for number in range(2 * MAX_BATCH + 1):
        records.add(a_record(number))

    assert records.flush(FOREVER) == 2 * MAX_BATCH + 1
    (path,) = tmp_path.glob("access-*.jsonl")
    assert [len(json.loads(line)) for line in path.read_bytes().splitlines()] == [MAX_BATCH, MAX_BATCH, 1]


# --- the disk -----------------------------------------------------------------------------------------------------


def test_a_failed_write_is_said_and_its_records_are_written_later(
    records: AccessRecords, tmp_path: Path, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        records.add(a_record(number))
    records.refuse("d1", "wrong_password")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        records._try_flush(FOREVER)
    assert len(complaints) == 1
    assert "No space left" in complaints[0]
    records.add(a_record(3))
    records._try_flush(FOREVER)

    assert [(r[8], r[7]) for r in written(tmp_path)] == [
        ("d0", "accepted"),
        ("d1", "wrong_password"),
        ("d2", "accepted"),
        ("d3", "accepted"),
    ]
    assert len(complaints) == 1


def test_a_line_cut_short_by_a_full_disk_is_taken_back(
    records: AccessRecords, tmp_path: Path, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    records.add(a_record(0))
    records.flush(FOREVER)
    records.add(a_record(1))
    write = os.write

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
        records._try_flush(FOREVER)
    assert len(complaints) == 1
    assert [r[8] for r in written(tmp_path)] == ["d0"]

    records.add(a_record(2))
    records._try_flush(FOREVER)
    assert [r[8] for r in written(tmp_path)] == ["d0", "d1", "d2"]


def test_a_missing_folder_is_said_and_stops_nothing(tmp_path: Path, complaints: list[str]) -> None:
    records = AccessRecords(tmp_path / "gone", complaints.append)
    records.add(a_record(1))

    records._try_flush(FOREVER)

    assert len(complaints) == 1
    (tmp_path / "gone").mkdir()
    records._try_flush(FOREVER)
    assert [r[8] for r in written(tmp_path / "gone")] == ["d1"]


def test_the_writer_writes_what_has_settled_and_at_its_end_the_rest(
    records: AccessRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.01)
    writer = threading.Thread(target=records.run)
    writer.start()
    records.add(a_record(1, decided_at=time.time() - SETTLE_S))
    deadline = time.monotonic() + 5
    while not written(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    records.add(a_record(2, decided_at=time.time() + 3600))
    records.stop()
    writer.join(5)

    assert not writer.is_alive()
    assert [r[8] for r in written(tmp_path)] == ["d1", "d2"]
