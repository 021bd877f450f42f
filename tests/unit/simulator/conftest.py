"""Fixtures: pyrad's view of our dictionaries, a fake server, routers that talk to it."""

from collections.abc import Callable, Iterator

import pytest
from pyrad.dictionary import Dictionary

from simulator import SimulatedRouter
from simulator.dictionary import dictionary_path
from tests.unit.simulator.fake_server import SECRET, FakeServer


@pytest.fixture(scope="session")
def dictionary() -> Dictionary:
    return Dictionary(str(dictionary_path()))


@pytest.fixture
def server(dictionary: Dictionary) -> Iterator[FakeServer]:
    running = FakeServer(dictionary)
    yield running
    running.close()


@pytest.fixture
def make_router(server: FakeServer) -> Iterator[Callable[..., SimulatedRouter]]:
    """Routers that talk to the fake server and are stopped after the test."""
    started: list[SimulatedRouter] = []

    def make(**options: object) -> SimulatedRouter:
        defaults = {"secret": SECRET, "auth_port": server.port, "acct_port": server.port, "timeout_ms": 60}
        router = SimulatedRouter(**{**defaults, **options}).__enter__()
        started.append(router)
        return router

    yield make
    for router in started:
        router.__exit__(None, None, None)


@pytest.fixture
def router(make_router: Callable[..., SimulatedRouter]) -> SimulatedRouter:
    return make_router()
