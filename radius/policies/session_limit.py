"""How many devices may be online at once. RouterOS ignores `only-one` under RADIUS, so the server counts."""

from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """A session of the same device is about to be replaced and does not count."""
    return "session_limit" if login.other_sessions >= login.profile.session_limit else None


def sees(login: Login) -> dict[str, object]:
    """How many other devices are online, and how many may be."""
    return {"other_sessions": login.other_sessions, "session_limit": login.profile.session_limit}
