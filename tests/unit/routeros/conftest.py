"""A simulated router's API and a pool of the test's own."""

from collections.abc import Iterator

import pytest

from routeros import Pool, Target
from simulator import ApiServer

PASSWORD = "lintas-api"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer(password=PASSWORD) as server:
        yield server


@pytest.fixture
def secured() -> Iterator[ApiServer]:
    with ApiServer(password=PASSWORD, tls=True) as server:
        yield server


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.close()


@pytest.fixture
def target(api: ApiServer) -> Target:
    return Target(host=api.host, port=api.port, username=api.username, password=api.password)
