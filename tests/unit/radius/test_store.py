"""Memory against the truth: whatever is changed, heard, read and evicted in any order, nothing stale is believed."""

import json
from collections import deque
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.access import AccessProfile
from domain.live_change import LiveSession
from profiles import DEVICES, GOOD_STANDING
from radius.store import HOLD_S, MAX_UNKNOWN, Entry, Key, ProfileStore
from tests.unit.radius.desk import a_session

NAMES = ("ani", "budi", "citra")
CAPACITY = 3
NOW = 1_000.0


def profile_of(subscription_id: int, username: str, version: int = 1) -> AccessProfile:
    return replace(
        GOOD_STANDING,
        subscription_id=subscription_id,
        username=username,
        customer_id=subscription_id % 2,
        plan_id=subscription_id % 2,
        version=version,
    )


@dataclass
class Row:
    """A subscription as the database has it; without a name it is terminated."""

    subscription_id: int
    name: str | None
    version: int = 1
    sessions: dict[str, str | None] = field(default_factory=dict)

    def read(self) -> tuple[AccessProfile, list[LiveSession]]:
        assert self.name is not None
        sessions = [a_session(unique, self.subscription_id, mac) for unique, mac in self.sessions.items()]
        return profile_of(self.subscription_id, self.name, self.version), sessions


