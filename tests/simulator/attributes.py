"""What a RouterOS router puts into its requests, per service and in its order.

Decides names, values and order of the attributes.  PPPoE and hotspot follow captured packets; tunnels, DHCP and
wireless MAC logins follow MikroTik's documentation, which names the attributes and not their order.  Refuses to know
sockets and time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .credentials import Method
from .wire import Attribute

GIGAWORD_BITS = 32
_GIGAWORD_MASK = (1 << GIGAWORD_BITS) - 1


class Service(StrEnum):
    """Where the customer logs in."""

    PPPOE = "pppoe"
    PPTP = "pptp"
    L2TP = "l2tp"
    SSTP = "sstp"
    OVPN = "ovpn"
    HOTSPOT = "hotspot"
    DHCP = "dhcp"
    WIRELESS = "wireless"

    @property
    def is_ppp(self) -> bool:
        """PPP is the family that sends Framed-Protocol and Acct-Authentic."""
        return self is Service.PPPOE or self.is_tunnel

    @property
    def is_tunnel(self) -> bool:
        """A tunnel's caller is an address, not a MAC."""
        return self in (Service.PPTP, Service.L2TP, Service.SSTP, Service.OVPN)


# 80 and 81 are seen in captures; the rest of MikroTik's table is not published: 82 and 83 are stand-ins.
SESSION_ID_PREFIX = {
    Service.PPPOE: "81",
    Service.PPTP: "81",
    Service.L2TP: "81",
    Service.SSTP: "81",
    Service.OVPN: "81",
    Service.HOTSPOT: "80",
    Service.DHCP: "82",
    Service.WIRELESS: "83",
}
_CALLER_OF_A_TUNNEL = "203.0.113.7"
_PPPOE_FIRST_PORT = 0xF00000
_DHCP_INTERFACE_INDEX = 7


@dataclass(frozen=True, kw_only=True)
class Login:
    """One customer at the door.

    `caller` is the Calling-Station-Id (default: what the service sends for this MAC), `called` the Called-Station-Id
    (PPPoE service, hotspot or DHCP server name, tunnel server address), `interface` the NAS-Port-Id.  `address` is
    the address the client has before login (hotspot, DHCP).  `extra` goes after the service's own attributes.
    """

    service: Service
    username: str
    password: str = ""
    method: Method | None = None
    mac: str = "02:00:00:00:00:01"
    caller: str = ""
    called: str = ""
    interface: str = ""
    address: str = ""
    extra: tuple[Attribute, ...] = ()

    @property
    def effective_method(self) -> Method:
        """The method asked for, or the one the service uses: a device's (empty) password is sent as PAP."""
        return self.method or (Method.PAP if self.service in (Service.DHCP, Service.WIRELESS) else Method.CHAP)


@dataclass(frozen=True, kw_only=True)
class RouterFacts:
    """What the router says about itself."""

    identity: str
    nas_ip: str
    wispr_logoff_url: str = "http://192.168.88.1/logout"


@dataclass(frozen=True, kw_only=True)
class SessionFacts:
    """What the router knows about one session, the same in every packet of it."""

    login: Login
    session_id: str
    number: int
    framed_ip: str
    class_values: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Counters:
    """Bytes and packets as seen from the customer."""

    upload_bytes: int = 0
    download_bytes: int = 0
    upload_packets: int = 0
    download_packets: int = 0

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            upload_bytes=self.upload_bytes + other.upload_bytes,
            download_bytes=self.download_bytes + other.download_bytes,
            upload_packets=self.upload_packets + other.upload_packets,
            download_packets=self.download_packets + other.download_packets,
        )

    @property
    def total_bytes(self) -> int:
        """Both directions."""
        return self.upload_bytes + self.download_bytes


def client_identifier(mac: str) -> str:
    """RouterOS' text form of a DHCP client id: '1:' and octets in lower case without leading zeros."""
    return "1:" + ":".join(f"{int(octet, 16):x}" for octet in mac.split(":"))


def station(login: Login) -> list[Attribute]:
    """Who calls, at which server and port."""
    defaults = {
        Service.PPPOE: ("service1", "ether1"),
        Service.HOTSPOT: ("hotspot1", "bridge1"),
        Service.DHCP: ("dhcp1", "bridge1"),
        Service.WIRELESS: ("02-0A-00-00-00-01:lintas", "wlan1"),
    }
    called, interface = defaults.get(login.service, ("192.0.2.1", ""))
    caller = login.caller or _caller(login)
    attributes: list[Attribute] = [("Calling-Station-Id", caller), ("Called-Station-Id", login.called or called)]
    if login.interface or interface:
        attributes.append(("NAS-Port-Id", login.interface or interface))
    return attributes


def _caller(login: Login) -> str:
    """How each service writes who calls."""
    if login.service is Service.DHCP:
        return client_identifier(login.mac)
    if login.service is Service.WIRELESS:
        return login.mac.upper().replace(":", "-")
    return _CALLER_OF_A_TUNNEL if login.service.is_tunnel else login.mac.upper()


