"""The address: a fixed one, else a pool of the router."""

from radius.policies.types import Grant, Login


def grant(login: Login, grant: Grant) -> None:
    """RouterOS prefers an address over a pool, so only one of them is sent."""
    if login.profile.assigned_ip is not None:
        grant.framed_ip = login.profile.assigned_ip
    else:
        grant.pool = login.profile.ip_pool
