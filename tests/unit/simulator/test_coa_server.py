"""CoA and Disconnect over loopback UDP, asked by pyrad."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from pyrad import packet as codes
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary
from pyrad.packet import Packet

from simulator import SessionHandle, SimulatedRouter
from tests.unit.simulator.fake_server import SECRET, FakeServer

MakeRouter = Callable[..., SimulatedRouter]
MakeAsker = Callable[..., "Asker"]


class Asker:
    """A pyrad client towards one router."""

    def __init__(self, router: SimulatedRouter, dictionary: Dictionary, secret: bytes = SECRET) -> None:
        self.client = Client("127.0.0.1", coaport=router.coa_port, secret=secret, dict=dictionary, retries=1, timeout=1)

    def ask(self, code: int, **attributes: object) -> Packet:
        request = self.client.CreateCoAPacket(code=code)
        for name, value in attributes.items():
            request[name.replace("_", "-")] = value
        return self.client.SendPacket(request)

    def change(self, **attributes: object) -> Packet:
        return self.ask(codes.CoARequest, **attributes)

    def disconnect(self, **attributes: object) -> Packet:
        return self.ask(codes.DisconnectRequest, **attributes)


@pytest.fixture
def make_asker(dictionary: Dictionary) -> Iterator[Callable[..., Asker]]:
    made: list[Asker] = []

    def make(router: SimulatedRouter, secret: bytes = SECRET) -> Asker:
        made.append(Asker(router, dictionary, secret))
        return made[-1]

    yield make
    for one in made:
        one.client._CloseSocket()


@pytest.fixture
def asker(router: SimulatedRouter, make_asker: MakeAsker) -> Asker:
    return make_asker(router)


def _who(session: SessionHandle) -> dict[str, object]:
    return {
        "User_Name": session.username,
        "Acct_Session_Id": session.session_id,
        "Framed_IP_Address": session.framed_ip,
    }


def _cause(reply: Packet) -> object:
    return reply["Error-Cause"][0]


def test_a_rate_change_is_acknowledged_and_applied(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    reply = asker.change(**_who(session), Mikrotik_Rate_Limit="1M/2M")
    assert reply.code == codes.CoAACK
    assert session.rate_limit == "1M/2M"
    record = router.coa_records[0]
    assert (record.outcome, record.session_ids) == ("ack", (session.session_id,))
    assert record.first("Mikrotik-Rate-Limit") == "1M/2M"


def test_a_change_without_changes_is_a_sign_of_life(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    assert asker.change(**_who(session)).code == codes.CoAACK


@pytest.mark.parametrize("service", ["pppoe", "hotspot"])
@pytest.mark.parametrize("ask", [Asker.change, Asker.disconnect])
def test_an_unknown_session_is_refused_with_406(
    router: SimulatedRouter, asker: Asker, service: str, ask: Callable[..., Packet]
) -> None:
    session = router.login_pppoe("budi", "rahasia") if service == "pppoe" else router.login_hotspot("budi", "rahasia")
    session.stop()
    reply = ask(asker, **_who(session))
    assert reply.code in (codes.CoANAK, codes.DisconnectNAK)
    assert _cause(reply) == "Unsupported-Extension"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("Framed_Pool", "walled"),
        ("Framed_Route", "10.0.0.0/8"),
        ("Framed_IP_Netmask", "255.255.255.0"),
        ("Mikrotik_Address_List", "isolir"),
        ("Mikrotik_Total_Limit", 5),
        ("Acct_Interim_Interval", 60),
        ("Class", b"new"),
    ],
)
def test_what_routeros_cannot_change_is_refused_with_401_and_nothing_changes(
    router: SimulatedRouter, asker: Asker, attribute: str, value: object
) -> None:
    session = router.login_pppoe("budi", "rahasia")
    reply = asker.change(**_who(session), Mikrotik_Rate_Limit="1M/2M", **{attribute: value})
    assert (reply.code, _cause(reply)) == (codes.CoANAK, "Unsupported-Attribute")
    assert session.rate_limit == ""
    assert attribute.replace("_", "-") not in session.session.applied


def test_another_address_for_a_known_session_is_refused_with_401(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    reply = asker.change(**{**_who(session), "Framed_IP_Address": "10.0.0.99"})
    assert _cause(reply) == "Unsupported-Attribute"
    assert session.framed_ip != "10.0.0.99"


def test_a_version_that_takes_more_can_be_simulated(make_router: MakeRouter, make_asker: MakeAsker) -> None:
    router = make_router(also_changeable=frozenset({"Mikrotik-Address-List"}))
    session = router.login_pppoe("budi", "rahasia")
    reply = make_asker(router).change(**_who(session), Mikrotik_Address_List="isolir")
    assert reply.code == codes.CoAACK
    assert session.session.applied["Mikrotik-Address-List"] == ["isolir"]


def test_a_request_that_names_no_session_is_refused_with_402(router: SimulatedRouter, asker: Asker) -> None:
    assert _cause(asker.change(Mikrotik_Rate_Limit="1M/2M")) == "Missing-Attribute"


@pytest.mark.parametrize("wrong", [{"NAS_Identifier": "elsewhere"}, {"NAS_IP_Address": "192.0.2.9"}])
def test_a_request_for_another_router_is_refused_with_403(
    router: SimulatedRouter, asker: Asker, wrong: dict[str, object]
) -> None:
    session = router.login_pppoe("budi", "rahasia")
    assert _cause(asker.disconnect(**_who(session), **wrong)) == "NAS-Identification-Mismatch"
    assert session.is_open


def test_names_are_compared_with_their_case(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("Budi", "rahasia")
    assert _cause(asker.disconnect(**{**_who(session), "User_Name": "budi"})) == "Unsupported-Extension"


def test_a_hotspot_session_is_found_by_its_address_only(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_hotspot("siti", "rahasia")
    who = _who(session)
    del who["Framed_IP_Address"]
    assert _cause(asker.disconnect(**who)) == "Unsupported-Extension"
    assert asker.disconnect(**_who(session)).code == codes.DisconnectACK


def test_a_dhcp_lease_takes_no_changes(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_dhcp("02:00:00:00:00:01")
    assert _cause(asker.disconnect(**_who(session))) == "Unsupported-Extension"
    assert session.is_open


def test_a_disconnect_ends_the_session_and_its_stop_says_admin_reset(
    router: SimulatedRouter, asker: Asker, server: FakeServer
) -> None:
    session = router.login_pppoe("budi", "rahasia")
    session.traffic(download_bytes=1000, seconds=10)
    assert asker.disconnect(**_who(session)).code == codes.DisconnectACK
    router.settle()
    stop = server.records[-1]
    assert (stop["Acct-Status-Type"], stop["Acct-Terminate-Cause"]) == (["Stop"], ["Admin-Reset"])
    assert stop["Acct-Output-Octets"] == [1000]
    assert not session.is_open


def test_a_disconnect_by_name_alone_hits_every_session_of_the_user(router: SimulatedRouter, asker: Asker) -> None:
    first, second = (router.login_pppoe("budi", "rahasia") for _ in range(2))
    other = router.login_pppoe("siti", "rahasia")
    asker.disconnect(User_Name="budi")
    assert [one.is_open for one in (first, second, other)] == [False, False, True]


def test_a_disconnected_customer_dials_again_when_asked_to(make_router: MakeRouter, make_asker: MakeAsker) -> None:
    router = make_router(redial_after_ms=10)
    session = router.login_pppoe("budi", "rahasia")
    make_asker(router).disconnect(**_who(session))
    router.settle()
    (again,) = router.open_sessions
    assert again.username == "budi"
    assert again.session_id != session.session_id


def _twice(router: SimulatedRouter, raw: bytes, *, pause: float = 0.0) -> list[bytes]:
    answers = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(1)
        for _ in range(2):
            sender.sendto(raw, ("127.0.0.1", router.coa_port))
            time.sleep(pause)
        answers.append(sender.recv(4096))
        with suppress(TimeoutError):
            answers.append(sender.recv(4096))
    return answers


def _disconnect_packet(asker: Asker, session: SessionHandle) -> bytes:
    request = asker.client.CreateCoAPacket(code=codes.DisconnectRequest)
    for name, value in _who(session).items():
        request[name.replace("_", "-")] = value
    return bytes(request.RequestPacket())


def test_a_repeated_request_gets_the_same_answer_and_is_done_once(
    router: SimulatedRouter, asker: Asker, server: FakeServer
) -> None:
    session = router.login_pppoe("budi", "rahasia")
    first, second = _twice(router, _disconnect_packet(asker, session), pause=0.05)
    assert first == second
    assert first[0] == codes.DisconnectACK
    router.settle()
    assert [record.outcome for record in router.coa_records] == ["ack", "duplicate"]
    assert sum(record["Acct-Status-Type"] == ["Stop"] for record in server.records) == 1


def test_a_repeat_of_a_request_still_being_answered_is_answered_once(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    router.coa_behaviour.delay_ms = 150
    assert len(_twice(router, _disconnect_packet(asker, session))) == 1


def test_a_request_with_another_secret_is_ignored_and_recorded(router: SimulatedRouter, make_asker: MakeAsker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    with pytest.raises(Timeout):
        make_asker(router, b"another").disconnect(**_who(session))
    assert session.is_open
    assert router.coa_records[0].outcome == "not authentic"


def test_an_old_event_timestamp_is_taken_for_a_replay(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    with pytest.raises(Timeout):
        asker.disconnect(**_who(session), Event_Timestamp=int(time.time()) - 400)
    assert asker.disconnect(**_who(session), Event_Timestamp=int(time.time())).code == codes.DisconnectACK


def test_proxy_state_comes_back(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    assert asker.change(**_who(session), Proxy_State=b"via")["Proxy-State"] == [b"via"]


def test_it_can_ignore_requests(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    router.coa_behaviour.drop_next = 1
    with pytest.raises(Timeout):
        asker.change(**_who(session), Mikrotik_Rate_Limit="1M/2M")
    assert asker.change(**_who(session), Mikrotik_Rate_Limit="1M/2M").code == codes.CoAACK


def test_it_can_answer_late(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    router.coa_behaviour.delay_ms = 120
    begun = time.monotonic()
    asker.change(**_who(session))
    assert time.monotonic() - begun >= 0.12


def test_it_can_refuse_everything_with_any_cause(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    router.coa_behaviour.nak_cause = 506
    assert _cause(asker.disconnect(**_who(session))) == "Resources-Unavailable"
    assert session.is_open


def test_it_can_acknowledge_and_do_nothing(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    router.coa_behaviour.without_effect = True
    assert asker.disconnect(**_who(session)).code == codes.DisconnectACK
    assert asker.change(**_who(session), Mikrotik_Rate_Limit="1M/2M").code == codes.CoAACK
    assert session.is_open
    assert session.rate_limit == ""


def test_it_can_sign_answers_with_another_secret(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    router.coa_behaviour.wrong_secret = True
    with pytest.raises(Timeout):
        asker.change(**_who(session))


def test_arrivals_are_timed_and_can_be_waited_for(router: SimulatedRouter, asker: Asker) -> None:
    session = router.login_pppoe("budi", "rahasia")
    begun = time.monotonic()
    asker.change(**_who(session))
    (record,) = router.wait_for_coa()
    assert begun <= record.received_monotonic <= time.monotonic()
    assert record.received_at.tzinfo is not None


def test_waiting_for_a_change_has_a_deadline(router: SimulatedRouter) -> None:
    with pytest.raises(TimeoutError):
        router.wait_for_coa(timeout_seconds=0.05)


def test_a_router_without_incoming_accept_does_not_listen(make_router: MakeRouter) -> None:
    assert make_router(coa_port=None).router.coa.transport is None
