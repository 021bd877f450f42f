"""How memory is kept true: what a notice does, what a broken one does, and how much of the time asking may take."""

import json
import time
from typing import Any

import pytest
from cryptography.fernet import Fernet

from db.crypto import Keyring
from db.queries.listener import UnableToListen
from profiles import DEVICES, GOOD_STANDING
from radius.keeper import TRUST_S, Keeper
from radius.routers import RouterTable
from radius.store import Entry, ProfileStore

KEY = (1, "budi")


class FakeListener:
    """Counts what is asked of it; `lost` breaks the connection."""

    def __init__(self, *, ask_takes_s: float = 0.0) -> None:
        self.asked = self.looked = 0
        self.lost = False
        self.heard_at = time.monotonic()
        self._ask_takes_s = ask_takes_s

    def ask(self, wait_ms: float) -> None:
        self.asked += 1
        self._fail_if_lost()
        time.sleep(self._ask_takes_s)
        self.heard_at = time.monotonic()

    def look(self) -> None:
        self.looked += 1
        self._fail_if_lost()

    def _fail_if_lost(self) -> None:
        if self.lost:
            raise UnableToListen("server closed the connection")


@pytest.fixture
def store() -> ProfileStore:
    return ProfileStore(10)


@pytest.fixture
def entry(store: ProfileStore) -> Entry:
    return store.put(KEY, GOOD_STANDING, (), 0.0, store.epoch)


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def keeper(store: ProfileStore, complaints: list[str]) -> Keeper:
    ring = Keyring([Fernet.generate_key()])
    reader: Any = None
    return Keeper("", store, RouterTable(), reader, ring, complaints.append, lambda _: None, lambda _: True)


def test_a_notice_of_each_channel_reaches_memory(keeper: Keeper, entry: Entry) -> None:
    keeper._heard("session_changed", json.dumps([["+", "f" * 32, 5, DEVICES[0], 7, "81000001", None]]))
    assert entry.sessions == {"f" * 32: DEVICES[0]}
    assert not entry.dirty

    keeper._heard("access_changed", "subscription 5")
    assert entry.dirty


def test_a_notice_about_routers_loads_them_and_leaves_customers_alone(keeper: Keeper, entry: Entry) -> None:
    keeper._heard("access_changed", "nas *")

    assert keeper._routers_changed
    assert not entry.dirty


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        ("access_changed", ""),
        ("access_changed", "subscription"),
        ("access_changed", "subscription five"),
        ("access_changed", "banana 5"),
        ("session_changed", ""),
        ("session_changed", "{}x"),
        ("session_changed", "[5]"),
        ("session_changed", '[["+"]]'),
        ("session_changed", '[["+", "u", 5]]'),
    ],
)
def test_a_notice_that_makes_no_sense_refuses_nobody_and_makes_memory_be_read_again(
    channel: str, payload: str, keeper: Keeper, entry: Entry, complaints: list[str]
) -> None:
    keeper._heard(channel, payload)

    assert entry.dirty
    assert len(complaints) == 1


def test_while_nobody_listens_a_login_asks_nobody(keeper: Keeper) -> None:
    keeper.catch_up()


def test_logins_now_and_then_always_ask(keeper: Keeper, store: ProfileStore) -> None:
    listener: Any = FakeListener()
    keeper.listener = listener
    for _ in range(5):
        time.sleep(0.002)
        keeper.catch_up()

    assert (listener.asked, listener.looked) == (5, 0)
    assert store.trusted_until == listener.heard_at + TRUST_S


def test_a_storm_of_logins_spends_little_of_its_time_on_asking(keeper: Keeper) -> None:
    listener: Any = FakeListener(ask_takes_s=0.005)
    keeper.listener = listener
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        keeper.catch_up()

    # Half a second has ten milliseconds for asking and a hundred saved up: 22 questions, of a hundred it could ask.
    assert 1 <= listener.asked <= 26
    assert listener.looked > listener.asked


@pytest.mark.parametrize("saved_up", [True, False])
def test_a_login_that_finds_the_connection_broken_stops_believing_memory(
    saved_up: bool, keeper: Keeper, store: ProfileStore, entry: Entry, complaints: list[str]
) -> None:
    listener: Any = FakeListener()
    keeper.listener = listener
    store.trusted_until = float("inf")
    keeper._credit_s, keeper._asked_at = (1.0, 0.0) if saved_up else (-1000.0, time.monotonic())
    listener.lost = True

    keeper.catch_up()

    assert keeper.listener is None
    assert store.trusted_until == 0.0
    assert entry.dirty
    assert len(complaints) == 1
