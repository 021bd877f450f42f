"""The reply attributes this server knows: what each can hold, whether it may repeat, and which routers understand it.

Decides what can be sent, so that whoever takes a value in asks what will be asked at login. Refuses to know why an
attribute is sent and how it becomes octets.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

# RFC 2865 section 5.26: a vendor's attribute has 255 octets, of which the vendor's own heading takes eight.
MAX_TEXT_BYTES = 247
# RouterOS's user manager lists this as the most it takes for a session timeout.
MAX_SESSION_TIMEOUT_S = 21_474_720
MAX_UINT32 = 2**32 - 1
MAX_BYTES = 2**64 - 1
MAX_TAG = 31


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """One attribute. `vendors` are the kinds of router that are sent it; empty: all of them.

    `example` shows people how a value looks. `repeats`: a reply may hold it more than once. `tagged`: the name may be
    followed by `:1` to `:31`, which groups attributes. `by_hand`: staff may write it; the others are the policy's own.
    """

    name: str
    accepts: Callable[[str], bool]
    example: str
    vendors: tuple[str, ...] = ()
    repeats: bool = False
    tagged: bool = False
    by_hand: bool = True


def is_sendable(text: str) -> bool:
    """Printable, not empty, and short enough in UTF-8; also for text with half a character in it, which is not."""
    # Asked first: a lone surrogate is not printable, and could not be encoded.
    return text.isprintable() and 0 < len(text.encode()) <= MAX_TEXT_BYTES


def _number(value: str, lowest: int, highest: int) -> bool:
    # No number of an attribute has more than 19 digits; Python would spend minutes on ten thousand.
    return value.isascii() and value.isdigit() and len(value) <= 20 and lowest <= int(value) <= highest


def _between(lowest: int, highest: int) -> Callable[[str], bool]:
    return partial(_number, lowest=lowest, highest=highest)


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda value: value in words


def _matching(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: is_sendable(value) and compiled.fullmatch(value) is not None


def _ipv4(value: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(value)
    except ValueError:
        return None


def _customer_address(value: str) -> bool:
    address = _ipv4(value)
    # RouterOS ignores these and would hand out an address of its default pool instead.
    return address is not None and not (
        address.is_loopback or address.is_multicast or int(address) >= 0xE0000000 or int(address) == 0
    )


def _netmask(value: str) -> bool:
    mask = _ipv4(value)
    ones = "" if mask is None else f"{int(mask):032b}"
    return "1" in ones and "01" not in ones


def _network(value: str) -> bool:
    try:
        ipaddress.IPv4Network(value)
    except ValueError:
        return False
    return True


def _route(value: str) -> bool:
    """RFC 2865 section 5.22: network, gateway (0.0.0.0 is the customer), metrics; what follows the network may lack."""
    if not is_sendable(value) or value != " ".join(value.split()):
        return False
    network, *rest = value.split(" ")
    metrics_fit = all(_number(metric, 0, 255) for metric in rest[1:])
    return _network(network) and (not rest or _ipv4(rest[0]) is not None) and len(rest) <= 6 and metrics_fit


def _ipv6_address(value: str) -> bool:
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return False
    # A zone (fe80::1%eth0) is this machine's own and not part of an address on the wire.
    usable = not (address.is_loopback or address.is_multicast or address.is_unspecified)
    return address.scope_id is None and usable


def _ipv6_prefix(value: str) -> bool:
    if "/" not in value or "%" in value:
        return False
    try:
        prefix = ipaddress.IPv6Network(value)
    except ValueError:
        return False
    return prefix.prefixlen > 0 and not prefix.is_multicast


def _ipv6_route(value: str) -> bool:
    if not is_sendable(value) or value != " ".join(value.split()):
        return False
    prefix, *rest = value.split(" ")
    gateway_fits = not rest or rest[0] == "::" or _ipv6_address(rest[0])
    return _ipv6_prefix(prefix) and gateway_fits and len(rest) <= 6 and all(_number(m, 0, 255) for m in rest[1:])


def _signal(value: str) -> bool:
    return re.fullmatch(r"-?\d{1,3}", value, re.ASCII) is not None and -120 <= int(value) <= 120


_RATE = r"\d{1,9}[kM]?(/\d{1,9}[kM]?)?"
_RATE_LIMIT = rf"{_RATE}( {_RATE}( {_RATE}( \d{{1,4}}(/\d{{1,4}})?( [1-8]( {_RATE})?)?)?)?)?"
_URL = r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+"
_MOMENT = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|[+-]\d{2}:\d{2})"
# RouterOS's switch rules: conditions with values, then what to do; several rules are separated by commas.
_SWITCH_RULE = r"[a-z0-9 ./:\-]*action (allow|drop)"

MIKROTIK = ("mikrotik",)
HOTSPOTS = ("mikrotik", "ubiquiti", "cambium")

_text, _uint32, _flag = is_sendable, _between(0, MAX_UINT32), _one_of("0", "1")


def _of(vendors: tuple[str, ...], *rows: tuple[str, Callable[[str], bool], str]) -> list[Attribute]:
    return [Attribute(name=name, accepts=accepts, example=example, vendors=vendors) for name, accepts, example in rows]


def _many(vendors: tuple[str, ...], *rows: tuple[str, Callable[[str], bool], str]) -> list[Attribute]:
    return [
        Attribute(name=name, accepts=accepts, example=example, vendors=vendors, repeats=True)
        for name, accepts, example in rows
    ]


_STANDARD = [
    *_of(
        (),
        ("Framed-IP-Address", _customer_address, "10.20.0.15"),
        ("Framed-IP-Netmask", _netmask, "255.255.255.0"),
        ("Framed-Pool", _text, "pool-a"),
        ("Framed-IPv6-Pool", _text, "v6-links"),
        ("Delegated-IPv6-Prefix-Pool", _text, "v6-homes"),
        ("Framed-MTU", _between(64, 65_535), "1480"),
        ("Session-Timeout", _between(1, MAX_SESSION_TIMEOUT_S), "86400"),
        ("Idle-Timeout", _between(60, MAX_SESSION_TIMEOUT_S), "900"),
        ("Acct-Interim-Interval", _between(60, 3600), "300"),
        ("Port-Limit", _between(1, 65_535), "2"),
        ("Reply-Message", _text, "Welcome"),
        ("MS-Primary-DNS-Server", _customer_address, "10.0.0.53"),
        ("MS-Secondary-DNS-Server", _customer_address, "10.0.1.53"),
    ),
    *_many(
        (),
        ("Framed-Route", _route, "192.168.50.0/24 0.0.0.0 1"),
        ("Framed-IPv6-Route", _ipv6_route, "2001:db8:50::/48 :: 1"),
        ("Framed-IPv6-Prefix", _ipv6_prefix, "2001:db8:1:2::/64"),
        ("Framed-IPv6-Address", _ipv6_address, "2001:db8:1:2::5"),
        ("Delegated-IPv6-Prefix", _ipv6_prefix, "2001:db8:50::/56"),
        ("DNS-Server-IPv6-Address", _ipv6_address, "2001:db8::53"),
        # The last one of each direction counts, so one for in and one for out.
        ("Filter-Id", _text, "staff.in"),
    ),
    Attribute(name="Class", accepts=is_sendable, example="lts1:5:0:abc", by_hand=False),
    Attribute(name="Tunnel-Type", accepts=_one_of("13", "VLAN"), example="VLAN", tagged=True),
    Attribute(name="Tunnel-Medium-Type", accepts=_one_of("6", "IEEE-802"), example="IEEE-802", tagged=True),
    Attribute(name="Tunnel-Private-Group-Id", accepts=_between(1, 4094), example="120", tagged=True),
]

_OF_MIKROTIK = [
    *_of(
        MIKROTIK,
        ("Mikrotik-Rate-Limit", _matching(_RATE_LIMIT), "5M/10M 10M/20M 4M/8M 16/16 8 1M/2M"),
        ("Mikrotik-Group", _text, "profile-gold"),
        ("Mikrotik-Mark-Id", _text, "gold.in"),
        ("Mikrotik-Delegated-IPv6-Pool", _text, "v6-homes"),
        ("Mikrotik-Recv-Limit", _between(1, MAX_BYTES), "10737418240"),
        ("Mikrotik-Xmit-Limit", _between(1, MAX_BYTES), "10737418240"),
        ("Mikrotik-Total-Limit", _between(1, MAX_BYTES), "10737418240"),
        ("Mikrotik-Wireless-Forward", _flag, "1"),
        ("Mikrotik-Wireless-Skip-Dot1x", _flag, "0"),
        ("Mikrotik-Wireless-Enc-Algo", _one_of("0", "1", "2", "3", "4"), "3"),
        ("Mikrotik-Wireless-Enc-Key", _matching(r"([0-9A-Fa-f]{2}){5,64}"), "0123456789abcdef0123456789abcdef"),
        ("Mikrotik-Wireless-PSK", _matching(r"[ -~]{8,63}"), "a passphrase"),
        ("Mikrotik-Wireless-MPKey", _text, "a key"),
        ("Mikrotik-Wireless-Comment", _text, "kitchen"),
        ("Mikrotik-Wireless-VLANID", _between(1, 4094), "120"),
        ("Mikrotik-Wireless-VLANIDtype", _flag, "0"),
        ("Mikrotik-Wireless-Minsignal", _signal, "-85"),
        ("Mikrotik-Wireless-Maxsignal", _signal, "120"),
        ("Mikrotik-Switching-Filter", _matching(rf"{_SWITCH_RULE}(, ?{_SWITCH_RULE})*"), "dst-port 25 action drop"),
        ("Mikrotik-DHCP-Option-Set", _text, "phones"),
        ("Mikrotik-DHCP-Option-Param-STR1", _text, "tftp.example.net"),
        ("Mikrotik-DHCP-Option-Param-STR2", _text, "firmware.bin"),
        ("Ascend-Data-Rate", _between(1, MAX_UINT32), "5000000"),
        ("Ascend-Xmit-Rate", _between(1, MAX_UINT32), "10000000"),
    ),
    *_many(
        MIKROTIK,
        ("Mikrotik-Address-List", _text, "customers"),
        ("Mikrotik-Advertise-URL", _matching(_URL), "https://isp.example.net/offer"),
        ("Mikrotik-Advertise-Interval", _between(1, MAX_UINT32), "1800"),
    ),
]

_OF_HOTSPOTS = _of(
    HOTSPOTS,
    ("WISPr-Redirection-URL", _matching(_URL), "https://isp.example.net/welcome"),
    ("WISPr-Bandwidth-Min-Up", _uint32, "1000000"),
    ("WISPr-Bandwidth-Min-Down", _uint32, "2000000"),
    ("WISPr-Bandwidth-Max-Up", _between(1, MAX_UINT32), "5000000"),
    ("WISPr-Bandwidth-Max-Down", _between(1, MAX_UINT32), "10000000"),
    ("WISPr-Session-Terminate-Time", _matching(_MOMENT), "2026-12-31T23:59:00+07:00"),
)

_OF_OTHERS = [
    *_many(
        ("cisco",),
        ("Cisco-AVPair", _text, "ip:sub-qos-policy-out=GOLD"),
        ("Cisco-Account-Info", _text, "QU;5000000;937500;1875000;D;10000000;1875000;3750000"),
    ),
    *_of(
        ("huawei",),
        ("Huawei-Input-Average-Rate", _uint32, "5000000"),
        ("Huawei-Input-Peak-Rate", _uint32, "5000000"),
        ("Huawei-Output-Average-Rate", _uint32, "10000000"),
        ("Huawei-Output-Peak-Rate", _uint32, "10000000"),
        ("Huawei-Qos-Profile-Name", _text, "gold"),
        ("Huawei-HTTP-Redirect-URL", _matching(_URL), "https://isp.example.net/pay"),
        ("Huawei-Primary-DNS", _customer_address, "10.0.0.53"),
        ("Huawei-Secondary-DNS", _customer_address, "10.0.1.53"),
    ),
    *_of(
        ("juniper",),
        ("ERX-Ingress-Policy-Name", _text, "gold-in"),
        ("ERX-Egress-Policy-Name", _text, "gold-out"),
        ("ERX-Qos-Profile-Name", _text, "gold"),
        ("ERX-Primary-Dns", _customer_address, "10.0.0.53"),
        ("ERX-Secondary-Dns", _customer_address, "10.0.1.53"),
    ),
    Attribute(
        name="ERX-Service-Activate", accepts=is_sendable, example="lintas-speed(10000k,5000k)", vendors=("juniper",),
        repeats=True, tagged=True,
    ),
    *_of(
        ("cambium",),
        ("Cambium-ePMP-Max-Burst-Uplink-Rate", _uint32, "5000"),
        ("Cambium-ePMP-Max-Burst-Downlink-Rate", _uint32, "10000"),
        ("Cambium-ePMP-Data-VLAN-Id", _between(1, 4094), "120"),
        ("Cambium-Traffic-Quota-Limit-Total", _between(1, MAX_BYTES), "10737418240"),
        ("Motorola-Canopy-ULBR", _uint32, "5000"),
        ("Motorola-Canopy-DLBR", _uint32, "10000"),
    ),
]  # fmt: skip

# A limit of bytes is 32 bits wide on the wire; what is above goes into a second attribute. People write one number.
GIGAWORDS: Mapping[str, str] = {
    "Mikrotik-Recv-Limit": "Mikrotik-Recv-Limit-Gigawords",
    "Mikrotik-Xmit-Limit": "Mikrotik-Xmit-Limit-Gigawords",
    "Mikrotik-Total-Limit": "Mikrotik-Total-Limit-Gigawords",
    "Cambium-Traffic-Quota-Limit-Total": "Cambium-Traffic-Quota-Limit-Total-Gigwords",
}
_WHOLE = {attribute.name: attribute for attribute in [*_STANDARD, *_OF_MIKROTIK, *_OF_HOTSPOTS, *_OF_OTHERS]}
_TWINS = {
    twin: Attribute(
        name=twin, accepts=_between(1, MAX_UINT32), example="2", vendors=_WHOLE[name].vendors, by_hand=False
    )
    for name, twin in GIGAWORDS.items()
}
ATTRIBUTES: Mapping[str, Attribute] = _WHOLE | _TWINS

_VLAN = ("Tunnel-Type", "Tunnel-Medium-Type", "Tunnel-Private-Group-Id")


def find_attribute(name: str) -> Attribute | None:
    """What is known of a name, with or without its tag; None for a name that this server does not send."""
    known = ATTRIBUTES.get(name)
    if known is not None:
        return known
    base, colon, tag = name.rpartition(":")
    known = ATTRIBUTES.get(base)
    return known if known is not None and colon and known.tagged and _is_tag(tag) else None


def _is_tag(tag: str) -> bool:
    return _number(tag, 1, MAX_TAG) and not tag.startswith("0")


def can_hold(name: str, value: str) -> bool:
    """Whether this attribute is known and can hold this value."""
    known = find_attribute(name)
    return known is not None and known.accepts(value)


def is_for(name: str, vendor: str) -> bool:
    """Whether routers of this vendor are sent the attribute; an unknown name counts as sent, so that it is noticed."""
    known = find_attribute(name)
    return known is None or not known.vendors or vendor in known.vendors


def split_limit(name: str, value: str) -> tuple[tuple[str, str], ...]:
    """A limit of bytes as it goes over the wire: the low 32 bits, and from 4 GiB on the rest in its twin.

    Low bits of 0 would read as "no limit" to whoever looks at one of the two only, so they give way by a byte.
    """
    twin = GIGAWORDS.get(name)
    if twin is None or not _number(value, MAX_UINT32 + 1, MAX_BYTES):
        return ((name, value),)
    total = int(value)
    high, low = divmod(total - (total & MAX_UINT32 == 0), MAX_UINT32 + 1)
    return ((name, str(low)), (twin, str(high))) if high else ((name, str(low)),)


def flaw(pairs: Iterable[tuple[str, str]]) -> str | None:
    """What is wrong with a reply as a whole, in words; None when nothing is.

    Each value was checked by itself before: here are repeats, the three attributes that make a VLAN, and the upper
    half of a limit without its lower one.
    """
    counts = Counter(name for name, _ in pairs)
    for name, count in counts.items():
        known = find_attribute(name)
        if count > 1 and known is not None and not known.repeats:
            return "an attribute that can be sent once only is there twice"
    for name, twin in GIGAWORDS.items():
        if counts[twin] and not counts[name]:
            return "the upper half of a limit is there without the lower one"
    return _vlan_flaw(counts)


def _vlan_flaw(counts: Counter[str]) -> str | None:
    tags = {name.partition(":")[2] for name in counts if name.partition(":")[0] in _VLAN}
    for tag in sorted(tags):
        suffix = f":{tag}" if tag else ""
        if not all(counts[name + suffix] for name in _VLAN):
            return "a VLAN needs Tunnel-Type, Tunnel-Medium-Type and Tunnel-Private-Group-Id with the same tag"
    return None
