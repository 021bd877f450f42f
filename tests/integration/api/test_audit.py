"""Whether the audit log is as it was written, for programs."""

from datetime import UTC, datetime

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from bss.audit_checks import JOB
from db.models import JobRun


def test_the_newest_check_is_told(client: FlaskClient, db: Session) -> None:
    assert client.get("/api/v1/audit-logs/check").json["checked_at"] is None
    for outcome, said, result in (("done", "", {"links": 7}), ("failed", "BrokenChainError: row 7 is gone", None)):
        now = datetime.now(UTC)
        db.add(JobRun(name=JOB, started_at=now, finished_at=now, outcome=outcome, said=said, result=result))
        db.commit()
        told = client.get("/api/v1/audit-logs/check").json

        assert (told["is_whole"], told["links"]) == (outcome == "done", 7 if result else 0)
    assert told["found"] == "row 7 is gone"
