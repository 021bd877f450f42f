"""How long records are kept is set in the panel and by the command, and months come back by both."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from cli.main import root
from db.engine import psycopg_of
from db.models import AuditLog, Setting, User
from factories import make_nas, make_session, make_subscription, make_user
from runtime.settings import Settings

OLD = datetime(2024, 1, 15, tzinfo=UTC)


def test_months_are_set_told_and_audited(
    owner: FlaskClient, db: Session, seeded: Seeded, client_of: Callable[[User], FlaskClient]
) -> None:
    page = owner.get("/settings/retention").text
    assert "No month has left" in page
    owner.post("/settings/retention", data={"kind": "radacct", "months": "24"})
    owner.post("/settings/retention", data={"kind": "usage_hourly", "months": "3"})
    owner.post("/settings/retention", data={"kind": "usage_hourly", "months": ""})
    for wrong in ({"kind": "radacct", "months": "-1"}, {"kind": "radacct", "months": "9999"}, {"kind": "x"}):
        owner.post("/settings/retention", data=wrong)
    kept = {row.key: row.value for row in db.query(Setting).filter(Setting.key.startswith("retention_months."))}
    assert kept == {"retention_months.radacct": 24, "retention_months.usage_hourly": None}
    assert db.query(AuditLog).filter_by(action="retention.changed").count() == 3
    assert 'value="24"' in owner.get("/settings/retention").text

    helper = make_user(db, tenant_id=seeded.owner.tenant_id, permissions=["view_customers"])
    db.commit()
    assert client_of(helper).get("/settings/retention").status_code == 403


def test_a_month_leaves_by_the_job_and_comes_back_by_the_command(
    owner: FlaskClient, db: Session, seeded: Seeded, settings: Settings
) -> None:
    psycopg_of(db).execute("SELECT ensure_month_partitions('radacct', '2024-01-01', 1)")
    subscription = make_subscription(db, tenant_id=seeded.owner.tenant_id)
    make_session(
        db, subscription, make_nas(db), acctstarttime=OLD, acctupdatetime=OLD, acctstoptime=OLD, username="long ago"
    )
    db.commit()

    def found() -> tuple[int] | None:
        count = psycopg_of(db).execute("SELECT count(*) FROM radacct WHERE username = 'long ago'").fetchone()
        # Who only looked must not keep the table from being changed.
        db.rollback()
        return count

    def lintas(*arguments: str) -> str:
        result = CliRunner().invoke(root, list(arguments))
        assert result.exit_code == 0, result.output
        return result.output

    assert "24 months" in lintas("retention", "set", "radacct", "24")
    assert json.loads(lintas("retention", "show", "--json"))["due"] == ["radacct_2024_01"]
    assert "radacct_2024_01" in owner.get("/settings/retention").text
    assert "into a file" in lintas("jobs", "run", "accounting.retire", "--dry-run")
    lintas("jobs", "run", "accounting.retire")
    assert (settings.archive_folder / "radacct_2024_01.csv.gz").exists()
    assert found() == (0,)
    assert "in its file" in owner.get("/settings/retention").text
    assert "1 rows, whole" in lintas("archive", "verify", "radacct_2024_01")
    assert "are back" in lintas("archive", "restore", "radacct_2024_01")
    assert found() == (1,)
    assert json.loads(lintas("archive", "list", "--json"))[0]["state"] == "restored"
    again = CliRunner().invoke(root, ["archive", "restore", "radacct_2024_01"])
    assert (again.exit_code, "cannot become" in again.output) == (1, True)


def test_a_month_comes_back_by_a_click_and_says_how_far_it_is_and_why_not(
    owner: FlaskClient, db: Session, seeded: Seeded, settings: Settings, client_of: Callable[[User], FlaskClient]
) -> None:
    month = _a_month_that_left(db, seeded)
    path = f"/settings/retention/months/{month}"
    assert "Bring back" in owner.get("/settings/retention").text

    # Its file is gone: it says so, and can be asked for again.
    file = settings.archive_folder / f"{month}.csv.gz"
    kept = file.read_bytes()
    file.unlink()
    asked = owner.post(path, follow_redirects=True).text
    assert "is on its way back" in asked
    assert 'hx-get="/settings/retention/months"' in asked
    owner.post(path)
    assert db.query(AuditLog).filter_by(action="archive.asked_back").count() == 1
    assert bring_months_back() == 0
    failed = owner.get("/settings/retention/months").text
    assert "It did not come back" in failed
    assert "No such file" in failed
    assert "hx-get" not in failed

    file.write_bytes(kept)
    owner.post(path)
    db.execute(text("UPDATE partition_archives SET rows_back = 1, rows = 4"))
    db.commit()
    assert "1 of 4 rows are back" in owner.get("/settings/retention/months").text
    db.execute(text("UPDATE partition_archives SET rows_back = NULL, rows = 1"))
    db.commit()
    assert bring_months_back() == 1
    done = owner.get("/settings/retention").text
    assert "back in the table" in done
    assert "Bring back" not in done
    assert db.scalar(text("SELECT count(*) FROM radacct WHERE username = 'long ago'")) == 1
    db.rollback()
    assert "cannot become" in owner.post(path, follow_redirects=True).text

    helper = make_user(db, tenant_id=seeded.owner.tenant_id, permissions=["view_customers"])
    db.commit()
    assert client_of(helper).post(path).status_code == 403


def test_the_command_asks_the_node_that_has_the_file(db: Session, seeded: Seeded, settings: Settings) -> None:
    month = _a_month_that_left(db, seeded)
    db.execute(text("UPDATE partition_archives SET node = 'elsewhere'"))
    db.commit()

    told = CliRunner().invoke(root, ["archive", "restore", month, "--ask"]).output

    assert "elsewhere brings it back" in told
    assert bring_months_back() == 0
    (row,) = json.loads(CliRunner().invoke(root, ["archive", "list", "--json"]).output)
    assert (row["state"], row["rows_back"], row["problem"]) == ("dropped", 0, None)


def bring_months_back() -> int:
    done = CliRunner().invoke(root, ["--json", "jobs", "run", "accounting.bring-back"])
    assert done.exit_code == 0, done.output
    return int(json.loads(done.output[done.output.index("{\n") :])["result"])


def _a_month_that_left(db: Session, seeded: Seeded) -> str:
    psycopg_of(db).execute("SELECT ensure_month_partitions('radacct', '2024-01-01', 1)")
    subscription = make_subscription(db, tenant_id=seeded.owner.tenant_id)
    times = {"acctstarttime": OLD, "acctupdatetime": OLD, "acctstoptime": OLD}
    make_session(db, subscription, make_nas(db), username="long ago", **times)
    db.commit()
    for arguments in (["retention", "set", "radacct", "24"], ["jobs", "run", "accounting.retire"]):
        done = CliRunner().invoke(root, arguments)
        assert done.exit_code == 0, done.output
    return "radacct_2024_01"
