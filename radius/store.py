"""What the policy knows of subscriptions, in memory: profiles, compiled decisions, running sessions and held slots.

Memory is trusted while the listener hears the database; a notice marks an entry dirty, and a dirty entry is read again
at its next login. Knows nothing of packets, and never waits: reading is handed in.

The hot path runs under FreeRADIUS's lock, one call at a time, while a listener thread marks entries. Every step that
both touch is a single dictionary or attribute operation, which the interpreter makes whole.
"""

import json
from collections.abc import Iterable
from itertools import islice

from domain.access import AccessProfile
from domain.live_change import LiveSession
from radius.compiled import Compiled

# A slot is held from Accept until the session's Start was counted, or this long.
HOLD_S = 30.0
# A learned device is remembered until its row is stored, or this long.
LEARN_S = 60.0
MAX_UNKNOWN = 50_000

Key = tuple[int, str]


class Entry:
    """One subscription in memory. `holds` maps a device, or a decision, to its slot's end and its decision."""

    __slots__ = ("compiled", "dirty", "holds", "key", "learned", "loaded_at", "profile", "recent", "sessions")

    def __init__(self, key: Key, profile: AccessProfile, sessions: Iterable[LiveSession], now: float) -> None:
        self.key = key
        self.profile = profile
        self.compiled: dict[str, Compiled] = {}
        self.sessions: dict[str, str | None] = {session.acctuniqueid: session.mac for session in sessions}
        self.holds: dict[str, tuple[float, str]] = {}
        # The device learned a moment ago, its decision, and until when it is remembered.
        self.learned: tuple[str, str, float] | None = None
        # Devices of its last sessions, once they were needed and read.
        self.recent: frozenset[str] | None = None
        self.dirty = False
        self.loaded_at = now

    @property
    def is_being_used_up(self) -> bool:
        """Whether what is left of an allowance changes without a notice: a session runs, or a family shares it."""
        quotas = self.profile.quotas
        return bool(quotas) and (bool(self.sessions) or any(quota.is_shared for quota in quotas))

    def others(self, mac: str | None, now: float) -> int:
        """How many other devices than `mac` are online or about to be: its own sessions are about to be replaced.

        A device counts once, also while a new session of it begins and the lost end of its last one is not known yet.
        """
        devices = set(self.sessions.values())
        devices.update(device for device, (until, _) in self.holds.items() if until > now)
        devices -= {mac, None}
        return len(devices) + sum(device is None for device in self.sessions.values())

    def held(self, mac: str | None, now: float) -> int:
        """How many of them are only about to be online: what has not begun cannot be ended."""
        online = set(self.sessions.values())
        return sum(until > now and device != mac and device not in online for device, (until, _) in self.holds.items())

    def learned_mac(self, now: float) -> str | None:
        """The device that was the first to log in, while the database may not say so yet."""
        return None if self.learned is None or self.learned[2] <= now else self.learned[0]

    def learn(self, mac: str, decision_id: str, now: float) -> None:
        """Keep the subscription for the device that came first."""
        if self.learned_mac(now) is None:
            self.learned = (mac, decision_id, now + LEARN_S)

    def hold(self, mac: str | None, decision_id: str, now: float) -> None:
        """Keep a place for the session this login is about to start."""
        if len(self.holds) > 8:
            self.holds = {device: slot for device, slot in self.holds.items() if slot[0] > now}
        self.holds[mac or decision_id] = (now + HOLD_S, decision_id)

    def release(self, decision_id: str) -> None:
        """Give the place of a decision back: its session started, or its password was wrong."""
        for device, (_, decision) in list(self.holds.items()):
            if decision == decision_id:
                self.holds.pop(device, None)
        learned = self.learned
        if learned is not None and learned[1] == decision_id:
            self.learned = None


