"""Files with secrets: closed to others and never half written."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import files


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    previous = os.umask(0o000)
    yield
    os.umask(previous)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_closed_whatever_the_umask(tmp_path: Path) -> None:
    files.write_private(tmp_path / "key", "x")
    assert mode(tmp_path / "key") == 0o600


def test_a_directory_that_stood_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o777)
    assert mode(files.private_dir(tmp_path / "d")) == 0o700


def test_a_secret_that_exists_is_kept(tmp_path: Path) -> None:
    assert files.read_or_create(tmp_path / "key", "first\n") == "first"
    assert files.read_or_create(tmp_path / "key", "second\n") == "first"


def test_nothing_is_left_behind_when_the_target_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(OSError, match="key"):
        files.write_private(tmp_path / "key", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
