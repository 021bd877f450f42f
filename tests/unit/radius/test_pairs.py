"""Nothing leaves that FreeRADIUS or a router would read as something else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import AccessProfile, rate_limit_now
from domain.attributes import MAX_TEXT_BYTES
from domain.speed import Burst, Speed, render_rate_limit
from profiles import NOW, bursts, limited_speeds, priorities, profiles
from radius.pairs import (
    ATTRIBUTES,
    MAX_SESSION_TIMEOUT_S,
    UnableToRender,
    grant_pairs,
    pair,
    password_pairs,
    session_timeout_pair,
)
from radius.policies import granted
from radius.policies.types import Grant, Login
from simulator.dictionary import Definition, standard

GOOD = {
    "Mikrotik-Rate-Limit": [
        "128k",
        "5M/10M",
        "0/0",
        "1000000/2000000",
        "1M/2M 2M/4M",
        "1M/2M 2M/4M 1M/1M",
        "1M/2M 2M/4M 1M/1M 8/8",
        "1M/2M 0/0 0/0 0/0 1",
        "1M/2M 0/0 0/0 0/0 8 512k/1M",
    ],
    "Mikrotik-Address-List": ["customers", "late payers", "daftar-é", "x" * MAX_TEXT_BYTES],
    "Framed-IP-Address": ["10.0.0.1", "1.0.0.0", "223.255.255.255", "100.64.0.1"],
    "Framed-Pool": ["pool-a", "pool b"],
    "Session-Timeout": ["1", "60", str(MAX_SESSION_TIMEOUT_S)],
    "Idle-Timeout": ["60", str(MAX_SESSION_TIMEOUT_S)],
    "Acct-Interim-Interval": ["60", "300", "3600"],
    "Class": ["lts1:5:0:abc"],
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
    "0",
]
BAD = {
    "Mikrotik-Rate-Limit": [
        *NO_TEXT,
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
    "Mikrotik-Address-List": NO_TEXT,
    "Framed-IP-Address": [
        "",
        "0.0.0.0",
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
    ],
    "Framed-Pool": NO_TEXT,
    "Session-Timeout": [*NO_NUMBER, str(MAX_SESSION_TIMEOUT_S + 1)],
    "Idle-Timeout": [*NO_NUMBER, "59", str(MAX_SESSION_TIMEOUT_S + 1)],
    "Acct-Interim-Interval": [*NO_NUMBER, "59", "3601"],
    "Class": NO_TEXT,
    "Reply-Message": NO_TEXT,
}


def _each(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in table.items() for value in values]


def test_every_attribute_has_good_and_bad_examples() -> None:
    assert GOOD.keys() == BAD.keys() == ATTRIBUTES.keys()


@pytest.mark.parametrize(("name", "value"), _each(GOOD))
def test_a_value_in_range_leaves_as_it_is(name: str, value: str) -> None:
    assert pair(name, value) == (name, value)


@pytest.mark.parametrize(("name", "value"), _each(BAD), ids=ascii)
def test_a_value_out_of_range_does_not_leave(name: str, value: str) -> None:
    with pytest.raises(UnableToRender):
        pair(name, value)


@pytest.mark.parametrize("value", [300, 300.0, b"300", None, True])
def test_only_text_leaves_since_freeradius_skips_anything_else_in_silence(value: Any) -> None:
    with pytest.raises(UnableToRender):
        pair("Session-Timeout", value)


@pytest.mark.parametrize("name", ["Session-TimeOut", "Mikrotik-Recv-Limit", "Filter-Id", "Cleartext-Password", ""])
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
    if definition.type == "integer":
        assert 0 < int(value) < 2**32
        assert str(int(value)).zfill(len(value)) == value
    elif definition.type == "ipaddr":
        assert len(bytes(int(part) for part in value.split("."))) == 4
    else:
        assert 0 < len(value.encode("utf-8")) <= 253
        assert "\0" not in value
        assert "\n" not in value


@given(profile=profiles())
def test_every_plan_that_can_be_made_can_be_said(profile: AccessProfile) -> None:
    grant = granted(Login(profile=profile, service="pppoe", now=NOW))

    sent = dict(grant_pairs(grant))

    assert sent.get("Mikrotik-Rate-Limit") == rate_limit_now(profile, NOW)
    assert sent.get("Framed-IP-Address") == profile.assigned_ip
    assert sent.get("Framed-Pool") == (profile.ip_pool if profile.assigned_ip is None else None)
    assert sent.get("Mikrotik-Address-List") == profile.address_list
    assert sent["Acct-Interim-Interval"] == str(profile.interim_interval_s)
    assert sent.get("Idle-Timeout") == (None if profile.idle_timeout_s is None else str(profile.idle_timeout_s))
    for name, value in sent.items():
        fits(standard().by_name[name], value)


@given(full=limited_speeds, burst=st.one_of(st.none(), bursts()), priority=priorities)
def test_every_rate_limit_that_can_be_rendered_can_be_sent(full: Speed, burst: Burst | None, priority: int) -> None:
    text = render_rate_limit(full, burst, priority)

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


def test_every_attribute_we_send_is_in_our_dictionaries_with_the_type_we_check() -> None:
    types = {name: standard().by_name[name].type for name in ATTRIBUTES}

    assert types == {
        "Mikrotik-Rate-Limit": "string",
        "Mikrotik-Address-List": "string",
        "Framed-IP-Address": "ipaddr",
        "Framed-Pool": "string",
        "Session-Timeout": "integer",
        "Idle-Timeout": "integer",
        "Acct-Interim-Interval": "integer",
        "Class": "octets",
        "Reply-Message": "string",
    }
