"""Nothing leaves that FreeRADIUS or a router would read as something else."""

from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import NAS_TYPES, AccessProfile, AttributeItem, rate_limit_now
from domain.attributes import ATTRIBUTES, MAX_SESSION_TIMEOUT_S, MAX_TEXT_BYTES, flaw, is_for, split_limit
from domain.speed import Burst, Speed, render_rate_limit
from profiles import NOW, bursts, limited_speeds, priorities, profiles
from radius.pairs import (
    UnableToRender,
    grant_pairs,
    pair,
    password_pairs,
    session_timeout_pair,
)
from radius.policies import granted
from radius.policies.types import Grant, Login
from simulator.dictionary import Definition, standard

MORE_RATES = [
    "128k",
    "5M/10M",
    "0/0",
    "1000000/2000000",
    "1M/2M 2M/4M",
    "1M/2M 2M/4M 1M/1M",
    "1M/2M 2M/4M 1M/1M 8/8",
    "1M/2M 0/0 0/0 0/0 1",
    "1M/2M 0/0 0/0 0/0 8 512k/1M",
]
# Beside the example that every attribute of the table brings.
GOOD = {
    "Mikrotik-Rate-Limit": MORE_RATES,
    "Mikrotik-Address-List": ["customers", "late payers", "daftar-é", "x" * MAX_TEXT_BYTES],
    "Framed-IP-Address": ["10.0.0.1", "1.0.0.0", "223.255.255.255", "100.64.0.1"],
    "Framed-IP-Netmask": ["255.255.255.255", "255.255.255.252", "128.0.0.0"],
    "Framed-Route": ["10.1.0.0/16", "10.1.0.0/16 10.0.0.1", "0.0.0.0/0 0.0.0.0", "192.168.1.0/24 10.0.0.1 1 2 3 4"],
    "Framed-IPv6-Route": ["2001:db8::/32", "2001:db8::/48 2001:db8::1 1"],
    "Framed-IPv6-Prefix": ["2001:db8::/64", "2001:db8::1/128"],
    "Delegated-IPv6-Prefix": ["2001:db8::/48"],
    "Framed-IPv6-Address": ["fe80::1"],
    "Session-Timeout": ["1", "60", str(MAX_SESSION_TIMEOUT_S)],
    "Idle-Timeout": ["60", str(MAX_SESSION_TIMEOUT_S)],
    "Acct-Interim-Interval": ["60", "300", "3600"],
    "Port-Limit": ["1", "65535"],
    "Tunnel-Type": ["13", "VLAN"],
    "Tunnel-Private-Group-Id": ["1", "4094"],
    "Mikrotik-Total-Limit": ["1", str(2**32 - 1)],
    "Mikrotik-Wireless-Minsignal": ["-120", "0", "120"],
    "Mikrotik-Wireless-PSK": ["x" * 8, "x" * 63],
    "Mikrotik-Switching-Filter": ["action drop", "mac-protocol ip dst-port 25 action drop, action allow"],
    "WISPr-Session-Terminate-Time": ["2026-12-31T23:59:00Z"],
    "Reply-Message": ["Login incorrect"],
}
NO_TEXT = ["", "a\0b", "a\nb", "a\tb", "\x7f", "a\u2028b", "a\u200bb", "x" * (MAX_TEXT_BYTES + 1), "é" * 124, "\ud800"]
NO_NUMBER = [
    "",
    "-1",
    "+60",
    " 60",
    "60 ",
    "6e1",
    "60.0",
    "0x3c",
    "sixty",
    str(2**32),
    str(2**32 + 60),
    "٦٠",
    "²60",
    "9" * 5000,
]
BAD_ADDRESSES = [
    "127.0.0.1",
    "127.255.255.255",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "255.255.255.254",
    "10.0.0.256",
    "10.0.0",
    "10.0.0.1/32",
    "10.0.0.01",
    " 10.0.0.1",
    "10.0.0.1\n",
    "fe80::1",
    "::ffff:10.0.0.1",
    "not-an-ip",
    "167772161",
]
BAD = {
    "Mikrotik-Rate-Limit": [
        "0.5M",
        "1G",
        "1m/2m",
        "1M /2M",
        "1M/2M/3M",
        " 1M/2M",
        "1M/2M ",
        "1M/2M  2M/4M",
        "-1M/2M",
        "1M/",
        "/2M",
        "1M/2M 2M/4M 1M/1M 8/8 0",
        "1M/2M 2M/4M 1M/1M 8/8 9",
        "1M/2M 2M/4M 1M/1M 8/8 8 1M/1M 1M",
        "1M/2M\n",
        "١M/2M",
        "1234567890/1",
        "unlimited",
    ],
    "Framed-IP-Address": BAD_ADDRESSES,
    "MS-Primary-DNS-Server": BAD_ADDRESSES,
    "Framed-IP-Netmask": ["0.0.0.0", "255.0.255.0", "0.0.0.255", "24", "255.255.255.256"],
    "Framed-Route": [
        "10.1.0.1/16",
        "10.1.0.0/33",
        "10.1.0.0/16 gateway",
        "10.1.0.0/16  10.0.0.1",
        "10.1.0.0/16 10.0.0.1 -1",
        "10.1.0.0/16 10.0.0.1 256",
        "10.1.0.0/16 10.0.0.1 1 2 3 4 5 6",
        "2001:db8::/32",
    ],
    "Framed-IPv6-Route": ["10.0.0.0/8", "2001:db8::1/32", "2001:db8::/32 10.0.0.1", "2001:db8::/32 :: x"],
    "Framed-IPv6-Prefix": [
        "2001:db8::1",
        "2001:db8::1/64",
        "2001:db8::/129",
        "::/0",
        "ff00::/8",
        "fe80::%1/64",
        "x/64",
    ],
    "Framed-IPv6-Address": ["::", "::1", "ff02::1", "fe80::1%eth0", "10.0.0.1", "2001:db8::/64"],
    "Session-Timeout": ["0", str(MAX_SESSION_TIMEOUT_S + 1)],
    "Idle-Timeout": ["0", "59", str(MAX_SESSION_TIMEOUT_S + 1)],
    "Acct-Interim-Interval": ["0", "59", "3601"],
    "Port-Limit": ["0", "65536"],
    "Tunnel-Type": ["1", "PPTP", "vlan"],
    "Tunnel-Private-Group-Id": ["0", "4095", "guests"],
    "Mikrotik-Recv-Limit": ["0"],
    "Mikrotik-Wireless-Forward": ["2", "yes"],
    "Mikrotik-Wireless-Enc-Key": ["xyz", "0" * 9],
    "Mikrotik-Wireless-PSK": ["x" * 7, "x" * 64, "é" * 10],
    "Mikrotik-Wireless-Minsignal": ["-121", "121", "1.5", "--5"],
    "Mikrotik-Switching-Filter": ["dst-port 25", "action accept", "action drop; action allow"],
    "Mikrotik-Advertise-URL": ["isp.example.net", "javascript:alert(1)", "http://", "https://a b"],
    "WISPr-Session-Terminate-Time": ["2026-12-31T23:59:00", "2026-13-01T00:00:00Z", "tomorrow"],
}


