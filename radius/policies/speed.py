"""The speed: override, fair use, used-up allowance, hour or plan."""

from domain.access import rate_limit_now
from radius.policies.types import Grant, Login


def grant(login: Login, grant: Grant) -> None:
    """`Mikrotik-Rate-Limit` in force at this moment."""
    grant.rate_limit = rate_limit_now(login.profile, login.now)
