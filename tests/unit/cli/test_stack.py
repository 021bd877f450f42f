"""`lintas status`, `stop` and `run` where nothing runs."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import root
from runtime import local


@pytest.fixture(autouse=True)
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [*local.WANTED_PORTS, "DATABASE_URL", "REDIS_URL", "KEYS_FILE", "SECRET_KEY_FILE", "SPOOL_DIR"]:
        # Set first, so that what the command adds is taken back afterwards.
        monkeypatch.setenv("LINTAS_" + name, "")
        monkeypatch.delenv("LINTAS_" + name)
    monkeypatch.delenv("LINTAS_ENV_FILE")
    monkeypatch.setenv("LINTAS_VAR_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


def test_status_of_nothing_says_how_to_start() -> None:
    result = CliRunner().invoke(root, ["status"])
    assert result.exit_code == 1
    assert "make demo" in result.output


def test_status_of_nothing_is_json_when_asked() -> None:
    result = CliRunner().invoke(root, ["status", "--json"])
    assert json.loads(result.output) == {"running": False, "services": []}


def test_stopping_nothing_is_no_error() -> None:
    result = CliRunner().invoke(root, ["stop"])
    assert result.exit_code == 0
    assert "nothing was running" in result.output


def test_a_process_that_does_not_exist_is_refused_with_those_that_do() -> None:
    local.prepare()
    umask = os.umask(0)
    result = CliRunner().invoke(root, ["run", "ghost"])
    os.umask(umask)
    assert result.exit_code == 1
    assert "radius-login, radius-accounting, collector, worker, beat, panel" in result.output


def test_becoming_a_process_replaces_this_one_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    local.prepare()
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execvpe", lambda _file, command, _env: became.append(command))
    umask = os.umask(0)
    CliRunner().invoke(root, ["run", "collector"])
    os.umask(umask)
    assert [Path(command[0]).name for command in became] == ["lintas"]
    assert became[0][1:] == ["collect"]
