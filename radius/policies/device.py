"""Which devices may use the subscription."""

from domain.access import device_reason
from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """A blacklisted or blocked device never; another than the subscription's own not while it is bound."""
    if login.is_blacklisted:
        return "device_blacklisted"
    return device_reason(login.profile, login.mac, login.learned_mac)


def sees(login: Login) -> dict[str, object]:
    """The device, what is known of it, and how the subscription is bound."""
    known = None if login.mac is None else login.profile.macs.get(login.mac)
    return {
        "mac": login.mac,
        "mac_status": known,
        "mac_binding": login.profile.mac_binding,
        "is_blacklisted": login.is_blacklisted,
    }
