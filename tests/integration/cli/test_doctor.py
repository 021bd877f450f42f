"""`lintas doctor` on real servers that are healthy, and on ones that are not."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

import routeros
from cli import doctor as module
from cli.doctor import Finding, Verdict, examine
from cli.main import root
from db.migrations import runner
from factories import make_nas, make_tenant
from paper import press
from runtime.settings import Settings, get_settings
from simulator import ApiServer
from simulator.sync import SimulatedRouter


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


def test_whether_paper_can_be_printed_is_tried(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found()["paper"].verdict is Verdict.OK

    def fails(_: object) -> bytes:
        raise press.PaperFailure("the process that prints has ended")

    monkeypatch.setattr(press, "pdf", fails)
    finding = found()["paper"]
    assert finding.verdict is Verdict.WARN
    assert "libpango" in finding.mend


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


def routers_of(findings: list[Finding]) -> list[tuple[Verdict, str, str]]:
    return [(one.verdict, one.name, one.detail) for one in findings if one.name.startswith("router")]


def test_every_router_is_asked_and_each_fault_is_a_line_with_its_mend(spool: Path, db: Session) -> None:
    with SimulatedRouter(secret="a-long-enough-secret", source_ip="127.0.5.1") as fine:
        secret = {"radius_secret": "a-long-enough-secret"}
        now = datetime.now(UTC)
        make_nas(
            db, name="RB-1", host="127.0.5.1", coa_port=fine.coa_port, last_seen_at=now, clock_skew_s=1,
            api_username="lintas", api_checked_at=now, **secret,
        )  # fmt: skip
        make_nas(
            db, name="RB-2", host="127.0.5.2", coa_port=1, last_seen_at=now, clock_skew_s=400, unreadable_at=now,
            api_username="lintas", api_checked_at=now, api_problem="it did not answer within 4 s", **secret,
        )  # fmt: skip
        make_nas(db, name="RB-3", host="127.0.5.3", is_active=False, **secret)
        db.commit()

        findings = routers_of(list(examine()))

    assert {verdict for verdict, name, _ in findings if name == "router RB-1"} == {Verdict.OK}
    (well,) = [detail for _, name, detail in findings if name == "router RB-1"]
    assert "its packets arrive; its accounting is signed with the secret that we have; its clock differs by 1" in well
    assert "its CoA port answers within" in well
    assert "its API answers" in well
    faults = [detail for verdict, name, detail in findings if name == "router RB-2" and verdict is Verdict.WARN]
    assert [any(word in fault for fault in faults) for word in ("clock is ahead", "CoA port", "4 s")] == [True] * 3
    assert not [name for _, name, _ in findings if name == "router RB-3"], "somebody switched it off"


def test_a_router_of_the_settings_is_asked_too(spool: Path, db: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tenant(db)
    db.commit()
    with ApiServer(host="127.0.5.9") as api:
        for name, value in {"HOST": api.host, "PORT": str(api.port), "USERNAME": "x", "PASSWORD": "x"}.items():
            monkeypatch.setenv(f"LINTAS_ROUTER_{name}", value)
        get_settings.cache_clear()
        (finding,) = [one for one in examine() if one.name == "router of the settings"]
        assert finding.verdict is Verdict.WARN
        assert "LINTAS_ROUTER_HOST" in finding.mend
    routeros.pool.close()
