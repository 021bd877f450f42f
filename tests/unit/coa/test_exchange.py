"""Packets to a router and the answers that are believed, over real UDP."""

import asyncio
import os
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.packet import CoAPacket, CoARequest

from coa.exchange import Answer, Request, Router, RouterLink, Unsendable, build, dictionary, read_reply
from domain.attributes import ATTRIBUTES, Attribute, split_limit
from domain.vendors import live_attributes
from simulator.wire import decode

Make = Callable[[], Any]
Reply = Callable[..., bytes]
SECRET = b"a-long-enough-secret"
COA = Request(
    kind="coa",
    username="budi@ISP",
    session_id="81000aBc",
    framed_ip="100.64.0.2",
    attributes={"Mikrotik-Rate-Limit": "5M/10M"},
)
DISCONNECT = Request(kind="disconnect", username="budi@ISP", session_id="81000aBc", framed_ip="100.64.0.2")


async def exchange(link: RouterLink, request: Request = COA, *, send_for: float = 60) -> Answer:
    return await link.exchange(request, send_until=asyncio.get_running_loop().time() + send_for)


def alone(bench: Make, script: Callable[[bytes], list[bytes]], request: Request = COA) -> tuple[Answer, Any]:
    async def run() -> tuple[Answer, Any]:
        async with bench() as bench_:
            router = await bench_.router(script)
            return await exchange(bench_.link(router.port), request), router

    return asyncio.run(run())


def attributes(data: bytes) -> dict[str, Any]:
    packet = CoAPacket(packet=data, secret=SECRET, dict=dictionary())
    return {packet._DecodeKey(key): values for key, values in packet.items()}


def test_an_ack_is_an_ack(bench: Make, reply: Reply) -> None:
    answer, router = alone(bench, lambda data: [reply(data)])
    assert (answer.result, answer.transmissions, answer.cause) == ("ack", 1, None)
    assert answer.answered_at is not None
    assert answer.answered_at >= answer.sent_at
    assert len(router.received) == 1


def test_the_request_names_the_session_as_stored_and_nothing_else(bench: Make, reply: Reply) -> None:
    _, router = alone(bench, lambda data: [reply(data)])
    assert attributes(router.received[0]) == {
        "User-Name": [b"budi@ISP"],
        "Acct-Session-Id": [b"81000aBc"],
        "Framed-IP-Address": [bytes([100, 64, 0, 2])],
        "Mikrotik-Rate-Limit": [b"5M/10M"],
    }


def test_a_disconnect_carries_only_the_session(bench: Make, reply: Reply) -> None:
    answer, router = alone(bench, lambda data: [reply(data)], DISCONNECT)
    assert answer.result == "ack"
    assert router.received[0][0] == 40
    assert set(attributes(router.received[0])) == {"User-Name", "Acct-Session-Id", "Framed-IP-Address"}


def test_the_request_is_signed_with_the_routers_secret() -> None:
    _, data = build(COA, identifier=7, secret=SECRET)
    packet = CoAPacket(packet=data, secret=SECRET, dict=dictionary())
    assert packet.VerifyCoARequest()
    assert data[1] == 7


@pytest.mark.parametrize("cause", [401, 402, 403, 404, 405, 406, 407, 501, 503, 504, 506, 508, 999])
@pytest.mark.parametrize("request_", [COA, DISCONNECT], ids=["coa", "disconnect"])
def test_a_nak_brings_its_cause(bench: Make, reply: Reply, cause: int, request_: Request) -> None:
    answer, _ = alone(bench, lambda data: [reply(data, cause=cause)], request_)
    assert (answer.result, answer.cause) == ("nak", cause)


def test_silence_is_a_timeout_after_five_equal_packets(bench: Make, quick: None) -> None:
    answer, router = alone(bench, lambda _: [])
    assert (answer.result, answer.transmissions, answer.answered_at) == ("timeout", 5, None)
    assert len(router.received) == 5
    assert len(set(router.received)) == 1
    assert len(set(router.senders)) == 1


def test_a_lost_request_is_sent_again(bench: Make, reply: Reply, quick: None) -> None:
    heard: list[bytes] = []

    def deaf_at_first(data: bytes) -> list[bytes]:
        heard.append(data)
        return [reply(data)] if len(heard) == 3 else []

    answer, _ = alone(bench, deaf_at_first)
    assert (answer.result, answer.transmissions) == ("ack", 3)


def test_a_lost_reply_is_repeated_for_the_same_bytes(bench: Make, reply: Reply, quick: None) -> None:
    heard: list[bytes] = []

    def loses_its_first_reply(data: bytes) -> list[bytes]:
        heard.append(data)
        return [reply(data)] if len(heard) > 1 else []

    answer, router = alone(bench, loses_its_first_reply)
    assert (answer.result, answer.transmissions) == ("ack", 2)
    assert len(set(router.received)) == 1


