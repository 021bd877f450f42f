"""The jobs as the queue and the command line run them."""

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from accounting import jobs, tasks
from cli.collect import collect
from runtime.settings import Settings
from tests.integration.accounting.conftest import Isp, SpoolWriter


def test_the_sweep_does_all_that_is_due(db: Session, settings: Settings) -> None:
    db.commit()
    assert tasks.sweep() == dict.fromkeys(jobs.SWEEP, 0)
    assert tasks.keep_partitions().keys() == {"partitions"}


def test_a_job_that_fails_does_not_keep_the_others_from_running(
    db: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> jobs.Done:
        raise psycopg.OperationalError("no luck")

    ran: list[str] = []

    def note(*_: object) -> jobs.Done:
        ran.append("vouchers")
        return jobs.Done(changed=1)

    db.commit()
    monkeypatch.setitem(jobs.JOBS, "stale-sessions", fail)
    monkeypatch.setitem(jobs.JOBS, "vouchers", note)
    with pytest.raises(psycopg.OperationalError, match="no luck"):
        tasks.run_jobs(["stale-sessions", "vouchers"])
    assert ran == ["vouchers"]


def test_collect_once_counts_what_is_there(settings: Settings, isp: Isp, spool: SpoolWriter) -> None:
    spool.directory = settings.spool_dir
    spool.send("Interim-Update", Acct_Session_Time=60, Acct_Output_Octets=5)
    result = CliRunner().invoke(collect, ["--once"])
    assert result.exit_code == 0, result.output
    assert isp.used() == (5, 0)
