"""A record is acknowledged when its whole line is in the file that the gate leads to, and only then."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.records import parse_line
from radius import spool_writer as module
from radius.spool_writer import SpoolWriter, line_of

AT = 1_790_000_000.000123
RECORD = (
    ("User-Name", "budi"),
    ("Acct-Status-Type", "Interim-Update"),
    ("Acct-Session-Id", "81000001"),
    ("Acct-Session-Time", "300"),
    ("Acct-Input-Octets", "5"),
    ("Tmp-String-0", "10.0.0.1"),
)


class Place:
    """A spool behind a gate, and a clock."""

    def __init__(self, home: Path) -> None:
        self.spool, self.gate = home / "spool", home / "gate"
        self.spool.mkdir()
        self.gate.symlink_to(self.spool)
        self.now, self.is_open = AT, True
        self.complaints: list[str] = []
        self.writer = SpoolWriter(
            self.gate, "accounting0", self.complaints.append, lambda: self.is_open, lambda: self.now
        )

    def write(self, session_id: str = "1") -> bool:
        return self.writer.write((*RECORD[:2], ("Acct-Session-Id", session_id), *RECORD[3:]))

    def kept(self) -> dict[str, list[str]]:
        """Session ids by file."""
        return {
            path.name: [parse_line(line).session_id for line in path.read_bytes().splitlines()]
            for path in sorted(self.spool.glob("*.jsonl"))
        }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_record_is_a_line_that_the_collector_reads(place: Place) -> None:
    assert place.writer.write(RECORD)

    [path] = place.spool.iterdir()
    record = parse_line(path.read_bytes().removesuffix(b"\n"))
    assert path.name == "acct-2026092114-accounting0.jsonl"
    assert path.stat().st_mode & 0o077 == 0
    assert (record.received_us, record.source, record.session_id) == (1_790_000_000_000_123, "10.0.0.1", "81000001")
    assert record.packet is not None
    assert (record.packet.session_time_s, record.packet.upload_bytes) == (300, 5)
    assert "Tmp-String-0" not in record.attributes


def test_each_hour_has_its_file_also_when_the_clock_is_set_back(place: Place) -> None:
    for session_id, at in (("a", AT), ("b", AT + 3600), ("c", AT + 3600.01), ("d", AT), ("e", AT + 0.01)):
        place.now = at
        assert place.write(session_id)

    assert list(place.kept().values()) == [["a", "d", "e"], ["b", "c"]]


def test_the_hour_ends_at_once_not_at_the_next_look(place: Place) -> None:
    place.now = hour = AT // 3600 * 3600 + 3600
    for session_id, at in (("a", hour - 0.001), ("b", hour)):
        place.now = at
        assert place.write(session_id)

    assert list(place.kept().values()) == [["a"], ["b"]]


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_file_that_is_no_longer_there_gets_no_record(place: Place, how: str) -> None:
    assert place.write("a")
    [path] = place.spool.iterdir()
    if how == "deleted":
        path.unlink()
    else:
        path.rename(place.spool / "away")
    if how == "replaced":
        path.write_bytes(b"")
        place.now += module.LOOK_EVERY_S

    assert place.write("b")

    assert list(place.kept().values()) == [["b"]]


def test_a_folder_that_was_moved_gets_no_record_from_that_moment_on(place: Place) -> None:
    assert place.write("a")
    place.spool.rename(place.spool.with_name("away"))

    assert not place.write("b")
    assert "not opened" in place.complaints[0]

    place.spool.mkdir()
    assert place.write("c")
    assert list(place.kept().values()) == [["c"]]


def test_a_closed_gate_is_heeded_at_once_and_an_open_one_too(place: Place) -> None:
    assert place.write("a")
    place.is_open = False
    assert not place.write("b")
    place.is_open = True
    place.gate.unlink()
    assert not place.write("c")
    place.gate.symlink_to(place.spool)
    assert place.write("d")

    assert list(place.kept().values()) == [["a", "d"]]


def test_a_line_that_was_cut_short_is_taken_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.write("a")
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", lambda file, line, whole=os.write: whole(file, line[:20]))
        assert not place.write("b")
    assert "20 of" in place.complaints[0]

    assert place.write("c")
    assert list(place.kept().values()) == [["a", "c"]]


def test_a_disk_that_takes_nothing_is_no_acknowledgement(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", full)
        assert not place.write("a")
    assert "No space left" in place.complaints[0]
    assert place.write("b")
    assert list(place.kept().values()) == [["b"]]


def test_what_came_several_times_is_a_list(place: Place) -> None:
    assert place.writer.write((*RECORD, ("Class", "0x01"), ("Class", "0x02"), ("Class", "0x02")))

    [path] = place.spool.iterdir()
    assert json.loads(path.read_bytes().split(b" ", 2)[2])["Class"] == ["0x01", "0x02", "0x02"]


# Python is handed text only: no control characters, no lone surrogates.
TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=40)


@given(name=TEXT, agent=TEXT, twice=st.booleans())
def test_any_text_comes_back_as_it_was(name: str, agent: str, twice: bool) -> None:
    pairs = (*RECORD[1:], ("User-Name", name), *[("Connect-Info", agent)] * (1 + twice))

    line = line_of(AT, pairs)

    assert line.count(b"\n") == 1
    attributes = parse_line(line.removesuffix(b"\n")).attributes
    assert attributes["User-Name"] == name
    assert attributes["Connect-Info"] == ([agent, agent] if twice else agent)