class StoreAgainstTruth(RuleBasedStateMachine):
    """`pending` are notices that were committed and not yet heard; they are heard in order."""

    subscriptions = Bundle("subscriptions")

    def __init__(self) -> None:
        super().__init__()
        self.store = ProfileStore(CAPACITY)
        self.rows: dict[int, Row] = {}
        self.pending: deque[tuple[str, str, set[int]]] = deque()
        self.is_listening = False
        self.snapshot: deque[tuple[AccessProfile, list[LiveSession]]] = deque()
        self.snapshot_epoch = 0
        self.sessions_made = 0

    @initialize()
    def connect(self) -> None:
        self.reconnect()

    # --- what others do to the database --------------------------------------------------------------------------

    @rule(target=subscriptions, name=st.sampled_from(NAMES))
    def add(self, name: str) -> int:
        subscription_id = len(self.rows) + 1
        taken = any(row.name == name for row in self.rows.values())
        self.rows[subscription_id] = Row(subscription_id, None if taken else name)
        self._commit("access", f"subscription {subscription_id}", {subscription_id})
        return subscription_id

    @rule(subscription_id=subscriptions)
    def change(self, subscription_id: int) -> None:
        self.rows[subscription_id].version += 1
        self._commit("access", f"subscription {subscription_id}", {subscription_id})

    @rule(subscription_id=subscriptions, name=st.one_of(st.none(), st.sampled_from(NAMES)))
    def rename_or_terminate(self, subscription_id: int, name: str | None) -> None:
        if name is None or all(row.name != name for row in self.rows.values()):
            self.rows[subscription_id].name = name
            self._commit("access", f"subscription {subscription_id}", {subscription_id})

    @rule(word=st.sampled_from(["plan", "customer"]), owner=st.integers(0, 1), whole=st.booleans())
    def change_many(self, word: str, owner: int, whole: bool) -> None:
        concerned = {number for number in self.rows if whole or number % 2 == owner}
        for subscription_id in concerned:
            self.rows[subscription_id].version += 1
        self._commit("access", f"{word} {'*' if whole else owner}", concerned)

    @rule(subscription_id=subscriptions, mac=st.one_of(st.none(), st.sampled_from(DEVICES)))
    def open_session(self, subscription_id: int, mac: str | None) -> None:
        self.sessions_made += 1
        unique = f"{self.sessions_made:032x}"
        self.rows[subscription_id].sessions[unique] = mac
        notice = [["+", unique, subscription_id, mac, 7, "81000001", None]]
        self._commit("session", json.dumps(notice), {subscription_id})

    @rule(subscription_id=subscriptions)
    def close_session(self, subscription_id: int) -> None:
        sessions = self.rows[subscription_id].sessions
        if sessions:
            unique = next(iter(sessions))
            del sessions[unique]
            self._commit("session", json.dumps([["-", unique, subscription_id]]), {subscription_id})

    def _commit(self, channel: str, payload: str, concerned: set[int]) -> None:
        if self.is_listening:
            self.pending.append((channel, payload, concerned))

    # --- what the server hears and does --------------------------------------------------------------------------

    @precondition(lambda self: self.pending)
    @rule()
    def hear_one(self) -> None:
        channel, payload, _ = self.pending.popleft()
        if channel == "session":
            self.store.session_changed(payload)
        else:
            self.store.access_changed(payload)

    @rule()
    def hear_all(self) -> None:
        while self.pending:
            self.hear_one()

    @rule()
    def lose_the_connection(self) -> None:
        self.is_listening = False
        self.pending.clear()
        self.store.distrust()

    @rule()
    def reconnect(self) -> None:
        self.pending.clear()
        self.is_listening = True
        self.store.distrust()
        self.store.trusted_until = float("inf")

    @rule(name=st.sampled_from(NAMES), meanwhile=st.integers(0, 2))
    def log_in(self, name: str, meanwhile: int) -> None:
        """As a login does it; with `meanwhile`, a change is committed (and heard) between reading and keeping."""
        key = (1, name)
        entry = self.store.entries.get(key)
        if entry is not None and not entry.dirty and self.is_listening:
            return
        if entry is None and self.is_listening and self.store.is_unknown(key):
            return
        epoch = self.store.epoch
        row = next((row for row in self.rows.values() if row.name == name), None)
        read = None if row is None else row.read()
        if row is not None and meanwhile:
            self.change(row.subscription_id)
            if meanwhile == 2:
                self.hear_all()
        if read is None:
            self.store.forget(key)
            self.store.remember_unknown(key, epoch)
        else:
            self.store.put(key, *read, NOW, epoch)

    @rule()
    def begin_to_fill_ahead(self) -> None:
        self.store.touched = set()
        self.snapshot_epoch = self.store.epoch
        self.snapshot = deque(row.read() for row in self.rows.values() if row.name is not None)

    @precondition(lambda self: self.snapshot)
    @rule()
    def fill_one_ahead(self) -> None:
        profile, sessions = self.snapshot.popleft()
        if self.store.touched is None:
            self.snapshot.clear()
            return
        self.store.put_ahead((1, profile.username), profile, sessions, NOW, self.snapshot_epoch)
        if not self.snapshot:
            self.store.touched = None

    # --- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def what_is_believed_is_true(self) -> None:
        if not self.is_listening:
            return
        unheard: set[int] = set().union(*(concerned for _, _, concerned in self.pending))
        for (_, name), entry in self.store.entries.items():
            subscription_id = entry.profile.subscription_id
            if entry.dirty or subscription_id in unheard:
                continue
            row = self.rows[subscription_id]
            assert (row.name, row.version) == (name, entry.profile.version)
            assert row.sessions == entry.sessions

    @invariant()
    def a_name_believed_to_be_nobodys_is_nobodys(self) -> None:
        if self.is_listening and not self.pending:
            taken = {row.name for row in self.rows.values()}
            assert not [name for name in taken if name is not None and self.store.is_unknown((1, name))]

    @invariant()
    def memory_is_bounded_and_every_entry_can_be_found_by_its_subscription(self) -> None:
        entries = self.store.entries
        assert len(entries) <= CAPACITY
        assert len({entry.profile.subscription_id for entry in entries.values()}) == len(entries)
        for entry in entries.values():
            assert self.store.entry_of(entry.profile.subscription_id) is entry
        known = [number for number in self.rows if self.store.entry_of(number) is not None]
        assert len(known) == len(entries)


TestStoreAgainstTruth = StoreAgainstTruth.TestCase


# --- single stories ---------------------------------------------------------------------------------------------