@pytest.mark.parametrize(
    "forge",
    [
        lambda data, reply: reply(data, secret=b"another-secret-entirely"),
        lambda data, reply: reply(data)[:4] + os.urandom(16) + reply(data)[20:],
        lambda data, reply: reply(data)[:19],
        lambda data, reply: b"",
        lambda data, reply: bytes([44, data[1], 255, 255]) + bytes(16),
        lambda data, reply: reply(data)[:2] + struct.pack("!H", 23) + reply(data)[4:20] + b"\x1a\x01\x00",
        lambda data, reply: bytes([reply(data)[0], data[1] ^ 1]) + reply(data)[2:],
    ],
    ids=["wrong secret", "wrong authenticator", "cut short", "empty", "length too long", "bad attribute", "other id"],
)
def test_a_forged_or_damaged_reply_is_as_good_as_none(
    bench: Make, reply: Reply, quick: None, forge: Callable[[bytes, Reply], bytes]
) -> None:
    answer, _ = alone(bench, lambda data: [forge(data, reply)])
    assert answer.result == "timeout"


def test_the_true_reply_is_heard_after_a_forged_one(bench: Make, reply: Reply) -> None:
    answer, _ = alone(bench, lambda data: [reply(data, cause=401, secret=b"another-secret-entirely"), reply(data)])
    assert answer.result == "ack"


def test_an_answer_to_the_other_kind_of_request_does_not_count(bench: Make, quick: None) -> None:
    def disconnect_ack(data: bytes) -> list[bytes]:
        answer = CoAPacket(packet=data, secret=SECRET, dict=dictionary()).CreateReply()
        answer.code = 41
        return [answer.ReplyPacket()]

    answer, _ = alone(bench, disconnect_ack)
    assert answer.result == "timeout"


def test_a_reply_with_a_right_message_authenticator_counts(bench: Make, reply: Reply) -> None:
    answer, _ = alone(bench, lambda data: [reply(data, signed=True)])
    assert answer.result == "ack"


def test_a_reply_with_a_wrong_message_authenticator_does_not(bench: Make, reply: Reply, quick: None) -> None:
    def wrong(data: bytes) -> list[bytes]:
        request = CoAPacket(packet=data, secret=SECRET, dict=dictionary())
        answer = request.CreateReply()
        answer[80] = [bytes(16)]
        return [answer.ReplyPacket()]

    answer, _ = alone(bench, wrong)
    assert answer.result == "timeout"


def test_a_repeated_reply_harms_nobody(bench: Make, reply: Reply) -> None:
    answer, _ = alone(bench, lambda data: [reply(data)] * 3)
    assert answer.result == "ack"


def test_three_hundred_changes_are_in_flight_without_sharing_an_identifier(bench: Make, reply: Reply) -> None:
    async def run() -> None:
        async with bench() as bench_:
            held: set[tuple[bytes, int]] = set()
            all_there = asyncio.Event()

            def hold(data: bytes) -> list[bytes]:
                held.add((data, router.senders[-1][1]))
                if len(held) == 300:
                    all_there.set()
                return []

            router = await bench_.router(hold)
            link = bench_.link(router.port)
            tasks = [asyncio.create_task(exchange(link, request)) for request in many(300)]
            async with asyncio.timeout(2):
                await all_there.wait()
            seen = {(data[1], sender) for data, sender in zip(router.received, router.senders, strict=True)}
            assert len(seen) == 300
            by_port = [sender for _, sender in seen]
            assert max(by_port.count(sender) for sender in set(by_port)) <= 256
            router.script = lambda data: [reply(data)]
            answers = await asyncio.gather(*tasks)
            assert {answer.result for answer in answers} == {"ack"}

    asyncio.run(run())


def test_a_source_port_never_uses_an_identifier_twice(bench: Make, reply: Reply) -> None:
    async def run() -> None:
        async with bench() as bench_:
            router = await bench_.router(lambda data: [reply(data)])
            link = bench_.link(router.port)
            for request in many(600):
                assert (await exchange(link, request)).result == "ack"
            pairs = [(data[1], sender) for data, sender in zip(router.received, router.senders, strict=True)]
            assert len(set(pairs)) == 600
            assert len(link._ports) <= 1

    asyncio.run(run())


def many(number: int) -> list[Request]:
    return [Request(kind="coa", username=f"user{n}", session_id=f"8100{n:04x}") for n in range(number)]


