"""The proxy on real sockets: routers stay who they are, and what it promises happens to the datagrams."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from faults.fates import Weather
from faults.proxy import Proxy
from runtime import ports

HOST = "127.0.0.1"


@contextmanager
def proxied(weather: Weather, seed: int = 1) -> Iterator[tuple[socket.socket, int, Proxy]]:
    """A server's socket, the port in front of it, and the proxy between them."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((HOST, 0))
    server.settimeout(2)
    outside = ports.choose(0, transport=ports.Transport.UDP, taken=[0])
    proxy = Proxy([(outside, server.getsockname()[1])], host=HOST, weather=weather, seed=seed)
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        yield server, outside, proxy
    finally:
        proxy.stop()
        thread.join(5)
        server.close()


def router(address: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((address, 0))
    opened.settimeout(2)
    return opened


def received(server: socket.socket, wait_s: float = 0.5) -> list[bytes]:
    server.settimeout(wait_s)
    found = []
    while True:
        try:
            found.append(server.recv(100))
        except TimeoutError:
            return found


def test_the_server_sees_each_router_at_its_own_address_and_answers_reach_the_one_who_asked() -> None:
    with proxied(Weather()) as (server, outside, _), router("127.0.0.7") as seven, router("127.0.0.8") as eight:
        for opened, text in ((seven, b"seven"), (eight, b"eight")):
            opened.sendto(text, (HOST, outside))
            asked, sender = server.recvfrom(100)
            assert (asked, sender[0]) == (text, opened.getsockname()[0])
            server.sendto(b"to " + asked, sender)
            assert opened.recv(100) == b"to " + text


def test_everything_is_lost_in_the_worst_weather() -> None:
    with proxied(Weather(loss=1.0)) as (server, outside, proxy), router("127.0.0.7") as opened:
        for _ in range(20):
            opened.sendto(b"x", (HOST, outside))

        assert received(server) == []
        assert '"lost": 20' in proxy.told()


def test_everything_comes_twice() -> None:
    with proxied(Weather(duplication=1.0)) as (server, outside, _), router("127.0.0.7") as opened:
        for number in range(5):
            opened.sendto(bytes([number]), (HOST, outside))

        assert received(server) == [bytes([number]) for number in range(5) for _ in range(2)]


def test_late_datagrams_come_out_of_order_and_none_is_missing() -> None:
    with proxied(Weather(reordering=0.5, delay_s=0.2)) as (server, outside, _), router("127.0.0.7") as opened:
        begun = time.monotonic()
        for number in range(50):
            opened.sendto(bytes([number]), (HOST, outside))
        found = received(server)

    assert sorted(found) == [bytes([number]) for number in range(50)]
    assert found != sorted(found)
    assert time.monotonic() - begun < 5
