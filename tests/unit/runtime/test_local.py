"""A first run: ports, secrets and addresses that are chosen once and kept."""

import os
import stat
from pathlib import Path

import pytest

from runtime import local
from runtime.settings import load_settings


@pytest.fixture(autouse=True)
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = [*local.WANTED_PORTS, "DATABASE_URL", "REDIS_URL", "KEYS_FILE", "SECRET_KEY_FILE", "SPOOL_DIR", "ENV_FILE"]
    for name in names:
        # Set first, so that what prepare adds is taken back afterwards.
        monkeypatch.setenv("LINTAS_" + name, "")
        monkeypatch.delenv("LINTAS_" + name)
    monkeypatch.setenv("LINTAS_VAR_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


def forget_environment() -> None:
    for name in [name for name in os.environ if name.startswith("LINTAS_") and name != "LINTAS_VAR_DIR"]:
        del os.environ[name]


def test_everything_a_process_needs_is_there_after_a_first_run(var: Path) -> None:
    local.prepare()
    settings = load_settings()
    assert settings.database_url.startswith("postgresql://lintas:")
    assert settings.keys_file.exists()
    assert settings.secret_key_file.exists()


def test_a_second_run_changes_nothing(var: Path) -> None:
    local.prepare()
    before = {path: path.read_bytes() for path in var.rglob("*") if path.is_file()}
    forget_environment()
    local.prepare()
    assert {path: path.read_bytes() for path in var.rglob("*") if path.is_file()} == before


def test_two_installations_share_no_secret(var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local.prepare()
    forget_environment()
    monkeypatch.setenv("LINTAS_VAR_DIR", str(tmp_path / "other"))
    local.prepare()
    for name in ("keys", "flask.key", "database.password", "redis.password"):
        assert (var / "secrets" / name).read_text() != (tmp_path / "other" / "secrets" / name).read_text()


def test_all_that_is_secret_is_closed_and_var_can_be_walked_through(var: Path) -> None:
    local.prepare()
    assert stat.S_IMODE(var.stat().st_mode) == 0o711
    assert stat.S_IMODE((var / "lintas.env").stat().st_mode) == 0o600
    for path in (var / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_ports_are_all_different(var: Path) -> None:
    local.prepare()
    ports = [os.environ["LINTAS_" + name] for name in local.WANTED_PORTS]
    assert len(set(ports)) == len(ports)


def test_a_database_given_from_outside_means_no_private_one(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINTAS_DATABASE_URL", "postgresql://app:x@db.example/lintas")
    installation = local.prepare()
    assert installation.cluster is None
    assert installation.redis_server is not None
    assert "DATABASE_URL" not in (var / "lintas.env").read_text()


def test_a_line_changed_by_hand_is_kept(var: Path) -> None:
    local.prepare()
    env = var / "lintas.env"
    changed = [
        "LINTAS_PANEL_PORT=18080" if line.startswith("LINTAS_PANEL_PORT=") else line
        for line in env.read_text().splitlines()
    ]
    env.write_text("\n".join(changed) + "\n")
    forget_environment()
    local.prepare()
    assert load_settings().panel_port == 18080