def a_store(capacity: int = 10) -> ProfileStore:
    store = ProfileStore(capacity)
    store.trusted_until = float("inf")
    return store


def put(store: ProfileStore, subscription_id: int, name: str) -> Entry:
    return store.put((1, name), profile_of(subscription_id, name), (), NOW, store.epoch)


def test_a_renamed_customer_whose_router_still_tries_the_old_name_is_not_forgotten() -> None:
    store = a_store()
    put(store, 5, "ani")
    store.access_changed("subscription 5")
    renamed = put(store, 5, "budi")
    store.forget((1, "ani"))

    store.access_changed("subscription 5")

    assert renamed.dirty


def test_a_name_that_passed_to_another_subscription_does_not_hear_of_the_first_ones_sessions() -> None:
    store = a_store()
    put(store, 5, "ani")
    second = put(store, 6, "ani")

    store.session_changed(json.dumps([["+", "f" * 32, 5, DEVICES[0], 7, "81000001", None]]))

    assert second.sessions == {}


def test_slots_held_by_a_subscription_are_not_inherited_with_its_name() -> None:
    store = a_store()
    put(store, 5, "ani").hold(DEVICES[0], "d1", NOW)

    assert put(store, 6, "ani").others(DEVICES[1], NOW) == 0


def test_slots_stay_held_when_the_entry_is_read_again_or_renamed() -> None:
    store = a_store()
    put(store, 5, "ani").hold(DEVICES[0], "d1", NOW)

    assert put(store, 5, "ani").others(DEVICES[1], NOW) == 1
    assert put(store, 5, "budi").others(DEVICES[1], NOW) == 1


def test_a_row_of_an_old_snapshot_does_not_bring_an_old_name_back() -> None:
    store = a_store()
    store.touched, epoch = set(), store.epoch
    store.access_changed("subscription 5")
    renamed = put(store, 5, "budi")
    store.put_ahead((1, "ani"), profile_of(5, "ani"), (), NOW, epoch)

    store.access_changed("subscription 5")

    assert renamed.dirty
    assert store.entry_of(5) is renamed


@pytest.mark.parametrize(
    ("payload", "dirty"),
    [
        ("subscription 5", {5}),
        ("subscription 5,6", {5, 6}),
        ("subscription *", {5, 6}),
        ("subscription 99", set()),
        ("customer 1", {5}),
        ("customer 0", {6}),
        ("plan 1", {5}),
        ("plan *", {5, 6}),
        ("tenant 1", {5, 6}),
        ("tenant 2", set()),
    ],
)
def test_a_notice_marks_whom_it_names(payload: str, dirty: set[int]) -> None:
    store = a_store()
    entries = {5: put(store, 5, "ani"), 6: put(store, 6, "budi")}

    store.access_changed(payload)

    assert {number for number, entry in entries.items() if entry.dirty} == dirty


def test_what_was_read_while_a_notice_came_is_read_again() -> None:
    store = a_store()
    epoch = store.epoch
    store.access_changed("subscription 5")

    assert store.put((1, "ani"), profile_of(5, "ani"), (), NOW, epoch).dirty


def test_a_session_notice_also_counts_for_what_was_being_read() -> None:
    store = a_store()
    epoch = store.epoch
    store.session_changed(json.dumps([["+", "f" * 32, 5, DEVICES[0], 7, "81000001", None]]))

    assert store.put((1, "ani"), profile_of(5, "ani"), (), NOW, epoch).dirty


def test_the_longest_kept_entry_makes_room() -> None:
    store = a_store(capacity=2)
    for number, name in enumerate(NAMES, start=1):
        put(store, number, name)

    assert list(store.entries) == [(1, "budi"), (1, "citra")]
    assert store.entry_of(1) is None


def test_strangers_names_are_remembered_within_a_bound() -> None:
    store = a_store()
    for number in range(MAX_UNKNOWN + 10):
        store.remember_unknown((1, f"stranger{number}"), store.epoch)

    assert len(store._unknown) <= MAX_UNKNOWN
    assert store.is_unknown((1, f"stranger{MAX_UNKNOWN + 9}"))


