"""The jobs as the queue and the command line run them."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from accounting import jobs, tasks
from cli.collect import collect
from factories import make_subscription
from runtime.settings import Settings
from tests.integration.accounting.conftest import Isp, SpoolWriter


def test_the_sweep_does_all_that_is_due(db: Session, settings: Settings) -> None:
    make_subscription(db, expires_at=datetime.now(UTC) - timedelta(days=400))
    db.commit()
    done = tasks.sweep()
    assert done.pop("expiry") == 1
    assert done == dict.fromkeys(set(jobs.SWEEP) - {"expiry"}, 0)
    assert tasks.keep_partitions().keys() == {"partitions"}
    assert tasks.sweep()["expiry"] == 0


def test_a_job_that_fails_does_not_keep_the_others_from_running(
    db: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> jobs.Done:
        raise psycopg.OperationalError("no luck")

    make_subscription(db, expires_at=datetime.now(UTC) - timedelta(days=400))
    db.commit()
    monkeypatch.setitem(jobs.JOBS, "stale-sessions", fail)
    with pytest.raises(psycopg.OperationalError, match="no luck"):
        tasks.run_jobs(["stale-sessions", "expiry"])
    db.expire_all()
    with psycopg.connect(settings.database_url) as connection:
        assert connection.execute("SELECT status FROM subscriptions").fetchall() == [("expired",)]


def test_collect_once_counts_what_is_there(settings: Settings, isp: Isp, spool: SpoolWriter) -> None:
    spool.directory = settings.spool_dir
    spool.send("Interim-Update", Acct_Session_Time=60, Acct_Output_Octets=5)
    result = CliRunner().invoke(collect, ["--once"])
    assert result.exit_code == 0, result.output
    assert isp.used() == (5, 0)
