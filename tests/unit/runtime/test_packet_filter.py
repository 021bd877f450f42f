"""The kernel and the policy's memory must agree on whose a name is."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.sharing import share_of
from runtime.packet_filter import deal_by_name

SHARES = 3


@pytest.fixture(scope="module")
def sockets() -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        shared: list[socket.socket] = []
        for _ in range(SHARES):
            one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(shared[0].getsockname() if shared else ("127.0.0.1", 0))
            one.setblocking(False)
            shared.append(one)
        deal_by_name(shared)
        yield shared


def receiver(sockets: list[socket.socket], packet: bytes) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(packet, sockets[0].getsockname())
    got = []
    for number, one in enumerate(sockets):
        try:
            got.append((number, one.recv(5000)))
        except BlockingIOError:
            continue
    assert [data for _, data in got] == [packet]
    return got[0][0]


def request(*attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(bytes([kind, len(value) + 2]) + value for kind, value in attributes)
    return bytes([1, 7]) + (20 + len(body)).to_bytes(2) + bytes(16) + body


names = st.one_of(
    st.binary(min_size=1, max_size=253), st.from_regex(rb"[a-z]{1,12}[0-9]{0,6}(@isp\.net)?", fullmatch=True)
)
before = st.lists(st.tuples(st.integers(2, 255), st.binary(max_size=60)), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(name=names, others=before)
def test_the_kernel_gives_a_name_to_the_share_that_the_rule_says(
    sockets: list[socket.socket], name: bytes, others: list[tuple[int, bytes]]
) -> None:
    assert receiver(sockets, request(*others, (1, name), (4, b"\x7f\0\0\1"))) == share_of(name, SHARES)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x01",
        bytes(20),
        request((4, b"\x7f\0\0\1")),
        request((1, b"")),
        bytes([1, 7, 0, 24]) + bytes(16) + b"\1\xff",
    ],
    ids=["empty", "one byte", "header", "no name", "empty name", "name longer than the packet"],
)
def test_what_cannot_be_read_still_reaches_somebody(sockets: list[socket.socket], packet: bytes) -> None:
    assert receiver(sockets, packet) in range(SHARES)


def test_upper_and_lower_case_of_a_name_go_the_same_way() -> None:
    assert share_of(b"Budi.Santoso@isp.net", 7) == share_of(b"budi.santoso@ISP.net", 7)


@pytest.mark.parametrize("form", ["user{:06d}", "{:04d}@isp.net", "PPP-{:05d}", "AA:BB:CC:00:{:02X}:01", "{}"])
def test_names_that_differ_in_a_number_spread_evenly(form: str) -> None:
    shares = [share_of(form.format(number).encode(), 4) for number in range(1000)]

    assert all(150 < shares.count(share) < 350 for share in range(4)), [shares.count(share) for share in range(4)]
