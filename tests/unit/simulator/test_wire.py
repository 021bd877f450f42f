"""The packet codec against pyrad and against broken input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary
from pyrad.packet import AcctPacket, AuthPacket, CoAPacket

from simulator import wire
from simulator.dictionary import standard
from simulator.wire import Attribute, Code, MalformedPacket

SECRET = b"a secret of this test"

_VALUES = {
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str),
    "octets": st.binary(max_size=60).filter(lambda data: not data.startswith(b"0x")),
    "integer": st.integers(0, 2**32 - 1),
    "date": st.integers(0, 2**32 - 1),
    "ipaddr": st.ip_addresses(v=4).map(str),
    "ipv6addr": st.ip_addresses(v=6).map(str),
    "ipv6prefix": st.just("2001:db8:1::/48"),
    "ifid": st.just("211:22ff:fe33:4455"),
}
_PLAIN = sorted(
    name
    for name, one in standard().by_name.items()
    if not one.tagged and name not in {"User-Password", "MS-CHAP-MPPE-Keys", "MS-MPPE-Send-Key", "MS-MPPE-Recv-Key"}
)


@st.composite
def an_attribute(draw: st.DrawFn) -> Attribute:
    name = draw(st.sampled_from(_PLAIN))
    return name, draw(_VALUES[standard().by_name[name].type])


def _named(attribute: Attribute) -> Attribute:
    name, value = attribute
    return name, standard().by_name[name].names.get(value, value) if isinstance(value, int) else value


@given(attributes=st.lists(an_attribute(), max_size=12))
def test_attributes_come_back_in_the_order_they_were_given(attributes: list[Attribute]) -> None:
    raw = wire.hashed_request(code=Code.COA_REQUEST, identifier=1, attributes=attributes, secret=SECRET)
    assert list(wire.decode(raw).attributes) == [_named(one) for one in attributes]


@given(attribute=an_attribute())
def test_pyrad_reads_every_attribute_as_we_meant_it(dictionary: Dictionary, attribute: Attribute) -> None:
    name, value = _named(attribute)
    raw = wire.hashed_request(code=Code.ACCOUNTING_REQUEST, identifier=1, attributes=[attribute], secret=SECRET)
    assert AcctPacket(packet=raw, secret=SECRET, dict=dictionary)[name] == [value]


@pytest.mark.parametrize("code", [Code.COA_REQUEST, Code.DISCONNECT_REQUEST])
def test_pyrad_believes_our_change_requests_and_we_believe_its(dictionary: Dictionary, code: Code) -> None:
    ours = wire.hashed_request(code=code, identifier=9, attributes=[("User-Name", "budi")], secret=SECRET)
    assert CoAPacket(packet=ours, secret=SECRET, dict=dictionary).VerifyCoARequest()
    theirs = CoAPacket(code=code, secret=SECRET, dict=dictionary, message_authenticator=True)
    theirs["User-Name"] = "budi"
    raw = theirs.RequestPacket()
    assert wire.request_is_authentic(raw, SECRET)
    assert not wire.request_is_authentic(raw, b"another secret")


def test_a_change_request_with_a_broken_message_authenticator_is_not_believed() -> None:
    attributes: list[Attribute] = [("User-Name", "budi"), (wire.MESSAGE_AUTHENTICATOR, bytes(16))]
    raw = wire.hashed_request(code=Code.COA_REQUEST, identifier=1, attributes=attributes, secret=SECRET)
    assert not wire.request_is_authentic(raw, SECRET)


def test_a_signed_access_request_carries_message_authenticator_last_and_pyrad_verifies_it(
    dictionary: Dictionary,
) -> None:
    raw = wire.access_request(
        identifier=3, authenticator=bytes(range(16)), attributes=[("User-Name", "budi")], secret=SECRET, sign=True
    )
    assert wire.decode(raw).attributes[-1][0] == "Message-Authenticator"
    assert AuthPacket(packet=raw, secret=SECRET, dict=dictionary).verify_message_authenticator()


def test_a_signed_response_carries_message_authenticator_first_and_verifies() -> None:
    request = wire.decode(
        wire.access_request(identifier=3, authenticator=bytes(range(16)), attributes=[], secret=SECRET, sign=False)
    )
    raw = wire.response(
        code=Code.ACCESS_ACCEPT, request=request, attributes=[("Class", b"c")], secret=SECRET, sign=True
    )
    assert wire.decode(raw).attributes[0][0] == "Message-Authenticator"
    assert wire.response_is_authentic(raw, request.authenticator, SECRET)
    assert wire.message_authenticator_state(raw, request.authenticator, SECRET) is True


def test_a_tag_becomes_part_of_the_name(dictionary: Dictionary) -> None:
    packet = AuthPacket(secret=SECRET, dict=dictionary)
    packet["Tunnel-Type:1"] = "VLAN"
    packet["Tunnel-Private-Group-Id:1"] = "20"
    read = wire.decode(packet.RequestPacket())
    assert ("Tunnel-Type:1", "VLAN") in read.attributes
    assert ("Tunnel-Private-Group-Id:1", "20") in read.attributes


def test_bytes_that_are_no_utf8_come_back_as_bytes() -> None:
    raw = wire.hashed_request(
        code=Code.ACCOUNTING_REQUEST, identifier=1, attributes=[("User-Name", b"\xff\xfe")], secret=SECRET
    )
    assert wire.decode(raw).first("User-Name") == b"\xff\xfe"


def test_an_unknown_attribute_is_kept_under_its_number() -> None:
    raw = wire.hashed_request(code=Code.COA_REQUEST, identifier=1, attributes=[], secret=SECRET)
    raw = raw[:2] + (25).to_bytes(2, "big") + raw[4:] + bytes([253, 5]) + b"abc"
    assert wire.decode(raw).attributes == (("Attr-253", b"abc"),)


def test_an_attribute_longer_than_its_length_octet_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        wire.encode_attributes([("Mikrotik-Rate-Limit", "x" * 248)])


@given(data=st.binary(max_size=80))
def test_random_octets_are_a_packet_or_malformed_and_nothing_else(data: bytes) -> None:
    try:
        packet = wire.decode(data)
    except MalformedPacket:
        return
    assert packet.raw == data[: len(packet.raw)]