def bad_values(name: str) -> list[str]:
    """Values that an attribute cannot hold, by the type it has in the dictionary."""
    kind = standard().by_name[name].type
    by_kind = {"integer": NO_NUMBER, "string": NO_TEXT, "octets": NO_TEXT}.get(kind, ["", "x"])
    return [*by_kind, *BAD.get(name, [])]


def good_values(name: str) -> list[str]:
    """Values that it can."""
    example = ATTRIBUTES[name].example
    whole = [half for pair_name, half in split_limit(name, example) if pair_name == name]
    return [*whole, *GOOD.get(name, [])]


def _each(values_of: Callable[[str], list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name in ATTRIBUTES for value in values_of(name)]


@pytest.mark.parametrize(("name", "value"), _each(good_values))
def test_a_value_in_range_leaves_as_it_is(name: str, value: str) -> None:
    assert pair(name, value) == (name, value)


@pytest.mark.parametrize(("name", "value"), _each(bad_values), ids=ascii)
def test_a_value_out_of_range_does_not_leave(name: str, value: str) -> None:
    with pytest.raises(UnableToRender):
        pair(name, value)


@pytest.mark.parametrize("value", [300, 300.0, b"300", None, True])
def test_only_text_leaves_since_freeradius_skips_anything_else_in_silence(value: Any) -> None:
    with pytest.raises(UnableToRender):
        pair("Session-Timeout", value)


@pytest.mark.parametrize(
    "name", ["Session-TimeOut", "Service-Type", "User-Name", "Cleartext-Password", "Filter-Id:1", "Tunnel-Type:0", ""]
)
def test_an_attribute_that_is_not_listed_does_not_leave(name: str) -> None:
    with pytest.raises(UnableToRender):
        pair(name, "1")


@given(name=st.sampled_from(sorted(ATTRIBUTES)), value=st.text(max_size=300))
def test_whatever_leaves_fits_its_attribute(name: str, value: str) -> None:
    try:
        _, sent = pair(name, value)
    except UnableToRender:
        return
    assert sent == value
    fits(standard().by_name[name], sent)


def fits(definition: Definition, value: str) -> None:
    match definition.type:
        case "integer":
            assert value in definition.numbers or 0 <= int(value) < 2**32
            assert value in definition.numbers or str(int(value)).zfill(len(value)) == value
        case "ipaddr":
            assert len(bytes(int(part) for part in value.split("."))) == 4
        case "ipv6addr":
            assert IPv6Address(value).scope_id is None
        case "ipv6prefix":
            assert str(IPv6Network(value).prefixlen) == value.split("/")[1]
        case _:
            assert 0 < len(value.encode("utf-8")) <= 253
            assert "\0" not in value
            assert "\n" not in value


@given(profile=profiles())
def test_every_plan_that_can_be_made_can_be_said(profile: AccessProfile) -> None:
    grant = granted(Login(profile=profile, service="pppoe", now=NOW))

    pairs = grant_pairs(grant)

    sent = {name: value for name, *_, value in pairs}
    assert sent.get("Mikrotik-Rate-Limit") == rate_limit_now(profile, NOW)
    assert sent.get("Framed-IP-Address") == profile.assigned_ip
    assert sent.get("Framed-Pool") == (profile.ip_pool if profile.assigned_ip is None else None)
    assert sent.get("Mikrotik-Address-List") == profile.address_list
    assert sent["Acct-Interim-Interval"] == str(profile.interim_interval_s)
    assert sent.get("Idle-Timeout") == (None if profile.idle_timeout_s is None else str(profile.idle_timeout_s))
    for name, *_, value in pairs:
        fits(standard().by_name[name], value)
        assert pair(name, value) == (name, value)
    assert flaw((name, value) for name, *_, value in pairs) is None


@given(
    full=limited_speeds,
    burst=st.one_of(st.none(), bursts()),
    priority=priorities,
    least=st.one_of(st.none(), limited_speeds),
)
def test_every_rate_limit_that_can_be_rendered_can_be_sent(
    full: Speed, burst: Burst | None, priority: int, least: Speed | None
) -> None:
    text = render_rate_limit(full, burst, priority, least)

    assert text is not None
    assert pair("Mikrotik-Rate-Limit", text) == ("Mikrotik-Rate-Limit", text)


@pytest.mark.parametrize(
    "grant",
    [
        Grant(rate_limit="lots"),
        Grant(framed_ip="127.0.0.1"),
        Grant(pool="a\nb"),
        Grant(address_list=""),
        Grant(idle_timeout_s=59),
        Grant(idle_timeout_s=-1),
        Grant(interim_interval_s=2**32),
    ],
)
def test_a_grant_that_cannot_be_said_whole_is_not_said_at_all(grant: Grant) -> None:
    with pytest.raises(UnableToRender):
        grant_pairs(grant)


def test_a_session_longer_than_a_router_takes_is_as_long_as_it_takes() -> None:
    assert session_timeout_pair(2**40) == ("Session-Timeout", str(MAX_SESSION_TIMEOUT_S))
    assert ("Idle-Timeout", str(MAX_SESSION_TIMEOUT_S)) in grant_pairs(Grant(idle_timeout_s=31_536_000))
    assert session_timeout_pair(0) == ("Session-Timeout", "1")


def test_a_password_that_cannot_be_checked_refuses_the_login() -> None:
    assert password_pairs("rahasia €") == (("Cleartext-Password", "rahasia €"),)
    for password in ("", "a\0b"):
        with pytest.raises(UnableToRender):
            password_pairs(password)


def test_every_attribute_we_send_is_in_our_dictionaries() -> None:
    assert ATTRIBUTES.keys() <= standard().by_name.keys()
    assert {name for name, known in ATTRIBUTES.items() if known.tagged} == {
        name for name in ATTRIBUTES if standard().by_name[name].tagged
    }


def row(name: str, op: str, value: str) -> AttributeItem:
    return AttributeItem(name, op, value)


def test_the_second_of_a_name_carries_the_operator_without_which_freeradius_drops_it() -> None:
    routes = [row("Framed-Route", "+=", f"10.{number}.0.0/16") for number in (1, 2, 3)]

    sent = [sent for sent in grant_pairs(Grant(replies=tuple(routes))) if sent[0] == "Framed-Route"]

    assert sent == [
        ("Framed-Route", "10.1.0.0/16"),
        ("Framed-Route", "+=", "10.2.0.0/16"),
        ("Framed-Route", "+=", "10.3.0.0/16"),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [row("Session-TimeOut", ":=", "60")],
        [row("Mikrotik-Group", "+=", "gold"), row("Mikrotik-Group", "+=", "silver")],
        [row("Tunnel-Type", ":=", "VLAN")],
        [row("Tunnel-Type:1", ":=", "VLAN"), row("Tunnel-Medium-Type:2", ":=", "6")],
        [row("Mikrotik-Total-Limit-Gigawords", ":=", "1")],
        [row("Mikrotik-Total-Limit", ":=", str(2**33)), row("Mikrotik-Total-Limit-Gigawords", ":=", "1")],
        [row("Idle-Timeout", ":=", "soon")],
        [row("Mikrotik-Rate-Limit", ":=", "lots")],
    ],
)
def test_rows_that_make_no_whole_reply_refuse_the_login_instead_of_losing_a_part(rows: list[AttributeItem]) -> None:
    with pytest.raises(UnableToRender):
        grant_pairs(Grant(replies=tuple(rows)))


