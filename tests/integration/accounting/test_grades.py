"""What a session went through is stored with it, and comes out as its grade."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from accounting.collector import Collector
from db.models import RadAcct
from domain.integrity import Grade
from tests.integration.accounting.conftest import NOW, Clock, Isp, SpoolWriter, drain

# Kind, minutes after the start, session time in seconds, bytes, and what else the packet says.
Told = tuple[str, int, int | None, int, dict[str, Any]]
START: Told = ("Start", 0, None, 0, {})
STOP: Told = ("Stop", 10, 600, 900, {"Acct_Terminate_Cause": "User-Request"})
WIDE = {"Acct_Output_Gigawords": 0}


@pytest.mark.parametrize(
    ("told", "grade", "download_bytes"),
    [
        ([START, ("Interim-Update", 5, 300, 500, {}), STOP], Grade.COMPLETE, 900),
        ([START, ("Interim-Update", 5, 300, 500, {})], Grade.RUNNING, 500),
        ([("Interim-Update", 5, 300, 500, {}), STOP], Grade.GAP, 900),
        ([STOP], Grade.GAP, 900),
        ([STOP, START], Grade.COMPLETE, 900),
        ([START, ("Stop", 40, 2400, 900, {})], Grade.GAP, 900),
        ([START, ("Interim-Update", 5, 300, 500, {"Event_Timestamp": "Jan  1 1970 00:00:05 UTC"})], Grade.SKEWED, 500),
        ([START, ("Accounting-On", 5, None, 0, {"Acct_Session_Id": None})], Grade.ESTIMATED_CLOSE, 0),
        (
            [START, ("Interim-Update", 5, 300, 5000, WIDE), ("Interim-Update", 9, 540, 70, WIDE)], Grade.RESET, 5070,
        ),
    ],
)  # fmt: skip
def test_each_way_of_being_told_has_its_grade(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock, told: list[Told], grade: Grade,
    download_bytes: int,
) -> None:  # fmt: skip
    for kind, minutes, seconds, count, more in told:
        counts = {} if seconds is None else {
            "Acct_Session_Time": seconds, "Acct_Output_Octets": count, "Acct_Input_Octets": count,
        }  # fmt: skip
        spool.send(kind, at=NOW + timedelta(minutes=minutes), **counts, **more)
        drain(collector)
    session = db.scalars(select(RadAcct)).one()
    assert (session.grade, session.acctoutputoctets) == (grade, download_bytes)
    assert session.acctstarttime <= clock.now
    isp.invariants()
