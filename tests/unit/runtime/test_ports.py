"""The choice of ports on a machine where some are taken."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from runtime import ports
from runtime.ports import Transport


@pytest.fixture(params=list(Transport))
def taken(request: pytest.FixtureRequest) -> Iterator[tuple[int, Transport]]:
    transport: Transport = request.param
    with socket.socket(socket.AF_INET, transport.value) as holder:
        holder.bind(("127.0.0.1", 0))
        if transport is Transport.TCP:
            holder.listen()
        yield holder.getsockname()[1], transport


def test_a_port_that_somebody_holds_is_not_free(taken: tuple[int, Transport]) -> None:
    port, transport = taken
    assert not ports.is_free(port, transport=transport)


def test_another_port_is_chosen_when_the_preferred_one_is_held(taken: tuple[int, Transport]) -> None:
    port, transport = taken
    chosen = ports.choose(port, transport=transport)
    assert chosen != port
    assert ports.is_free(chosen, transport=transport)


def test_the_preferred_port_is_kept_when_it_is_free() -> None:
    free = ports.choose(0, transport=Transport.TCP, taken=[0])
    assert ports.choose(free, transport=Transport.TCP) == free


def test_a_port_given_to_another_of_our_services_is_not_given_twice() -> None:
    free = ports.choose(0, transport=Transport.UDP, taken=[0])
    assert ports.choose(free, transport=Transport.UDP, taken=[free]) != free


@pytest.mark.parametrize(("held", "asked"), [(Transport.TCP, Transport.UDP), (Transport.UDP, Transport.TCP)])
def test_tcp_and_udp_do_not_take_each_others_ports(held: Transport, asked: Transport) -> None:
    with socket.socket(socket.AF_INET, held.value) as holder:
        port = bound_where_free(holder, asked)
        assert ports.is_free(port, transport=asked)


def bound_where_free(holder: socket.socket, asked: Transport) -> int:
    """Binds to a port that is free for the other transport; tests run side by side, so the first may just be taken."""
    for _ in range(20):
        port = ports.choose(0, transport=asked, taken=[0])
        with suppress(OSError):
            holder.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port in twenty tries")


def test_a_port_held_on_all_addresses_is_not_free_on_one() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("", 0))
        assert not ports.is_free(holder.getsockname()[1], transport=Transport.UDP)


def test_a_port_held_on_one_address_can_be_bound_on_another() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.2", 0))
        port = holder.getsockname()[1]
        assert ports.can_bind(port, transport=Transport.UDP, host="127.0.0.1")
        assert not ports.can_bind(port, transport=Transport.UDP, host="127.0.0.2")
