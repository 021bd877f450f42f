"""A login that its router should have signed and did not is none (CVE-2024-3596); every answer is signed in front."""

import os
import socket

import pytest

from factories import make_nas, make_subscription
from radius_stack import RadiusStack, wait_for
from simulator import wire
from simulator.credentials import hide_password

SECRET = "a-secret-of-letters-0123456789"
MESSAGE_AUTHENTICATOR = 80
SILENT_S = 1.5
PASSWORD = "pw-budi"


@pytest.fixture(scope="module")
def strict(stack: RadiusStack) -> RadiusStack:
    """A router that has to sign, and a customer behind it."""
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.1", radius_secret=SECRET, require_message_authenticator=True)
        make_subscription(db, username="budi", service_password=PASSWORD)
        db.commit()
    wait_for(lambda: ask(stack, request(1)) is not None)
    return stack


def request(
    identifier: int, *, sign: bool = True, password: str = PASSWORD, more: tuple[wire.Attribute, ...] = ()
) -> bytes:
    """A login by PAP as a router sends it."""
    authenticator = os.urandom(16)
    hidden = hide_password(password.encode(), secret=SECRET.encode(), authenticator=authenticator)
    attributes: list[wire.Attribute] = [
        ("User-Name", "budi"), ("User-Password", hidden), ("NAS-IP-Address", "127.0.0.1"),
        ("Calling-Station-Id", "02:00:00:00:00:01"), ("Service-Type", 2), ("Framed-Protocol", 1), *more,
    ]  # fmt: skip
    return wire.access_request(
        identifier=identifier, authenticator=authenticator, attributes=attributes, secret=SECRET.encode(), sign=sign
    )


def ask(stack: RadiusStack, packet: bytes) -> bytes | None:
    """The answer, None for silence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(SILENT_S)
        asker.sendto(packet, ("127.0.0.1", stack.settings.radius_auth_port))
        try:
            return asker.recv(4096)
        except TimeoutError:
            return None


@pytest.mark.parametrize(
    ("password", "code"), [(PASSWORD, wire.Code.ACCESS_ACCEPT), ("wrong", wire.Code.ACCESS_REJECT)]
)
def test_every_answer_is_signed_in_front(strict: RadiusStack, password: str, code: int) -> None:
    answer = ask(strict, request(2, password=password))

    assert answer is not None
    assert (answer[0], answer[20]) == (code, MESSAGE_AUTHENTICATOR)


def test_without_a_signature_there_is_no_answer(strict: RadiusStack) -> None:
    assert ask(strict, request(3, sign=False)) is None


def test_with_a_wrong_signature_there_is_no_answer(strict: RadiusStack) -> None:
    signed = request(4)

    assert ask(strict, signed[:-1] + bytes([signed[-1] ^ 1])) is None


def test_what_a_proxy_would_add_does_not_help_without_a_signature(strict: RadiusStack) -> None:
    state: wire.Attribute = ("Proxy-State", b"x" * 200)

    assert ask(strict, request(5, sign=False, more=(state,))) is None
    signed = ask(strict, request(6, more=(state,)))
    assert signed is not None
    assert signed[20] == MESSAGE_AUTHENTICATOR
