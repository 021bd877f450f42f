"""What came of the last check of the audit log, which a job makes every night."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import background_jobs

JOB = "bss.audit-verify"
# As the job's failure begins when the log, and not the check, is at fault.
_BROKEN = "BrokenChainError: "
_LOOK_BACK = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A check that ended. `is_whole` is None when it could not be made; `found` says what is wrong."""

    checked_at: datetime
    is_whole: bool | None
    links: int
    found: str = ""


def last_check(session: Session) -> Check | None:
    """The newest check, None before the first."""
    for run in background_jobs.runs(session, name=JOB, limit=_LOOK_BACK):
        if run.finished_at is not None and run.outcome != "running":
            is_broken = run.said.startswith(_BROKEN)
            return Check(
                checked_at=run.finished_at,
                is_whole=True if run.outcome == "done" else False if is_broken else None,
                links=int((run.result or {}).get("links", 0)),
                found=run.said.removeprefix(_BROKEN) if run.outcome != "done" else "",
            )
    return None
