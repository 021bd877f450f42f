"""Which devices may use the subscription."""

from domain.access import device_reason
from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """A blocked device never; another than the approved ones not while the subscription is bound."""
    return device_reason(login.profile, login.mac)
