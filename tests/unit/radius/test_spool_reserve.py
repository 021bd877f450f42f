"""Records are written into room that the spool has already, so a disk that others fill cuts none of them short."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from radius.spool_reserve import SpoolReserve

FILE = "acct-2026112701-accounting0.jsonl"
COUNT = 256 * 1024
PLENTY = 1 << 30


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as others, contextlib.suppress(OSError):
        while others.write(bytes(4096)):
            continue


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "acct-2026112700-accounting0.jsonl").write_bytes(b"older\n")
    (tmp_path / FILE).write_bytes(b"first\n")
    return tmp_path


def test_the_newest_file_has_room_behind_its_end_and_is_not_longer_for_it(spool: Path) -> None:
    reserve = SpoolReserve(spool, "accounting0", COUNT)

    assert reserve.renew(PLENTY)

    if reserve.is_supported:
        assert allocated(spool / FILE) >= COUNT
    assert (spool / FILE).read_bytes() == b"first\n"
    assert allocated(spool / "acct-2026112700-accounting0.jsonl") < COUNT


def test_room_is_renewed_when_half_of_it_is_used(spool: Path) -> None:
    reserve = SpoolReserve(spool, "accounting0", COUNT)
    reserve.renew(PLENTY)
    before = allocated(spool / FILE)
    with (spool / FILE).open("ab") as file:
        file.write(bytes(COUNT // 2 + 4096))

    assert reserve.renew(PLENTY)

    if reserve.is_supported:
        assert allocated(spool / FILE) > before


def test_where_little_is_spare_half_of_it_is_taken_at_most_and_next_to_nothing_is_left_alone(spool: Path) -> None:
    assert SpoolReserve(spool, "accounting0", COUNT).renew(100_000)
    assert allocated(spool / FILE) < 100_000

    reserve = SpoolReserve(spool, "accounting0", COUNT)
    assert reserve.renew(200_000)
    if reserve.is_supported:
        assert 90_000 < allocated(spool / FILE) < 120_000


def test_an_empty_spool_needs_no_room(tmp_path: Path) -> None:
    assert SpoolReserve(tmp_path, "accounting0", COUNT).renew(PLENTY)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk needs root")
def test_a_record_fits_on_a_disk_that_others_have_filled_and_no_more_room_is_given(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], check=True)
    try:
        (disk / FILE).write_bytes(b"first\n")
        reserve = SpoolReserve(disk, "accounting0", COUNT)
        assert reserve.renew(PLENTY)
        fill(disk / "others")
        with (disk / FILE).open("ab", buffering=0) as file:
            assert file.write(bytes(COUNT // 2 + 4096)) == COUNT // 2 + 4096
        assert not reserve.renew(PLENTY)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