class ProfileStore:
    """Entries by tenant and username, bounded: the longest-kept entry makes room."""

    def __init__(self, capacity: int) -> None:
        self.entries: dict[Key, Entry] = {}
        self.capacity = capacity
        # Monotonic time until which memory may be believed without asking the database.
        self.trusted_until = 0.0
        # Counts notices, so that a read that raced with one is not kept as clean.
        self.epoch = 0
        # While memory is filled from one snapshot: subscriptions a notice named since, or None when no filling runs.
        self.touched: set[int] | None = None
        self._by_subscription: dict[int, Key] = {}
        self._unknown: dict[Key, int] = {}

    def put(self, key: Key, profile: AccessProfile, sessions: Iterable[LiveSession], now: float, epoch: int) -> Entry:
        """Keep what was read while the notice count was `epoch`; slots held under an older entry stay held."""
        entry = Entry(key, profile, sessions, now)
        old = self.entry_of(profile.subscription_id)
        if old is not None:
            entry.holds = old.holds
            if old.profile == profile:
                # Read again without news: what was compiled still holds, and with it its receipt.
                entry.compiled = old.compiled
            # Once stored, the list of devices is the truth, also when staff empties it.
            entry.learned = None if "approved" in profile.macs.values() else old.learned
        self._make_way(entry, old)
        self.entries[key] = entry
        self._by_subscription[profile.subscription_id] = key
        # Only now would a notice find the entry; one that came since the read began may have been about it.
        entry.dirty = self.epoch != epoch or entry.is_being_used_up
        return entry

    def _make_way(self, entry: Entry, old: Entry | None) -> None:
        """One entry a subscription and one subscription a name, or a notice would not find the entry in use."""
        if old is not None and old.key != entry.key:
            self.forget(old.key)
        holder = self.entries.get(entry.key)
        if holder is None:
            if len(self.entries) >= self.capacity:
                self._evict()
        elif holder.profile.subscription_id != entry.profile.subscription_id:
            self.forget(entry.key)

    def put_ahead(
        self, key: Key, profile: AccessProfile, sessions: Iterable[LiveSession], now: float, epoch: int
    ) -> Entry | None:
        """Keep a row of a snapshot taken at `epoch`, unless the entry is there or a notice has since named it."""
        touched = self.touched
        if touched is None or key in self.entries or profile.subscription_id in touched:
            return None
        entry = self.put(key, profile, sessions, now, epoch)
        # Notices go on arriving: what one named meanwhile stays dirty, and so does everything once one named all.
        touched = self.touched
        if touched is not None:
            entry.dirty = entry.is_being_used_up or (entry.dirty and profile.subscription_id in touched)
        return entry

    def _evict(self) -> None:
        # Several at once: finding the oldest is a walk over the places that others before it left empty.
        for oldest in list(islice(self.entries, max(1, self.capacity // 1000))):
            self.forget(oldest)

    def forget(self, key: Key) -> None:
        """Drop the entry of a name, if there is one."""
        gone = self.entries.pop(key, None)
        if gone is not None:
            self._by_subscription.pop(gone.profile.subscription_id, None)

    def remember_unknown(self, key: Key, epoch: int) -> None:
        """A name that nobody has, until anything changes; bounded, since strangers choose these names."""
        if len(self._unknown) >= MAX_UNKNOWN:
            self._unknown.clear()
        self._unknown[key] = epoch

    def is_unknown(self, key: Key) -> bool:
        """Whether the name was looked up since the last notice and not found."""
        return self._unknown.get(key) == self.epoch

    def entry_of(self, subscription_id: int) -> Entry | None:
        """The entry of a subscription, if it is in memory."""
        key = self._by_subscription.get(subscription_id)
        return None if key is None else self.entries.get(key)

    def distrust(self) -> None:
        """Believe nothing until told otherwise: notices may have been missed."""
        self.trusted_until = 0.0
        self.epoch += 1
        self.touched = None
        for entry in list(self.entries.values()):
            entry.dirty = True

    def access_changed(self, payload: str) -> None:
        """Take a notice of the triggers: `subscription 1,2`, `customer 5`, `plan 3`, `tenant 1`, or `… *` for all."""
        self.epoch += 1
        word, _, listed = payload.partition(" ")
        if word == "subscription" and listed != "*":
            self._mark({int(item) for item in listed.split(",")})
            return
        self.touched = None
        ids = None if listed == "*" else {int(item) for item in listed.split(",")}
        for entry in list(self.entries.values()):
            if ids is None or _owner(entry.profile, word) in ids:
                entry.dirty = True

    def _mark(self, subscription_ids: set[int]) -> None:
        if self.touched is not None:
            self.touched |= subscription_ids
        for subscription_id in subscription_ids:
            entry = self.entry_of(subscription_id)
            if entry is not None:
                entry.dirty = True

    def session_changed(self, payload: str) -> None:
        """Take the collector's notice of sessions that opened (`+`) or closed (`-`)."""
        self.epoch += 1
        for sign, unique_id, subscription_id, *rest in json.loads(payload):
            if self.touched is not None:
                self.touched.add(subscription_id)
            entry = self.entry_of(subscription_id)
            if entry is None:
                continue
            if entry.profile.quotas:
                entry.dirty = True
            if sign == "-":
                entry.sessions.pop(unique_id, None)
                continue
            mac, _, _, decision_id = rest
            entry.sessions[unique_id] = mac
            if mac is not None and entry.recent is not None:
                entry.recent |= {mac}
            entry.holds.pop(mac, None)
            if decision_id:
                entry.release(decision_id)


def _owner(profile: AccessProfile, word: str) -> int | None:
    return {
        "subscription": profile.subscription_id,
        "customer": profile.customer_id,
        "family": profile.family_id,
        "plan": profile.plan_id,
        "tenant": profile.tenant_id,
    }[word]