def test_a_vlan_is_whole_with_and_without_a_tag() -> None:
    for tag in ("", ":1", ":31"):
        rows = [
            row(f"Tunnel-Type{tag}", ":=", "VLAN"),
            row(f"Tunnel-Medium-Type{tag}", ":=", "IEEE-802"),
            row(f"Tunnel-Private-Group-Id{tag}", ":=", "120"),
        ]
        assert {(name, value) for name, _, value in rows} <= set(grant_pairs(Grant(replies=tuple(rows))))


@given(
    vendor=st.sampled_from(NAS_TYPES),
    profile=profiles(),
    garden=st.one_of(st.none(), st.just("https://isp.example.net/pay")),
    left=st.one_of(st.none(), st.integers(1, 2**62)),
)
def test_every_vendor_is_told_the_speed_in_attributes_of_its_own_and_nothing_it_does_not_know(
    vendor: str, profile: AccessProfile, garden: str | None, left: int | None
) -> None:
    grant = granted(Login(profile=profile, service="pppoe", now=NOW))
    grant.redirect_url, grant.total_limit_bytes = garden, left

    pairs = grant_pairs(grant, vendor)

    names = {name for name, *_ in pairs}
    for name, *_, value in pairs:
        assert is_for(name, vendor)
        fits(standard().by_name[name.partition(":")[0]], value)
    speed_names = {
        "mikrotik": "Mikrotik-Rate-Limit",
        "cisco": "Cisco-Account-Info",
        "huawei": "Huawei-Input-Average-Rate",
        "juniper": "ERX-Service-Activate:1",
        "ubiquiti": "WISPr-Bandwidth-Max-Up",
        "cambium": "Motorola-Canopy-ULBR",
    }
    assert (speed_names[vendor] in names) == (grant.rate_limit is not None)
    if vendor != "mikrotik":
        assert not any(name.startswith("Mikrotik-") for name in names)
