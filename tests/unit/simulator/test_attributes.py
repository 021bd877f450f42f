"""What a router sends, against captured RouterOS packets (same attributes, same order, same length)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import attributes as ros
from simulator import wire
from simulator.attributes import Counters, Login, RouterFacts, Service, SessionFacts
from simulator.credentials import Method, Proof
from simulator.wire import Attribute, Code


def _names(attributes: list[Attribute]) -> list[str]:
    return [name for name, _ in attributes]


def _facts(login: Login, *, session_id: str = "8160003e", number: int = 0x41, framed_ip: str = "") -> SessionFacts:
    return SessionFacts(login=login, session_id=session_id, number=number, framed_ip=framed_ip)


def _credentials(method: Method) -> list[Attribute]:
    proof = Proof(method=method, username="u", password="p")
    return proof.attributes(secret=b"s", authenticator=bytes(16))


PPPOE = Login(
    service=Service.PPPOE, username="Budi.Santoso01", mac="02:00:5e:fa:36:c9", called="2-pppoe", interface="2-Client"
)
HOTSPOT = Login(
    service=Service.HOTSPOT,
    username="siti12345",
    mac="02:00:5e:eb:56:4d",
    called="hs-vlan101-hotspot",
    interface="vlan101-hotspot",
    address="10.5.88.2",
)
MIKROTIK = RouterFacts(identity="MikroTik", nas_ip="192.168.1.254")
HOME = RouterFacts(identity="RouterAtHome001", nas_ip="10.0.0.1", wispr_logoff_url="http://10.5.88.1/logout")
IDENTITY = ["NAS-Identifier", "NAS-IP-Address"]
PPP_HEAD = ["Service-Type", "Framed-Protocol", "NAS-Port", "NAS-Port-Type", "User-Name"]


def _access_length(facts: SessionFacts, router: RouterFacts, *, sign: bool) -> int:
    attributes = ros.access_request(facts, router, _credentials(Method.CHAP))
    return len(
        wire.access_request(identifier=1, authenticator=bytes(16), attributes=attributes, secret=b"s", sign=sign)
    )


def test_a_pppoe_login_has_the_captured_order() -> None:
    attributes = ros.access_request(_facts(PPPOE), MIKROTIK, _credentials(Method.CHAP))
    assert _names(attributes) == [
        *PPP_HEAD,
        "Calling-Station-Id",
        "Called-Station-Id",
        "NAS-Port-Id",
        "Acct-Session-Id",
        "CHAP-Challenge",
        "CHAP-Password",
        *IDENTITY,
    ]


def test_a_pppoe_login_has_the_captured_length() -> None:
    assert _access_length(_facts(PPPOE), MIKROTIK, sign=False) == 161


def test_a_hotspot_login_has_the_captured_order() -> None:
    facts = _facts(HOTSPOT, session_id="80100014", framed_ip="10.5.88.2")
    assert _names(ros.access_request(facts, HOME, _credentials(Method.CHAP))) == [
        "NAS-Port-Type",
        "Calling-Station-Id",
        "Called-Station-Id",
        "NAS-Port-Id",
        "User-Name",
        "NAS-Port",
        "Acct-Session-Id",
        "Framed-IP-Address",
        "Mikrotik-Host-IP",
        "CHAP-Challenge",
        "CHAP-Password",
        "Service-Type",
        "WISPr-Logoff-URL",
        *IDENTITY,
    ]


def test_a_hotspot_login_and_its_start_have_the_captured_lengths() -> None:
    facts = _facts(HOTSPOT, session_id="80100014", framed_ip="10.5.88.2")
    assert _access_length(facts, HOME, sign=True) == 242
    start = ros.accounting_request(facts, HOME, status="Start", event_timestamp=1, delay_seconds=0, usage=[])
    raw = wire.hashed_request(code=Code.ACCOUNTING_REQUEST, identifier=1, attributes=start, secret=b"s")
    assert len(raw) == 168


def test_a_hotspot_start_has_the_captured_order_without_service_type_and_authentic() -> None:
    facts = _facts(HOTSPOT, session_id="80100014", framed_ip="10.5.88.2")
    start = ros.accounting_request(facts, HOME, status="Start", event_timestamp=1, delay_seconds=0, usage=[])
    assert _names(start) == [
        "Acct-Status-Type",
        "NAS-Port-Type",
        "Calling-Station-Id",
        "Called-Station-Id",
        "NAS-Port-Id",
        "User-Name",
        "NAS-Port",
        "Acct-Session-Id",
        "Framed-IP-Address",
        "Mikrotik-Host-IP",
        "Event-Timestamp",
        "NAS-Identifier",
        "Acct-Delay-Time",
        "NAS-IP-Address",
    ]


def test_a_hotspot_interim_counts_after_the_timestamp() -> None:
    usage = ros.usage_attributes(Counters(upload_bytes=1, download_bytes=2), session_seconds=60)
    facts = _facts(HOTSPOT, framed_ip="10.5.88.2")
    interim = ros.accounting_request(
        facts, HOME, status="Interim-Update", event_timestamp=1, delay_seconds=0, usage=usage
    )
    assert _names(interim)[10:] == [
        "Event-Timestamp",
        "Acct-Session-Time",
        "Acct-Input-Octets",
        "Acct-Output-Octets",
        "Acct-Input-Gigawords",
        "Acct-Output-Gigawords",
        "Acct-Input-Packets",
        "Acct-Output-Packets",
        "NAS-Identifier",
        "Acct-Delay-Time",
        "NAS-IP-Address",
    ]


def test_a_hotspot_port_is_its_session_id_as_a_number() -> None:
    assert ros.nas_port(_facts(HOTSPOT, session_id="80100014")) == 2148532244


def test_a_pppoe_port_is_another_number() -> None:
    assert ros.nas_port(_facts(PPPOE)) == 15728705


def test_the_mac_of_pppoe_and_hotspot_is_upper_case_with_colons() -> None:
    for login in (PPPOE, HOTSPOT):
        assert ros.station(login)[0] == ("Calling-Station-Id", login.mac.upper())


@pytest.mark.parametrize("service", [Service.PPTP, Service.L2TP])
def test_a_tunnel_comes_from_an_address_over_a_virtual_port_without_interface(service: Service) -> None:
    login = Login(service=service, username="budi", caller="198.51.100.7", called="192.0.2.1")
    attributes = ros.access_request(_facts(login), MIKROTIK, _credentials(Method.MSCHAPV2))
    assert ("NAS-Port-Type", "Virtual") in attributes
    assert ("Calling-Station-Id", "198.51.100.7") in attributes
    assert "NAS-Port-Id" not in _names(attributes)
    assert _names(attributes)[-4:] == ["MS-CHAP-Challenge", "MS-CHAP2-Response", *IDENTITY]


def test_a_dhcp_client_id_has_no_leading_zeros() -> None:
    assert ros.client_identifier("00:11:32:C9:FD:24") == "1:0:11:32:c9:fd:24"


def test_a_dhcp_request_says_neither_service_type_nor_protocol() -> None:
    login = Login(service=Service.DHCP, username="00:11:32:C9:FD:24", mac="00:11:32:C9:FD:24")
    names = _names(ros.access_request(_facts(login), MIKROTIK, _credentials(login.effective_method)))
    assert not {"Service-Type", "Framed-Protocol", "Mikrotik-Host-IP"} & set(names)
    assert "User-Password" in names


def test_ppp_accounting_says_who_authenticated() -> None:
    start = ros.accounting_request(
        _facts(PPPOE, framed_ip="100.64.0.2"), MIKROTIK, status="Start", event_timestamp=1, delay_seconds=0, usage=[]
    )
    assert _names(start)[:5] == PPP_HEAD
    assert ("Acct-Authentic", "RADIUS") in start


@pytest.mark.parametrize("login", [PPPOE, HOTSPOT], ids=["pppoe", "hotspot"])
def test_every_class_comes_back_in_accounting(login: Login) -> None:
    facts = SessionFacts(
        login=login, session_id="81000001", number=1, framed_ip="100.64.0.2", class_values=(b"\0one", b"two\xff")
    )
    start = ros.accounting_request(facts, MIKROTIK, status="Start", event_timestamp=1, delay_seconds=0, usage=[])
    assert [value for name, value in start if name == "Class"] == [b"\0one", b"two\xff"]


@given(upload=st.integers(0, 2**50), download=st.integers(0, 2**50))
def test_octets_and_gigawords_together_are_the_whole_count(upload: int, download: int) -> None:
    counters = Counters(upload_bytes=upload, download_bytes=download)
    sent = dict(ros.usage_attributes(counters, session_seconds=1))
    assert (int(sent["Acct-Input-Gigawords"]) << 32) + int(sent["Acct-Input-Octets"]) == upload
    assert (int(sent["Acct-Output-Gigawords"]) << 32) + int(sent["Acct-Output-Octets"]) == download


def test_a_router_without_gigawords_starts_over_at_four_gibibytes() -> None:
    sent = dict(ros.usage_attributes(Counters(upload_bytes=2**32 + 5), session_seconds=1, gigawords=False))
    assert sent["Acct-Input-Octets"] == 5
    assert "Acct-Input-Gigawords" not in sent


def test_a_router_may_count_the_other_way_round() -> None:
    sent = dict(
        ros.usage_attributes(Counters(upload_bytes=1, download_bytes=2), session_seconds=1, input_is_upload=False)
    )
    assert (sent["Acct-Input-Octets"], sent["Acct-Output-Octets"]) == (2, 1)