def nas_port(facts: SessionFacts) -> int:
    """PPP numbers its ports, hotspot repeats the session id as a number, DHCP gives the interface's index."""
    if facts.login.service is Service.DHCP:
        return _DHCP_INTERFACE_INDEX
    if facts.login.service is Service.HOTSPOT:
        return int(facts.session_id, 16)
    return _PPPOE_FIRST_PORT + facts.number


def access_request(facts: SessionFacts, router: RouterFacts, credentials: list[Attribute]) -> list[Attribute]:
    """All attributes of an Access-Request but Message-Authenticator, which the wire adds at the end."""
    login = facts.login
    about_router: list[Attribute] = [("NAS-Identifier", router.identity), ("NAS-IP-Address", router.nas_ip)]
    if login.service.is_ppp:
        middle = _ppp(facts) + credentials
    elif login.service is Service.HOTSPOT:
        middle = _hotspot(facts) + credentials
        middle += [("Service-Type", "Login-User"), ("WISPr-Logoff-URL", router.wispr_logoff_url)]
    else:
        middle = _device(facts) + credentials
    return middle + list(login.extra) + about_router


def accounting_request(
    facts: SessionFacts,
    router: RouterFacts,
    *,
    status: str,
    event_timestamp: int,
    delay_seconds: int,
    usage: list[Attribute],
    cause: str = "",
) -> list[Attribute]:
    """All attributes of an Accounting-Request; `usage` is what a Start does not have yet, `cause` what a Stop adds."""
    status_type: list[Attribute] = [("Acct-Status-Type", status)]
    why: list[Attribute] = [("Acct-Terminate-Cause", cause)] if cause else []
    counted: list[Attribute] = [*_classes(facts), ("Event-Timestamp", event_timestamp), *usage]
    tail: list[Attribute] = [
        ("NAS-Identifier", router.identity),
        ("Acct-Delay-Time", delay_seconds),
        ("NAS-IP-Address", router.nas_ip),
    ]
    if facts.login.service.is_ppp:
        own = [*_ppp(facts), *_framed_ip(facts), ("Acct-Authentic", "RADIUS")]
        return own + counted + status_type + why + tail
    own = _hotspot(facts) if facts.login.service is Service.HOTSPOT else _device(facts)
    return status_type + own + counted + why + tail


def _classes(facts: SessionFacts) -> list[Attribute]:
    return [("Class", value) for value in facts.class_values]


def usage_attributes(
    counters: Counters,
    *,
    session_seconds: int,
    gigawords: bool = True,
    input_is_upload: bool = True,
) -> list[Attribute]:
    """Session time and counters.  Input is what the router received, so upload, unless this router has it reversed."""
    directions = ("Input", "Output") if input_is_upload else ("Output", "Input")
    octets = dict(zip(directions, (counters.upload_bytes, counters.download_bytes), strict=True))
    packets = dict(zip(directions, (counters.upload_packets, counters.download_packets), strict=True))
    attributes: list[Attribute] = [("Acct-Session-Time", session_seconds)]
    attributes += [(f"Acct-{way}-Octets", octets[way] & _GIGAWORD_MASK) for way in ("Input", "Output")]
    if gigawords:
        attributes += [(f"Acct-{way}-Gigawords", octets[way] >> GIGAWORD_BITS) for way in ("Input", "Output")]
    attributes += [(f"Acct-{way}-Packets", packets[way] & _GIGAWORD_MASK) for way in ("Input", "Output")]
    return attributes


def _ppp(facts: SessionFacts) -> list[Attribute]:
    port_type = "Ethernet" if facts.login.service is Service.PPPOE else "Virtual"
    return [
        ("Service-Type", "Framed-User"),
        ("Framed-Protocol", "PPP"),
        ("NAS-Port", nas_port(facts)),
        ("NAS-Port-Type", port_type),
        ("User-Name", facts.login.username),
        *station(facts.login),
        ("Acct-Session-Id", facts.session_id),
    ]


def _hotspot(facts: SessionFacts) -> list[Attribute]:
    return [
        ("NAS-Port-Type", "Wireless-802.11"),
        *station(facts.login),
        ("User-Name", facts.login.username),
        ("NAS-Port", nas_port(facts)),
        ("Acct-Session-Id", facts.session_id),
        *_framed_ip(facts),
        ("Mikrotik-Host-IP", facts.login.address or facts.framed_ip),
    ]


def _device(facts: SessionFacts) -> list[Attribute]:
    """DHCP and wireless know the device only."""
    return [
        ("NAS-Port-Type", "Ethernet" if facts.login.service is Service.DHCP else "Wireless-802.11"),
        ("NAS-Port", nas_port(facts)),
        *station(facts.login),
        ("User-Name", facts.login.username),
        ("Acct-Session-Id", facts.session_id),
        *_framed_ip(facts),
    ]


def _framed_ip(facts: SessionFacts) -> list[Attribute]:
    return [("Framed-IP-Address", facts.framed_ip)] if facts.framed_ip else []
