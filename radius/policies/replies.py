"""Reply attributes that an operator wrote by hand, for the plan or for one user; they win over what else is granted."""

from domain.attributes import can_hold
from domain.replies import merged_value
from radius.policies.types import Grant, Login

SESSION_TIMEOUT = "Session-Timeout"


def grant(login: Login, grant: Grant) -> None:
    """All rows, merged where they are said. A session's length written by hand still ends where access ends."""
    rows = login.profile.replies
    if not rows:
        return
    limit_s = grant.session_timeout_s
    wanted = merged_value(SESSION_TIMEOUT, None if limit_s is None else str(limit_s), rows)
    if wanted is not None and can_hold(SESSION_TIMEOUT, wanted):
        grant.session_timeout_s = int(wanted)
        rows = tuple(row for row in rows if row.attribute != SESSION_TIMEOUT)
    grant.replies = rows