def test_after_any_notice_a_stranger_is_looked_up_again() -> None:
    store = a_store()
    key: Key = (1, "ani")
    store.remember_unknown(key, store.epoch)
    assert store.is_unknown(key)

    store.access_changed("subscription 5")

    assert not store.is_unknown(key)


def test_filling_ahead_ends_when_everything_of_a_kind_changed() -> None:
    store = a_store()
    store.touched, epoch = set(), store.epoch
    store.access_changed("plan 1")

    store.put_ahead((1, "ani"), profile_of(5, "ani"), (), NOW, epoch)

    assert store.entries == {}


def test_filling_ahead_does_not_replace_what_a_login_read() -> None:
    store = a_store()
    store.touched, epoch = set(), store.epoch
    read = put(store, 5, "ani")

    store.put_ahead((1, "ani"), profile_of(5, "ani"), (), NOW, epoch)

    assert store.entries[1, "ani"] is read


# --- slots ------------------------------------------------------------------------------------------------------

SLOT_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("login"), st.one_of(st.none(), st.sampled_from(DEVICES))),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 10.0, HOLD_S])),
        st.tuples(st.just("start"), st.integers(0, 5)),
        st.tuples(st.just("wrong password"), st.integers(0, 5)),
        st.tuples(st.just("stop"), st.integers(0, 5)),
    ),
    max_size=25,
)


@given(steps=SLOT_STEPS, asking=st.one_of(st.none(), st.sampled_from([*DEVICES, "02:00:00:00:00:99"])))
def test_a_device_takes_one_place_from_its_login_to_the_end_of_its_session(
    steps: list[tuple[str, object]], asking: str | None
) -> None:
    store, now = a_store(), NOW
    entry = put(store, 5, "ani")
    logins: list[str | None] = []
    held: dict[str, tuple[str, float]] = {}
    running: dict[str, str | None] = {}

    for step, value in steps:
        if step == "login":
            mac = value if isinstance(value, str) else None
            logins.append(mac)
            decision_id = f"d{len(logins) - 1}"
            entry.hold(mac, decision_id, now)
            held[mac or decision_id] = (decision_id, now + HOLD_S)
        elif step == "wait":
            assert isinstance(value, float)
            now += value
        elif isinstance(value, int) and value < len(logins):
            decision_id, mac, unique = f"d{value}", logins[value], f"{value:032x}"
            if step == "start":
                notice = [["+", unique, 5, mac, 7, "81000001", decision_id]]
                store.session_changed(json.dumps(notice))
                running[unique] = mac
                held = {device: slot for device, slot in held.items() if slot[0] != decision_id and device != mac}
            elif step == "stop":
                store.session_changed(json.dumps([["-", unique, 5]]))
                running.pop(unique, None)
            else:
                entry.release(decision_id)
                held = {device: slot for device, slot in held.items() if slot[0] != decision_id}

    named = {mac for mac in running.values() if mac is not None} | {
        device for device, (_, until) in held.items() if until > now
    }
    without_name = sum(mac is None for mac in running.values())
    assert entry.others(asking, now) == len(named - {asking}) + without_name


def test_a_device_that_dials_in_again_while_its_old_session_is_still_listed_is_one_device() -> None:
    entry = Entry((1, "ani"), profile_of(5, "ani"), [a_session("f" * 32, 5, DEVICES[0])], NOW)
    entry.hold(DEVICES[0], "d1", NOW)

    assert entry.others(DEVICES[1], NOW) == 1


def test_slots_that_ran_out_do_not_pile_up() -> None:
    entry = Entry((1, "ani"), profile_of(5, "ani"), (), NOW)
    for number in range(100):
        entry.hold(None, f"d{number}", NOW + number * (HOLD_S + 1))

    assert len(entry.holds) < 12
