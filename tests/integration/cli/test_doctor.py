"""`lintas doctor` on real servers that are healthy, and on ones that are not."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import doctor as module
from cli.doctor import Finding, Verdict, examine
from cli.main import root
from db.migrations import runner
from runtime.settings import Settings


@pytest.fixture
def spool(settings: Settings) -> Path:
    settings.spool_dir.mkdir()
    return settings.spool_dir


def found() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine()}


def test_what_is_healthy_is_said_to_be(spool: Path) -> None:
    findings = found()
    for name in ("configuration", "encryption keys", "panel key", "spool", "database", "schema", "collector", "redis"):
        assert findings[name].verdict is Verdict.OK, findings[name].line


def test_a_database_behind_the_code_is_told_how_to_catch_up(settings: Settings, spool: Path) -> None:
    runner.downgrade(settings.database_url, "0001")
    finding = found()["schema"]
    assert finding.verdict is Verdict.FAIL
    assert "lintas migrate" in finding.mend


def test_records_that_wait_too_long_are_a_failure(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (spool / "acct-2026010100.jsonl").write_text("x" * 100 + "\n")
    assert found()["collector"].verdict is Verdict.OK
    monkeypatch.setattr(module, "_LAG_FAILURE_SECONDS", 0.0)
    finding = found()["collector"]
    assert finding.verdict is Verdict.FAIL
    assert finding.detail.startswith("101 bytes")


def test_a_keys_file_open_to_others_is_a_failure_with_its_mend(spool: Path, keys_file: Path) -> None:
    keys_file.chmod(0o644)
    finding = found()["encryption keys"]
    assert finding.verdict is Verdict.FAIL
    assert "chmod 600" in finding.line


def test_too_little_room_for_the_spool_is_a_failure(
    settings: Settings, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(spool)._replace(free=1024)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _path: full)
    assert found()["spool"].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("limit_bytes", "verdict", "logins"),
    [(212_992, Verdict.WARN, "332 logins"), (1 << 26, Verdict.OK, "26,214 logins")],
)
def test_a_kernel_that_would_lose_a_storm_of_logins_is_a_warning_with_its_mend(
    limit_bytes: int, verdict: Verdict, logins: str, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rmem_max").write_text(f"{limit_bytes}\n")
    monkeypatch.setattr(module, "_RECEIVE_LIMIT", tmp_path / "rmem_max")

    finding = found()["storm"]

    assert finding.verdict is verdict
    assert logins in finding.detail
    assert ("sysctl -w net.core.rmem_max=16777216" in finding.mend) is (verdict is Verdict.WARN)


def test_a_database_that_is_down_is_one_finding_and_not_a_traceback(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINTAS_DATABASE_URL", "postgresql://lintas:x@127.0.0.1:1/lintas")
    findings = found()
    assert findings["database"].verdict is Verdict.FAIL
    assert "schema" not in findings


def test_json_and_the_exit_code_are_for_programs(spool: Path, keys_file: Path) -> None:
    keys_file.chmod(0o644)
    result = CliRunner().invoke(root, ["--json", "doctor"])
    assert result.exit_code == 1
    verdicts = {row["name"]: row["verdict"] for row in json.loads(result.output)}
    assert verdicts["encryption keys"] == "fail"
    assert verdicts["database"] == "ok"
