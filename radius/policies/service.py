"""A subscription sold for one kind of access is not used over another."""

from domain.access import serves
from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """Refused when the router's service is not the subscription's."""
    return None if serves(login.profile.connection_type, login.service) else "wrong_service"


def sees(login: Login) -> dict[str, object]:
    """What was sold and what was asked for."""
    return {"connection_type": login.profile.connection_type, "service": login.service}
