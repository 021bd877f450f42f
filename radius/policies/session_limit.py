"""How many devices may be online at once. RouterOS ignores `only-one` under RADIUS, so the server counts."""

from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """A session of the same device is about to be replaced and does not count.

    A plan that replaces lets the login in and ends the oldest session instead; a login whose session has not begun yet
    cannot be ended, so that it still counts.
    """
    profile = login.profile
    counted = login.held_sessions if profile.session_limit_action == "replace" else login.other_sessions
    return "session_limit" if counted >= profile.session_limit else None


def sees(login: Login) -> dict[str, object]:
    """How many other devices are online, how many may be, and what happens to one more."""
    return {
        "other_sessions": login.other_sessions,
        "session_limit": login.profile.session_limit,
        "session_limit_action": login.profile.session_limit_action,
    }
