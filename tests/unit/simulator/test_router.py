"""Logins and accounting over loopback UDP, the server's side read with pyrad."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pyrad.packet import AccessReject, Packet

from simulator import (
    Counters,
    Faults,
    Login,
    LoginRefused,
    LoginResult,
    Method,
    Router,
    Service,
    SimulatedRouter,
    VirtualClock,
)
from simulator.credentials import authenticator_response
from tests.unit.simulator.fake_server import SECRET, FakeServer, accept

GIB = 1 << 30
MakeRouter = Callable[..., SimulatedRouter]


def _pppoe(username: str = "budi", password: str = "rahasia", **over: object) -> Login:
    return Login(service=Service.PPPOE, username=username, password=password, **over)  # type: ignore[arg-type]


def _reject(request: Packet) -> Packet:
    reply = accept(request, Reply_Message="Your account is suspended. ")
    reply.AddAttribute("Reply-Message", "Please pay.")
    reply.code = AccessReject
    return reply


def _same(packets: list[Packet], name: str) -> set[object]:
    return {packet[name][0] for packet in packets}


def test_an_accepted_login_starts_a_session_with_one_id_in_login_and_accounting(
    router: SimulatedRouter, server: FakeServer
) -> None:
    session = router.login_pppoe("budi", "rahasia", mac="4c:5e:0c:00:00:01")
    assert _same([*server.logins, *server.records], "Acct-Session-Id") == {session.session_id}
    assert server.records[0]["Acct-Status-Type"] == ["Start"]
    assert server.records[0].VerifyAcctRequest()


def test_the_server_reads_the_password_that_was_typed(router: SimulatedRouter, server: FakeServer) -> None:
    router.login_pppoe("budi", "raháasia", method=Method.PAP)
    router.login_pppoe("budi", "rahasia", method=Method.CHAP)
    pap, chap = server.logins
    assert pap.PwDecrypt(pap["User-Password"][0]) == "raháasia"
    assert chap.VerifyChapPasswd("rahasia")
    assert len(chap["CHAP-Challenge"][0]) == 16


def test_a_result_keeps_the_replys_order_and_repeats(router: SimulatedRouter, server: FakeServer) -> None:
    def answer(request: Packet) -> Packet:
        reply = accept(request)
        if request.code == 1:
            reply.AddAttribute("Mikrotik-Rate-Limit", "5M/10M")
            reply.AddAttribute("Framed-Route", "10.1.0.0/24")
            reply.AddAttribute("Framed-Route", "10.2.0.0/24")
        return reply

    server.answer = answer
    result = router.login(_pppoe())
    assert result.accepted
    assert result.message_authenticator_first
    assert [name for name, _ in result.reply] == [
        "Message-Authenticator",
        "Mikrotik-Rate-Limit",
        "Framed-Route",
        "Framed-Route",
    ]
    assert result.all("Framed-Route") == ["10.1.0.0/24", "10.2.0.0/24"]
    assert router.session(result.session_id).rate_limit == "5M/10M"


def test_a_rejected_login_says_why_and_starts_nothing(router: SimulatedRouter, server: FakeServer) -> None:
    server.answer = _reject
    result = router.login(_pppoe())
    assert result.accepted is False
    assert result.reply_message == "Your account is suspended. Please pay."
    assert not router.open_sessions
    assert not server.records


def test_opening_a_refused_session_raises_with_the_result(router: SimulatedRouter, server: FakeServer) -> None:
    server.answer = _reject
    with pytest.raises(LoginRefused, match="'budi' was rejected") as refused:
        router.login_pppoe("budi", "rahasia")
    assert refused.value.result.accepted is False


def test_an_unanswered_login_is_sent_four_times_with_the_same_octets(
    router: SimulatedRouter, server: FakeServer
) -> None:
    server.answer = lambda _: None
    result = router.login(_pppoe())
    assert result.accepted is None
    assert result.sends == 4
    assert len({raw for raw, _ in server.received}) == 1
    assert len(server.received) == 4


def test_a_lost_reply_is_made_good_by_a_resend(make_router: MakeRouter, server: FakeServer) -> None:
    router = make_router(faults=Faults(drop_next_replies=2))
    result = router.authenticate(_pppoe())
    assert (result.accepted, result.sends) == (True, 3)


def test_routeros_7_drops_a_reply_without_message_authenticator(router: SimulatedRouter, server: FakeServer) -> None:
    def unsigned(request: Packet) -> Packet:
        reply = request.CreateReply()
        reply.code = 2
        reply.message_authenticator = False
        return reply

    server.answer = unsigned
    result = router.authenticate(_pppoe())
    assert result.accepted is None
    assert set(result.problems) == {"Message-Authenticator is missing"}
    assert server.logins[0].verify_message_authenticator()


def test_routeros_6_neither_sends_nor_wants_message_authenticator(make_router: MakeRouter, server: FakeServer) -> None:
    router = make_router(routeros=6)
    assert router.authenticate(_pppoe()).accepted
    assert "Message-Authenticator" not in server.logins[0]


def test_a_reply_made_with_another_secret_is_no_reply(router: SimulatedRouter, server: FakeServer) -> None:
    def forged(request: Packet) -> Packet:
        request.secret = b"another"
        return accept(request)

    server.answer = forged
    result = router.authenticate(_pppoe())
    assert result.accepted is None
    assert set(result.problems) == {"Response Authenticator does not match"}
    assert router.router.auth_client.statistics.bad_replies == 4


def _mschap_server(password: str) -> Callable[[Packet], Packet]:
    def answer(request: Packet) -> Packet:
        reply = accept(request)
        if request.code == 1:
            response = request["MS-CHAP2-Response"][0]
            success = authenticator_response(
                password=password,
                response=response[26:],
                peer_challenge=response[2:18],
                server_challenge=request["MS-CHAP-Challenge"][0],
                username=request["User-Name"][0].encode(),
            )
            reply.AddAttribute("MS-CHAP2-Success", response[:1] + success.encode())
        return reply

    return answer


def test_mschapv2_begins_a_session_when_the_server_proves_itself(router: SimulatedRouter, server: FakeServer) -> None:
    server.answer = _mschap_server("rahasia")
    result = router.login(_pppoe(method=Method.MSCHAPV2))
    assert result.mschap_success is True
    assert result.session_id


@pytest.mark.parametrize("answer", [accept, _mschap_server("another password")], ids=["no success", "wrong success"])
def test_mschapv2_hangs_up_on_a_server_that_does_not_know_the_password(
    router: SimulatedRouter, server: FakeServer, answer: Callable[[Packet], Packet]
) -> None:
    server.answer = answer
    result = router.login(_pppoe(method=Method.MSCHAPV2))
    assert result.accepted is True
    assert result.mschap_success is False
    assert not result.session_id
    assert not server.records


@pytest.mark.parametrize(
    ("login", "prefix"),
    [
        (_pppoe(), "810"),
        (Login(service=Service.L2TP, username="budi"), "810"),
        (Login(service=Service.HOTSPOT, username="siti"), "800"),
    ],
    ids=["pppoe", "l2tp", "hotspot"],
)
def test_a_session_id_is_service_reboot_and_counter(router: SimulatedRouter, login: Login, prefix: str) -> None:
    first, second = router.open(login), router.open(login)
    assert first.session_id == f"{prefix}00001"
    assert second.session_id == f"{prefix}00002"


def test_a_reboot_forgets_sessions_without_a_stop_and_counts_itself(
    router: SimulatedRouter, server: FakeServer
) -> None:
    before = router.login_pppoe("budi", "rahasia")
    router.reboot()
    after = router.login_pppoe("budi", "rahasia")
    assert (before.session_id, after.session_id) == ("81000001", "81100001")
    assert not before.is_open
    assert [record["Acct-Status-Type"][0] for record in server.records] == ["Start", "Start"]


def test_session_ids_come_round_again_after_sixteen_reboots(router: SimulatedRouter) -> None:
    before = router.login_pppoe("budi", "rahasia").session_id
    for _ in range(16):
        router.reboot()
    assert router.login_pppoe("budi", "rahasia").session_id == before


def test_the_class_of_the_accept_comes_back_in_every_record(router: SimulatedRouter, server: FakeServer) -> None:
    server.answer = lambda request: (
        accept(request, Class=b"\x00subscription 7\xff") if request.code == 1 else accept(request)
    )
    session = router.login_pppoe("budi", "rahasia")
    session.interim()
    session.stop()
    assert _same(server.records, "Class") == {b"\x00subscription 7\xff"}


def test_totals_in_records_are_the_truth_beyond_four_gibibytes(router: SimulatedRouter, server: FakeServer) -> None:
    session = router.login_pppoe("budi", "rahasia")
    session.traffic(download_bytes=9 * GIB + 1, upload_bytes=5, seconds=60)
    session.stop()
    stop = server.records[-1]
    assert (stop["Acct-Output-Gigawords"][0] << 32) + stop["Acct-Output-Octets"][0] == 9 * GIB + 1
    assert stop["Acct-Input-Octets"] == [5]
    assert stop["Acct-Terminate-Cause"] == ["User-Request"]
    assert router.truth_by_user() == router.acknowledged_by_user() == {"budi": session.truth}


def test_an_unacknowledged_record_comes_again_with_more_delay_and_then_is_given_up(
    make_router: MakeRouter, server: FakeServer
) -> None:
    router = make_router(timeout_ms=10, accounting_rounds=3)
    session = router.login_pppoe("budi", "rahasia")
    session.traffic(upload_bytes=100, seconds=60)
    server.answer = lambda _: None
    result = session.interim()
    assert not result.acknowledged
    assert result.sends == 12
    interims = [one for one in server.records if one["Acct-Status-Type"] == ["Interim-Update"]]
    delays = [one["Acct-Delay-Time"][0] for one in interims]
    assert delays == sorted(delays)
    assert set(delays) == {0, 1, 2}
    assert len({one["Event-Timestamp"][0] for one in interims}) == 1
    assert router.acknowledged_by_user() == {"budi": Counters()}


def test_a_late_acknowledgement_is_enough(make_router: MakeRouter, server: FakeServer) -> None:
    router = make_router(timeout_ms=20)
    session = router.login_pppoe("budi", "rahasia")
    router.router.faults.drop_next_requests = 5
    result = session.interim()
    assert result.acknowledged
    assert result.delay_seconds == 1


def test_a_bad_network_loses_and_repeats_packets_but_not_the_truth(make_router: MakeRouter, server: FakeServer) -> None:
    faults = Faults(request_loss=0.2, reply_loss=0.2, duplication=0.3, reordering=0.3, reorder_delay_ms=15, seed=7)
    router = make_router(faults=faults, timeout_ms=25)
    session = router.login_pppoe("budi", "rahasia")
    for _ in range(10):
        session.traffic(download_bytes=GIB, seconds=60)
        session.interim()
    session.stop()
    totals = [
        (one["Acct-Output-Gigawords"][0] << 32) + one["Acct-Output-Octets"][0]
        for one in server.records
        if one["Acct-Status-Type"] != ["Start"]
    ]
    assert max(totals) == session.truth.download_bytes == 10 * GIB
    assert len(totals) > 11


def test_more_than_256_requests_are_in_flight_over_several_ports(make_router: MakeRouter, server: FakeServer) -> None:
    # Every first send is lost, so all are in flight until they are sent again.
    router = make_router(timeout_ms=1500, faults=Faults(drop_next_requests=600))

    async def everybody() -> list[LoginResult]:
        logins = (_pppoe(f"user{number}") for number in range(600))
        return list(await asyncio.gather(*(router.router.authenticate(login) for login in logins)))

    results = router.run(everybody())
    assert all(result.accepted for result in results)
    assert len(server.sources) == 3


def test_packets_leave_from_the_routers_own_address(make_router: MakeRouter, server: FakeServer) -> None:
    router = make_router(source_ip="127.0.0.77", identity="menteng-1")
    router.login_pppoe("budi", "rahasia")
    assert {address for address, _ in server.sources} == {"127.0.0.77"}
    assert _same(server.logins, "NAS-IP-Address") == {"127.0.0.77"}
    assert _same(server.logins, "NAS-Identifier") == {"menteng-1"}


def test_a_wrong_clock_shows_in_event_timestamp_only(make_router: MakeRouter, server: FakeServer) -> None:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    router = make_router(clock=clock, clock_skew_seconds=-3600)
    session = router.login_pppoe("budi", "rahasia")
    clock.advance(120)
    session.traffic(upload_bytes=1)
    session.interim()
    start, interim = server.records
    assert start["Event-Timestamp"][0] == datetime(2026, 10, 31, 23, tzinfo=UTC).timestamp()
    assert interim["Acct-Session-Time"] == [120]
    assert interim["Event-Timestamp"][0] - start["Event-Timestamp"][0] == 120


def test_a_router_without_gigawords_sends_only_the_low_words(make_router: MakeRouter, server: FakeServer) -> None:
    router = make_router(gigawords=False)
    session = router.login_pppoe("budi", "rahasia")
    session.traffic(download_bytes=5 * GIB, seconds=60)
    session.stop()
    assert server.records[-1]["Acct-Output-Octets"] == [GIB]
    assert "Acct-Output-Gigawords" not in server.records[-1]


def test_the_address_comes_from_the_reply_unless_routeros_ignores_it(
    router: SimulatedRouter, server: FakeServer
) -> None:
    given = iter(["10.9.8.7", "127.0.0.5", "239.1.1.1"])
    server.answer = lambda request: (
        accept(request, Framed_IP_Address=next(given)) if request.code == 1 else accept(request)
    )
    addresses = [router.login_pppoe("budi", "rahasia").framed_ip for _ in range(3)]
    assert addresses == ["10.9.8.7", "100.64.0.2", "100.64.0.3"]
    assert [record["Framed-IP-Address"][0] for record in server.records] == addresses


def test_a_dhcp_client_has_its_mac_as_name_and_no_password(router: SimulatedRouter, server: FakeServer) -> None:
    router.login_dhcp("00:11:32:c9:fd:24")
    request = server.logins[0]
    assert request["User-Name"] == ["00:11:32:C9:FD:24"]
    assert request["Calling-Station-Id"] == ["1:0:11:32:c9:fd:24"]
    assert request.PwDecrypt(request["User-Password"][0]) == ""


def test_a_hotspot_knows_a_device_by_its_mac(router: SimulatedRouter, server: FakeServer) -> None:
    router.login_hotspot_mac("4c:5e:0c:00:00:09")
    assert server.logins[0]["User-Name"] == ["4C:5E:0C:00:00:09"]
    assert "Framed-IP-Address" in server.logins[0]


def test_a_login_can_lose_its_start(router: SimulatedRouter, server: FakeServer) -> None:
    session = router.open(_pppoe(), start=False)
    session.interim()
    assert [record["Acct-Status-Type"][0] for record in server.records] == ["Interim-Update"]


def test_stopping_everything_sends_a_stop_for_each(router: SimulatedRouter, server: FakeServer) -> None:
    for number in range(3):
        router.login_pppoe(f"user{number}", "rahasia")
    assert all(result.acknowledged for result in router.stop_all())
    assert not router.open_sessions
    assert sum(record["Acct-Status-Type"] == ["Stop"] for record in server.records) == 3


def test_an_accept_with_an_interval_makes_interims_by_itself(router: SimulatedRouter, server: FakeServer) -> None:
    server.answer = lambda request: accept(request, Acct_Interim_Interval=300) if request.code == 1 else accept(request)
    router.login_pppoe("budi", "rahasia").traffic(download_bytes=1000, seconds=650)
    assert [record["Acct-Status-Type"][0] for record in server.records] == ["Start", *["Interim-Update"] * 2]


def test_the_router_also_works_without_threads(server: FakeServer) -> None:
    async def live() -> Counters:
        async with Router(secret=SECRET, auth_port=server.port, acct_port=server.port) as router:
            session = await router.login_pppoe("budi", "rahasia")
            await session.traffic(download_bytes=10, seconds=1)
            await session.stop()
            return router.truth_by_user()["budi"]

    assert asyncio.run(live()).download_bytes == 10
