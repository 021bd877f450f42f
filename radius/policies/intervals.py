"""How long a session may last or idle, and how often the router reports."""

from radius.policies.types import Grant, Login


def grant(login: Login, grant: Grant) -> None:
    """Plan or subscription values; `ends_at` shortens the session where access ends first."""
    grant.session_timeout_s = login.profile.session_timeout_s
    grant.idle_timeout_s = login.profile.idle_timeout_s
    grant.interim_interval_s = login.profile.interim_interval_s
