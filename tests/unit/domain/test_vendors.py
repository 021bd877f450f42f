"""A speed said to each maker's routers, at a login and in a running session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import NAS_TYPES
from domain.attributes import can_hold, is_for
from domain.speed import Speed, read_rate_limit, render_rate_limit
from domain.vendors import SPOKEN, live_attributes, speed_attributes
from profiles import bursts, limited_speeds, priorities


def test_every_kind_of_router_is_spoken_to() -> None:
    assert {"mikrotik", *SPOKEN} == set(NAS_TYPES)


@given(speed=limited_speeds, burst=st.one_of(st.none(), bursts()), priority=priorities)
def test_a_rate_limit_is_read_as_the_speed_it_was_made_from(speed: Speed, burst: object, priority: int) -> None:
    text = render_rate_limit(speed, burst, priority)  # type: ignore[arg-type]

    assert text is not None
    assert read_rate_limit(text) == speed


@pytest.mark.parametrize(
    ("text", "down", "up"), [("512k", 512, 512), ("1M/2M", 2000, 1000), ("64000/128000", 128, 64), ("1/2", 1, 1)]
)
def test_what_an_operator_writes_is_read_too(text: str, down: int, up: int) -> None:
    assert read_rate_limit(text) == Speed(download_kbps=down, upload_kbps=up)


@given(vendor=st.sampled_from(sorted(SPOKEN)), speed=limited_speeds)
def test_what_is_said_fits_its_attribute_and_its_router(vendor: str, speed: Speed) -> None:
    said = speed_attributes(vendor, render_rate_limit(speed))

    assert said
    for name, value in said:
        assert can_hold(name, value)
        assert is_for(name, vendor)


def test_a_speed_that_does_not_fit_is_said_as_the_most_that_does() -> None:
    assert dict(speed_attributes("huawei", "10000M/10000M"))["Huawei-Output-Peak-Rate"] == str(2**32 - 1)


@pytest.mark.parametrize(
    ("vendor", "attributes", "said"),
    [
        ("mikrotik", {"Mikrotik-Rate-Limit": "1M/2M 3M/4M"}, {"Mikrotik-Rate-Limit": "1M/2M 3M/4M"}),
        (
            "ubiquiti",
            {"Mikrotik-Rate-Limit": "1M/2M"},
            {"WISPr-Bandwidth-Max-Up": "1000000", "WISPr-Bandwidth-Max-Down": "2000000"},
        ),
        ("juniper", {"Mikrotik-Rate-Limit": "0/0"}, {"ERX-Service-Activate:1": "lintas-speed(100000000k,100000000k)"}),
        ("cisco", {"Mikrotik-Address-List": "late", "Session-Timeout": "60"}, {"Session-Timeout": "60"}),
        ("huawei", {}, {}),
    ],
)
def test_a_running_session_is_changed_in_its_routers_own_words(
    vendor: str, attributes: dict[str, str], said: dict[str, str]
) -> None:
    assert live_attributes(attributes, vendor) == said
