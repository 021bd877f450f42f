"""The command itself: help without loading anything, and errors that say what to do."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from cli import main as module
from cli.main import COMMANDS, Entry, root

_HELP = """
import sys
import cli.main
sys.argv = ["lintas", "--help"]
try:
    cli.main.main()
finally:
    print(sorted(set(sys.modules) & {"psycopg", "sqlalchemy", "celery", "pydantic", "flask"}))
"""


def test_help_names_every_command_and_loads_none() -> None:
    done = subprocess.run([sys.executable, "-c", _HELP], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.splitlines()[-1] == "[]"
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(root, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output


def test_a_command_that_was_left_out_is_a_sentence_and_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "ghost", Entry(target="cli.no_such_module:ghost", help="Nothing."))
    result = CliRunner().invoke(root, ["ghost"])
    assert result.exit_code == 1
    assert "without cli.no_such_module" in result.output


def test_an_installation_that_is_not_configured_is_told_what_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "KEYS_FILE", "SECRET_KEY_FILE", "SPOOL_DIR"):
        monkeypatch.delenv("LINTAS_" + name, raising=False)
    monkeypatch.setattr(sys, "argv", ["lintas", "migrate"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 1
    assert "make demo" in capsys.readouterr().err
