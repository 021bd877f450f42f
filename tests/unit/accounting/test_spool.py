"""Whole lines in order, once; torn pieces set aside only when nobody will finish them."""

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.spool import MAX_LINE_BYTES, TORN_AFTER_S, Spool

NOW = 2_000_000_000.0


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, "acct", wall_clock=lambda: NOW)


def put(directory: Path, name: str, content: bytes, *, age_s: float = 0.0) -> None:
    (directory / name).write_bytes(content)
    os.utime(directory / name, (NOW - age_s, NOW - age_s))


def raws(spool: Spool, positions: dict[str, int], **limits: int) -> list[bytes]:
    chunk = spool.read(positions, **({"max_bytes": 1 << 20, "max_lines": 1000} | limits))
    positions.update(chunk.after)
    return [line.raw for line in chunk.lines]


def test_no_directory_is_an_empty_spool(tmp_path: Path) -> None:
    assert not Spool(tmp_path / "none", "acct", wall_clock=lambda: NOW).read({}, max_bytes=1, max_lines=1)


def test_a_line_waits_until_it_is_whole(spool: Spool, tmp_path: Path) -> None:
    positions: dict[str, int] = {}
    put(tmp_path, "acct-2026112100.jsonl", b"one\ntw")
    assert raws(spool, positions) == [b"one"]
    assert raws(spool, positions) == []
    put(tmp_path, "acct-2026112100.jsonl", b"one\ntwo\n")
    assert raws(spool, positions) == [b"two"]


def test_files_follow_each_other_by_name(spool: Spool, tmp_path: Path) -> None:
    put(tmp_path, "acct-2026112101.jsonl", b"b\n")
    put(tmp_path, "acct-2026112100.jsonl", b"a\n")
    put(tmp_path, "access-2026112100.jsonl", b"x\n")
    assert raws(spool, {}) == [b"a", b"b"]


def test_a_line_that_comes_late_into_an_older_file_is_read(spool: Spool, tmp_path: Path) -> None:
    positions: dict[str, int] = {}
    put(tmp_path, "acct-2026112100.jsonl", b"a\n")
    put(tmp_path, "acct-2026112101.jsonl", b"b\n")
    assert raws(spool, positions) == [b"a", b"b"]
    put(tmp_path, "acct-2026112100.jsonl", b"a\nlate\n")
    assert raws(spool, positions) == [b"late"]


def test_a_torn_end_is_set_aside_once_a_later_file_exists_and_nobody_writes(spool: Spool, tmp_path: Path) -> None:
    put(tmp_path, "acct-2026112100.jsonl", b"a\ntorn", age_s=TORN_AFTER_S + 1)
    assert spool.read({}, max_bytes=1000, max_lines=10).torn == []
    put(tmp_path, "acct-2026112101.jsonl", b"b\n")
    chunk = spool.read({}, max_bytes=1000, max_lines=10)
    assert [line.raw for line in chunk.lines] == [b"a", b"b"]
    assert [(line.offset, line.raw) for line in chunk.torn] == [(2, b"torn")]
    assert chunk.after == {"acct-2026112100.jsonl": 6, "acct-2026112101.jsonl": 2}


def test_a_torn_end_waits_while_the_file_may_still_be_written(spool: Spool, tmp_path: Path) -> None:
    put(tmp_path, "acct-2026112100.jsonl", b"torn")
    put(tmp_path, "acct-2026112101.jsonl", b"b\n")
    chunk = spool.read({}, max_bytes=1000, max_lines=10)
    assert (chunk.torn, chunk.after) == ([], {"acct-2026112101.jsonl": 2})


def test_a_line_longer_than_any_is_cut_and_the_rest_goes_on(spool: Spool, tmp_path: Path) -> None:
    put(tmp_path, "acct-2026112100.jsonl", b"x" * (3 * MAX_LINE_BYTES) + b"\nnext\n")
    positions: dict[str, int] = {}
    found = [raws(spool, positions, max_bytes=10) for _ in range(6)]
    assert b"".join(piece for pieces in found for piece in pieces) == b"x" * (3 * MAX_LINE_BYTES) + b"next"
    assert found[3] == [b"", b"next"] or found[3][-1] == b"next"


def test_counted_old_files_are_removed_and_no_other(spool: Spool, tmp_path: Path) -> None:
    for hour, age_s in ((0, 90_000), (1, 90_000), (2, 10), (3, 90_000)):
        put(tmp_path, f"acct-20261121{hour:02d}.jsonl", b"a\n", age_s=age_s)
    positions = {f"acct-20261121{hour:02d}.jsonl": 2 for hour in (0, 2, 3)}
    assert spool.remove_counted(positions, older_than_s=86_400) == ["acct-2026112100.jsonl"]
    assert [name for name, *_ in spool.files()] == [f"acct-20261121{hour:02d}.jsonl" for hour in (1, 2, 3)]


@given(
    lines=st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")), max_size=30),
    splits=st.lists(st.integers(0, 29), max_size=3),
    max_lines=st.integers(1, 7),
    max_bytes=st.integers(1, 100),
)
def test_any_limits_read_every_line_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], splits: list[int], max_lines: int, max_bytes: int
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    edges = [0, *sorted(min(split, len(lines)) for split in splits), len(lines)]
    for number, (start, end) in enumerate(pairwise(edges)):
        put(directory, f"acct-20261121{number:02d}.jsonl", b"".join(raw + b"\n" for raw in lines[start:end]))
    spool, positions, found = Spool(directory, "acct", wall_clock=lambda: NOW), {}, []
    while chunk := spool.read(positions, max_bytes=max_bytes, max_lines=max_lines):
        assert len(chunk.lines) <= max_lines
        found += [line.raw for line in chunk.lines]
        positions.update(chunk.after)
    assert chunk.reached_end
    assert found == lines


def test_files_of_one_hour_are_read_side_by_side_and_those_of_the_next_wait(spool: Spool, tmp_path: Path) -> None:
    for name in ("acct-2026112100-a.jsonl", "acct-2026112100-b.jsonl", "acct-2026112101-a.jsonl"):
        put(tmp_path, name, b"".join(b"%s %d\n" % (name[-9:-6].encode(), n) for n in range(10)))

    first = spool.read({}, max_bytes=10_000, max_lines=8)
    assert [line.file[5:17] for line in first.lines] == ["2026112100-a"] * 4 + ["2026112100-b"] * 4
    assert not first.reached_end

    rest = spool.read(first.after, max_bytes=10_000, max_lines=100)
    assert Counter(line.file[5:17] for line in rest.lines) == {"2026112100-a": 6, "2026112100-b": 6, "2026112101-a": 10}


@pytest.mark.parametrize(
    ("content", "position", "is_rewritten"),
    [
        (b"one\ntwo\n", 4, False),
        (b"one\ntwo\n", 8, False),
        (b"one\n", 8, True),
        (b"one\nthree\n", 8, True),
        # A piece that was set aside to its end, and nothing came after it.
        (b"one\ntw", 6, False),
        (b"", 0, False),
    ],
)
def test_a_file_that_is_not_what_was_counted_is_known_by_where_its_lines_end(
    spool: Spool, tmp_path: Path, content: bytes, position: int, is_rewritten: bool
) -> None:
    put(tmp_path, "acct-2026112100.jsonl", content)

    assert spool.rewritten({"acct-2026112100.jsonl": position, "acct-2026112023.jsonl": 9}) == (
        ["acct-2026112100.jsonl"] if is_rewritten else []
    )
