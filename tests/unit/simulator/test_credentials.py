"""Credentials against the RFCs' own vectors and against pyrad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary
from pyrad.packet import AuthPacket

from simulator.credentials import (
    Method,
    Proof,
    authenticator_response,
    challenge_hash,
    chap_response,
    hide_password,
    md4,
    nt_hash,
    nt_response,
)

# RFC 2759 section 9.2.
USERNAME = b"User"
PASSWORD = "clientPass"
SERVER_CHALLENGE = bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628")
PEER_CHALLENGE = bytes.fromhex("21402324255E262A28295F2B3A337C7E")
NT_RESPONSE = bytes.fromhex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
SUCCESS = "S=407A5589115FD0D6209F510FE9C04566932CDA56"


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        ("a", "bde52cb31de33e46245e05fbdbd6fb24"),
        ("abc", "a448017aaf21d8525fc10ae87aa6729d"),
        ("message digest", "d9130a8164549fe818874806e1c7014b"),
        ("abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        ("1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_gives_the_digests_of_rfc_1320(text: str, digest: str) -> None:
    assert md4(text.encode()).hex() == digest


def test_the_nt_hash_is_md4_of_utf_16() -> None:
    assert nt_hash(PASSWORD).hex().upper() == "44EBBA8D5312B8D611474411F56989AE"


def test_the_challenge_hash_is_that_of_rfc_2759() -> None:
    block = challenge_hash(peer_challenge=PEER_CHALLENGE, server_challenge=SERVER_CHALLENGE, username=USERNAME)
    assert block.hex().upper() == "D02E4386BCE91226"


def test_the_nt_response_is_that_of_rfc_2759() -> None:
    response = nt_response(
        password=PASSWORD, peer_challenge=PEER_CHALLENGE, server_challenge=SERVER_CHALLENGE, username=USERNAME
    )
    assert response == NT_RESPONSE


def test_the_authenticator_response_is_that_of_rfc_2759() -> None:
    response = authenticator_response(
        password=PASSWORD,
        response=NT_RESPONSE,
        peer_challenge=PEER_CHALLENGE,
        server_challenge=SERVER_CHALLENGE,
        username=USERNAME,
    )
    assert response == SUCCESS


def _proof(**changes: object) -> Proof:
    values: dict[str, object] = {
        "method": Method.MSCHAPV2,
        "username": "User",
        "password": PASSWORD,
        "challenge": SERVER_CHALLENGE,
        "peer_challenge": PEER_CHALLENGE,
        "identifier": 7,
    }
    return Proof(**{**values, **changes})  # type: ignore[arg-type]


def test_an_mschapv2_request_has_challenge_and_fifty_octets_of_response() -> None:
    (_, challenge), (name, response) = _proof().attributes(secret=b"s", authenticator=bytes(16))
    assert challenge == SERVER_CHALLENGE
    assert name == "MS-CHAP2-Response"
    assert response == bytes([7, 0]) + PEER_CHALLENGE + bytes(8) + NT_RESPONSE


def test_a_server_that_knows_the_password_is_genuine() -> None:
    assert _proof().server_is_genuine(b"\x07" + SUCCESS.encode())


@pytest.mark.parametrize("success", [None, b"", b"\x07", b"\x08" + SUCCESS.encode(), b"\x07S=" + b"0" * 40], ids=repr)
def test_a_server_without_the_right_success_is_not_genuine(success: bytes | None) -> None:
    assert not _proof().server_is_genuine(success)


def test_a_chap_challenge_is_sixteen_octets_and_new_each_time() -> None:
    challenges = {
        Proof(method=Method.CHAP, username="u", password="p").attributes(secret=b"s", authenticator=bytes(16))[0]
        for _ in range(3)
    }
    assert len(challenges) == 3
    assert all(len(value) == 16 for _, value in challenges if isinstance(value, bytes))


_PASSWORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(password=_PASSWORDS, identifier=st.integers(0, 255))
def test_pyrad_accepts_every_chap_password(dictionary: Dictionary, password: str, identifier: int) -> None:
    challenge = bytes(range(16))
    packet = AuthPacket(secret=b"s", dict=dictionary)
    packet["CHAP-Password"] = chap_response(identifier=identifier, password=password.encode(), challenge=challenge)
    packet["CHAP-Challenge"] = challenge
    assert packet.VerifyChapPasswd(password.encode())


@given(
    password=_PASSWORDS.filter(lambda text: len(text.encode()) <= 128),
    authenticator=st.binary(min_size=16, max_size=16),
)
def test_a_hidden_password_is_whole_blocks_that_pyrad_reads_back(password: str, authenticator: bytes) -> None:
    octets = password.encode()
    hidden = hide_password(octets, secret=b"s", authenticator=authenticator)
    assert len(hidden) == max(16, -(-len(octets) // 16) * 16)
    assert AuthPacket(secret=b"s", authenticator=authenticator).PwDecrypt(hidden) == password
