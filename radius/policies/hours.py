"""A plan may be sold for some hours of the week; outside them nobody is let in, and sessions end with them."""

from domain.access import hours_end_at, is_outside_hours, window_now
from radius.policies.types import Grant, Login


def refuse(login: Login) -> str | None:
    """Refused while the plan has hours and none of them is open."""
    return "outside_hours" if is_outside_hours(login.profile, login.now) else None


def grant(login: Login, grant: Grant) -> None:
    """The session ends with the hours, when access does not end sooner."""
    ends_at = hours_end_at(login.profile, login.now)
    if ends_at is not None:
        grant.ends_at = ends_at if grant.ends_at is None else min(grant.ends_at, ends_at)


def sees(login: Login) -> dict[str, object]:
    """How many hours the plan has, the one that is open, and when it closes."""
    window = window_now(login.profile, login.now)
    ends_at = None if window is None else hours_end_at(login.profile, login.now)
    position = None if window is None else login.profile.windows.index(window) + 1
    return {"windows": len(login.profile.windows), "open_window": position, "closes_at": ends_at}
