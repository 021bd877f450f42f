"""Rules of webhooks that go out."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.webhook import EVENTS, RETRIES, may_go_to, message, retry_at, signature

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1",
        "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::1",
        "2001:0:0:0:0:0:f5ff:fffe",
    ],
)  # fmt: skip
def test_nothing_goes_to_this_machine_or_the_networks_behind_it(address: str) -> None:
    assert not may_go_to(ip_address(address), [])


@pytest.mark.parametrize("address", ["8.8.8.8", "203.119.1.1", "2400:cb00::1", "::ffff:8.8.8.8"])
def test_out_into_the_world_it_goes(address: str) -> None:
    assert may_go_to(ip_address(address), [])


def test_where_the_settings_allow_it_goes_inside_too_and_no_further() -> None:
    allowed = [ip_network("10.20.0.0/16"), ip_network("fd00:1::/64")]

    assert may_go_to(ip_address("10.20.3.4"), allowed)
    assert may_go_to(ip_address("fd00:1::5"), allowed)
    assert may_go_to(ip_address("::ffff:10.20.3.4"), allowed)
    assert not may_go_to(ip_address("10.21.0.1"), allowed)
    assert not may_go_to(ip_address("fd00:2::5"), allowed)


@given(st.ip_addresses(v=4))
def test_an_address_in_other_clothes_is_the_same_address(address: object) -> None:
    assert may_go_to(ip_address(f"::ffff:{address}"), []) == may_go_to(address, [])  # type: ignore[arg-type]


def test_the_signature_is_what_the_documentation_says() -> None:
    expected = hmac.new(b"whsec_x", b'1764223200.{"a":1}', hashlib.sha256).hexdigest()

    assert signature("whsec_x", body=b'{"a":1}', at=1764223200) == f"t=1764223200,v1={expected}"


@given(st.binary(), st.binary(), st.integers(0, 2**40), st.integers(0, 2**40))
def test_another_body_or_time_has_another_signature(one: bytes, other: bytes, at: int, later: int) -> None:
    same = (one, at) == (other, later)

    assert (signature("s", body=one, at=at) == signature("s", body=other, at=later)) == same


def test_tries_become_rarer_and_end() -> None:
    times = [retry_at(attempts, NOW) for attempts in range(1, len(RETRIES) + 2)]

    assert times[0] == NOW + timedelta(seconds=15)
    assert times[-1] is None
    assert times[:-1] == sorted(times[:-1])  # type: ignore[type-var]


def test_a_message_names_what_changed_and_where_to_look() -> None:
    data = {
        "entity_type": "subscriptions", "entity_id": 5, "customer_id": 3, "old": {"status": "active"},
        "new": {"status": "suspended", "suspend_reason": "overdue"}, "actor_type": "user", "actor_name": "Siti",
    }  # fmt: skip

    told = message(delivery_id=7, event_type="subscription.suspended", occurred_at=NOW, data=data)

    assert told["resource"] == {"type": "subscription", "id": 5, "path": "/api/v1/subscriptions/5"}
    assert told["changes"] == {
        "status": {"old": "active", "new": "suspended"},
        "suspend_reason": {"old": None, "new": "overdue"},
    }
    assert (told["id"], told["type"], told["by"]) == (
        7, "subscription.suspended", {"type": "user", "name": "Siti"}
    )  # fmt: skip


def test_what_the_api_does_not_show_alone_has_no_path() -> None:
    told = message(delivery_id=1, event_type="ping", occurred_at=NOW, data={})

    assert told["resource"] == {"type": "", "id": None, "path": None}


def test_every_event_has_a_short_name_and_a_sentence() -> None:
    assert all(len(name) <= 60 and name.count(".") == 1 for name in EVENTS)
    assert all(words[0].islower() and not words.endswith(".") for words in EVENTS.values())
