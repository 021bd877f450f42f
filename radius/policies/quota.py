"""Allowances of time and volume: who has used one up is refused, others are told how much is left."""

from domain.access import data_left_bytes, is_quota_used_up, quota_left, time_left_s
from domain.desired import COUNTED_BY_ROUTER
from radius.policies.types import Grant, Login


def refuse(login: Login) -> str | None:
    """Refused when an allowance is used up that does more than slow down."""
    return "quota_used_up" if is_quota_used_up(login.profile, login.now) else None


def grant(login: Login, grant: Grant) -> None:
    """The session ends when the time left is used, and the router itself stops it at the bytes left."""
    seconds = time_left_s(login.profile, login.now)
    if seconds is not None:
        limit_s = grant.session_timeout_s
        grant.session_timeout_s = seconds if limit_s is None else min(limit_s, seconds)
    if login.service in COUNTED_BY_ROUTER:
        # Nothing left is another rule's word; here it would be a limit that a router reads as none.
        grant.total_limit_bytes = data_left_bytes(login.profile, login.now) or None


def sees(login: Login) -> dict[str, object]:
    """What is left of each allowance, by its period and kind."""
    return {
        f"{'family ' if quota.is_shared else ''}{quota.period} {quota.kind} left": quota_left(
            login.profile, quota, login.now
        )
        for quota in login.profile.quotas
    }
