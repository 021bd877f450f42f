"""MAC addresses as routers, stickers and customers spell them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mac import normalise_mac

octets = st.lists(st.integers(0, 255), min_size=6, max_size=6)


@pytest.mark.parametrize(
    "text",
    [
        "AA:BB:CC:0D:0E:0F",
        "aa:bb:cc:0d:0e:0f",
        "AA-BB-CC-0D-0E-0F",
        "aabb.cc0d.0e0f",
        "aabbcc0d0e0f",
        "AA:BB:CC:D:E:F",
        "1:aa:bb:cc:d:e:f",
        "01:AA:BB:CC:0D:0E:0F",
        "  aa:bb:cc:0d:0e:0f\n",
    ],
)
def test_every_usual_spelling_is_the_same_device(text: str) -> None:
    assert normalise_mac(text) == "AA:BB:CC:0D:0E:0F"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "budi",
        "aabbcc0d0e",
        "aabbcc0d0e0f0a",
        "aa:bb:cc:0d:0e",
        "aa:bb:cc:0d:0e:0f:00",
        "2:aa:bb:cc:0d:0e:0f",
        "aaa:bb:cc:0d:0e:0f",
        "gg:bb:cc:0d:0e:0f",
        "aa::cc:0d:0e:0f",
        "aabb.cc0d.0e0",
        "62812345678901",
        "10.5.50.2",
        "٠٠:٠٠:٠٠:٠٠:٠٠:٠٠",
    ],
)
def test_what_is_no_mac_is_no_device(text: str) -> None:
    assert normalise_mac(text) is None


@given(octets)
def test_all_spellings_of_any_address_agree(values: list[int]) -> None:
    wanted = ":".join(f"{value:02X}" for value in values)
    digits = "".join(f"{value:02x}" for value in values)

    assert normalise_mac(wanted) == wanted
    assert normalise_mac("-".join(f"{value:02x}" for value in values)) == wanted
    assert normalise_mac(digits) == wanted
    assert normalise_mac(f"{digits[:4]}.{digits[4:8]}.{digits[8:]}") == wanted
    assert normalise_mac("1:" + ":".join(f"{value:x}" for value in values)) == wanted


@given(st.text(max_size=40))
def test_any_text_is_an_address_in_the_one_spelling_or_none(text: str) -> None:
    mac = normalise_mac(text)

    assert mac is None or (len(mac) == 17 and normalise_mac(mac) == mac)
