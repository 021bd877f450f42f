"""The walled garden: a list or pool that the router redirects, at a low speed, for a limited time."""

from domain.speed import render_rate_limit
from radius.policies.types import Grant, Login


def grant(login: Login, grant: Grant) -> None:
    """All that the garden says; the plan's own address would lead around it. Only a hotspot takes a page to show."""
    if grant.garden is None:
        return
    grant.rate_limit = render_rate_limit(grant.garden.speed)
    grant.address_list = grant.garden.address_list
    grant.pool = grant.garden.ip_pool
    grant.redirect_url = grant.garden.redirect_url if login.service == "hotspot" else None
    grant.session_timeout_s = grant.garden.session_timeout_s
