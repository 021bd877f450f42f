"""Which kind of access a request is for, told from what the router says of it, and what may prove who asks.

Decides from names and shapes of attributes as RouterOS sends them; refuses to know passwords and where packets come
from. NAS-Port-Type alone proves nothing: a hotspot lets its operator choose it.
"""

import re
from collections.abc import Mapping

from domain.mac import normalise_mac

# An access point and its network's name: the form of Called-Station-Id that only wireless sends.
_AT_ACCESS_POINT = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}:.", re.DOTALL)
# RouterOS begins the session ids of each service with digits of its own; these are 802.1X's.
_DOT1X_SESSION = "86"
# Access by the device's address, which nobody can be asked a password for.
DEVICE_SERVICES = frozenset({"dhcp", "wireless", "hotspot"})


def service_of(attributes: Mapping[str, str], station_mac: str | None) -> str:
    """The service of `domain.access.SERVICES` that asks. `station_mac` is Calling-Station-Id where that is a MAC.

    PPP alone sends Framed-Protocol, and a tunnel has an address where PPPoE has a MAC; a hotspot sends two attributes
    of its own; 802.1X speaks EAP, and what FreeRADIUS unpacked from an EAP tunnel says so.
    """
    if attributes.get("Framed-Protocol") == "PPP":
        is_tunnel = station_mac is None and "Calling-Station-Id" in attributes
        return "vpn" if is_tunnel or attributes.get("NAS-Port-Type") == "Virtual" else "pppoe"
    if "Mikrotik-Host-IP" in attributes or "WISPr-Logoff-URL" in attributes:
        return "hotspot"
    if "EAP-Message" in attributes or "FreeRADIUS-Proxied-To" in attributes:
        return "dot1x"
    if _AT_ACCESS_POINT.match(attributes.get("Called-Station-Id", "")):
        return "wireless"
    return _by_device(attributes) if normalise_mac(attributes.get("User-Name", "")) is not None else "other"


def _by_device(attributes: Mapping[str, str]) -> str:
    """A request whose name is a MAC: an access point that does not name itself, a switch port, or a DHCP server."""
    port = attributes.get("NAS-Port-Type")
    if port == "Wireless-802.11":
        return "wireless"
    if attributes.get("Acct-Session-Id", "").startswith(_DOT1X_SESSION):
        return "dot1x"
    return "dhcp" if port == "Ethernet" and "Service-Type" not in attributes else "other"


def is_known_by_device(service: str, connection_type: str, username: str) -> bool:
    """Whether a subscription is a device's and not a person's: it was sold for that, and its name is a MAC."""
    return service in DEVICE_SERVICES and connection_type == service and normalise_mac(username) is not None


def vouches_for_device(service: str, username: str, device: str | None) -> bool:
    """Whether the router itself read the name from the device, so that nobody can have typed it.

    A hotspot user may type any name on the login page; only the device's own address counts there. A DHCP server takes
    the name from the packet.
    """
    return service == "dhcp" or (device is not None and device == normalise_mac(username))


def device_of(service: str, name: str, station_mac: str | None) -> str | None:
    """The device that is to be let in: a DHCP server names it, and its Calling-Station-Id may be anything."""
    return normalise_mac(name) or station_mac if service == "dhcp" else station_mac
