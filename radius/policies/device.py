"""Which devices may use the subscription."""

from domain.access import device_reason
from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """A blocked device never; another than the approved ones not while the subscription is bound."""
    return device_reason(login.profile, login.mac)


def sees(login: Login) -> dict[str, object]:
    """The device, what is known of it, and how the subscription is bound."""
    known = None if login.mac is None else login.profile.macs.get(login.mac)
    return {"mac": login.mac, "mac_status": known, "mac_binding": login.profile.mac_binding}