def test_nothing_leaves_once_the_claim_has_run_out(bench: Make, reply: Reply) -> None:
    async def run() -> None:
        async with bench() as bench_:
            router = await bench_.router(lambda data: [reply(data)])
            answer = await exchange(bench_.link(router.port), send_for=-0.001)
            assert (answer.result, answer.transmissions) == ("timeout", 0)
            assert router.received == []

    asyncio.run(run())


def test_packets_leave_from_the_address_the_router_knows(bench: Make, reply: Reply) -> None:
    async def run() -> None:
        async with bench() as bench_:
            router = await bench_.router(lambda data: [reply(data)])
            assert (await exchange(bench_.link(router.port, bind="127.0.0.9"))).result == "ack"
            assert router.senders[0][0] == "127.0.0.9"

    asyncio.run(run())


def test_a_source_address_that_is_not_ours_is_an_error_with_its_reason(bench: Make) -> None:
    async def run() -> None:
        async with bench() as bench_:
            answer = await exchange(bench_.link(3799, bind="203.0.113.9"))
            assert (answer.result, answer.transmissions) == ("error", 0)
            assert answer.note

    asyncio.run(run())


def test_a_closed_port_is_a_timeout_that_says_so(bench: Make, quick: None) -> None:
    async def run() -> None:
        async with bench() as bench_:
            router = await bench_.router(lambda _: [])
            port = router.port
            router.transport.close()
            await asyncio.sleep(0.01)
            answer = await exchange(bench_.link(port))
            assert (answer.result, answer.note) == ("timeout", "port unreachable")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request(kind="coa", username="a", session_id="1", attributes={"No-Such-Thing": "1"}), "No-Such-Thing"),
        (Request(kind="coa", username="a", session_id="1", attributes={"Session-Timeout": "soon"}), "integer"),
        (Request(kind="coa", username="a", session_id="1", attributes={"Session-Timeout": "-5"}), "."),
        (Request(kind="coa", username="a" * 254, session_id="1"), "253"),
        (Request(kind="coa", username="a", session_id=""), "Acct-Session-Id"),
        (Request(kind="coa", username="a", session_id="1", attributes={"User-Name": "b"}), "another session"),
    ],
    ids=["unknown attribute", "text for a number", "negative", "name too long", "no session id", "other session"],
)
def test_what_does_not_fit_a_packet_is_refused_and_never_sent(
    bench: Make, reply: Reply, request_: Request, why: str
) -> None:
    with pytest.raises(Unsendable, match=why):
        build(request_, identifier=0, secret=SECRET)
    answer, router = alone(bench, lambda data: [reply(data)], request_)
    assert answer.result == "unsendable"
    assert answer.note
    assert router.received == []


def test_a_missing_or_ipv6_address_is_left_out() -> None:
    for address in (None, "2001:db8::1"):
        request = Request(kind="disconnect", username="a", session_id="1", framed_ip=address)
        assert set(attributes(build(request, identifier=0, secret=SECRET)[1])) == {"User-Name", "Acct-Session-Id"}


def test_the_secret_shows_in_no_text() -> None:
    router = Router(host="127.0.0.1", port=3799, secret=SECRET)
    assert SECRET.decode() not in repr(router)


@given(st.binary(max_size=300))
def test_no_octets_from_outside_raise_anything(data: bytes) -> None:
    packet, _ = build(COA, identifier=1, secret=SECRET)
    assert read_reply(packet, data) is None


@given(st.binary(max_size=100))
def test_no_attributes_in_a_well_formed_packet_raise_anything(body: bytes) -> None:
    packet, sent = build(COA, identifier=1, secret=SECRET)
    header = struct.pack("!BBH", CoARequest + 1, 1, 20 + len(body))
    assert read_reply(packet, header + sent[4:20] + body) is None


@pytest.mark.parametrize("known", [known for known in ATTRIBUTES.values() if known.name != "Framed-IP-Address"])
def test_every_attribute_that_a_login_can_be_sent_fits_into_a_change(known: Attribute) -> None:
    """But the one that says which session is meant."""
    sent = dict(split_limit(known.name, known.example))
    request = Request(kind="coa", username="budi", session_id="81000001", attributes=sent)

    packet, data = build(request, identifier=1, secret=b"secret")

    assert len(data) > 20
    assert all(packet[name] for name in sent)


def test_a_speed_is_told_other_makers_routers_with_a_tag_where_they_want_one() -> None:
    attributes = live_attributes({"Mikrotik-Rate-Limit": "5M/10M"}, "juniper")
    request = Request(kind="coa", username="budi", session_id="81000001", attributes=attributes)

    _, data = build(request, identifier=1, secret=b"secret")

    assert decode(data).first("ERX-Service-Activate:1") == "lintas-speed(10000k,5000k)"
