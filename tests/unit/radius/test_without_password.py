"""What a device brings in the place of a password, by PAP and by CHAP."""

import pytest

from radius.without_password import ACCEPTED, control_for
from simulator.credentials import chap_response

STORED = (("Cleartext-Password", "stored"),)
CHALLENGE = bytes(range(16))


def by_pap(password: str) -> dict[str, str]:
    return {"User-Name": "V-1", "User-Password": password}


def by_chap(password: str) -> dict[str, str]:
    answer = chap_response(identifier=200, password=password.encode(), challenge=CHALLENGE)
    return {"User-Name": "V-1", "CHAP-Challenge": "0x" + CHALLENGE.hex(), "CHAP-Password": "0x" + answer.hex()}


@pytest.mark.parametrize("by", [by_pap, by_chap])
@pytest.mark.parametrize(
    ("password", "control"),
    [("", ACCEPTED), ("V-1", (("Cleartext-Password", "V-1"),)), ("stored", STORED), ("guess", STORED)],
)
def test_an_empty_password_and_the_name_are_taken_and_everything_else_is_checked(
    by: object, password: str, control: object
) -> None:
    assert control_for(by(password), STORED) == control  # type: ignore[operator]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"User-Name": "V-1"},
        {"User-Name": "V-1", "MS-CHAP2-Response": "0x00"},
        {"CHAP-Password": "0x00", "CHAP-Challenge": "0x00"},
        {"CHAP-Password": "0x" + "00" * 17},
        {"CHAP-Password": "not hexadecimal", "CHAP-Challenge": "0x00"},
        # Two passwords at once: only the one that FreeRADIUS will check counts.
        {**by_chap("guess"), "User-Password": ""},
    ],
)
def test_a_login_that_brings_no_empty_password_is_never_taken_for_one(attributes: dict[str, str]) -> None:
    assert control_for(attributes, STORED) == STORED
