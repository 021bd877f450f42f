"""Access ends at expiry plus grace, for a new login and for the session it starts."""

from domain.access import is_in_grace, is_past_grace
from radius.policies.types import Grant, Login


def refuse(login: Login) -> str | None:
    """Refused once grace is over, even before a job has marked the subscription expired."""
    return "subscription_expired" if is_past_grace(login.profile, login.now) else None


def grant(login: Login, grant: Grant) -> None:
    """The session ends where access ends; staff see that a customer lives on grace."""
    grant.ends_at = login.profile.cut_off_at
    if is_in_grace(login.profile, login.now):
        grant.reason = "accepted_grace"


def sees(login: Login) -> dict[str, object]:
    """When access ends, and the days of grace in it."""
    return {"cut_off_at": login.profile.cut_off_at, "grace_days": login.profile.grace_days}
