"""Answers one login from memory: find the entry, ask the few rules of the moment, mint a Class, record the decision.

Decides no rule: those are in `policies`, and what they gave is compiled. Decides what an outage means: known customers
are answered from what was last known, unknown ones get silence, and nobody is refused for it.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from db.crypto import UnableToDecrypt
from db.queries.access import parse_open_sessions, parse_profile, parse_recent_devices
from db.queries.reader import DeadlineReader, UnableToRead
from domain.access import SERVICES, device_reason, learns_device, place_reason
from domain.checks import CHECKED, failed_check
from domain.mac import normalise_mac
from domain.names import folded
from domain.service import device_of, service_of, vouches_for_device
from domain.session_limit import to_end
from radius.compiled import Compiled, compile_profile, moment
from radius.guessing import Attempt, Guesses
from radius.pairs import Pair, UnableToRender
from radius.policies.types import ANYWHERE, MIKROTIK, Place
from radius.records import AccessRecords, Record
from radius.router_notes import RouterNotes
from radius.routers import Router, RouterTable
from radius.store import Entry, Key, ProfileStore
from radius.without_password import Control, control_for

Request = tuple[tuple[str, str], ...]
Answer = tuple[int, tuple[Pair, ...], Control]

# FreeRADIUS turns every failure in authorize into a reject, which a router takes as final; only this is silence.
DO_NOT_RESPOND: tuple[Pair, ...] = (("Response-Packet-Type", "Do-Not-Respond"),)
# A session is heard of at every interim; one silent for three of the longest and a bit is not running any more.
SILENT_S = 3 * 3600 + 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Codes:
    """FreeRADIUS's result codes, named by the one file that may import its module."""

    accept: int
    reject: int
    handled: int


class Authorizer:
    """The policy at work. Calls come one at a time, under FreeRADIUS's lock."""

    def __init__(
        self,
        *,
        codes: Codes,
        store: ProfileStore,
        routers: RouterTable,
        reader: DeadlineReader,
        records: AccessRecords,
        open_password: Callable[[bytes], str],
        catch_up: Callable[[], None],
        complain: Callable[[str], None],
        max_stale_s: float,
        boot_id: str,
        notes: RouterNotes | None = None,
        servers: int = 1,
    ) -> None:
        self._silence: Answer = (codes.handled, (), DO_NOT_RESPOND)
        self._refused: Answer = (codes.reject, (), ())
        self._accept = codes.accept
        self._store = store
        self._routers = routers
        self._reader = reader
        self._records = records
        self._open_password = open_password
        self._catch_up = catch_up
        self._complain = complain
        self._max_stale_s = max_stale_s
        self._boot_id = boot_id
        self._notes = notes or RouterNotes()
        self._numbers = count(1)
        self._guesses = Guesses(servers)
        # What a rule of the moment looked at in this login, for its record; None while nothing out of the ordinary was.
        self._seen: dict[str, object] | None = None

    def authorize(self, request: Request) -> Answer:
        """Accept with reply and control pairs, reject, or silence."""
        now = time.time()
        self._seen = None
        attributes = dict(request)
        router = self._routers.by_number.get(attributes.get("Tmp-String-1", ""))
        if router is None:
            return self._silence
        if ("Message-Authenticator" in attributes) is not router.signs_requests:
            self._notes.signature(attributes, router.nas_server_id, now)
        key = (router.tenant_id, attributes.get("User-Name", "").strip())
        self._catch_up()
        store = self._store
        entry = store.entries.get(key)
        stale = False
        if entry is None or entry.dirty or time.monotonic() > store.trusted_until:
            key, entry, known = self._find(key, entry, attributes, now)
            if entry is None:
                return self._stranger(attributes, router, key, now) if known else self._silence
            stale = not known
        station = attributes.get("Calling-Station-Id")
        service, mac = _service_and_device(attributes, station, router.service_map, key[1])
        vendor = router.place.vendor
        kind = service if vendor == MIKROTIK else f"{service} {vendor}"
        compiled = entry.compiled.get(kind)
        if compiled is None or now >= compiled.valid_until:
            compiled = entry.compiled[kind] = self._compile(entry, service, now, router.place)
        refusal = compiled.refusal
        if "Tmp-String-3" in attributes:
            refusal = "unreadable"
            self._notes.unreadable(router.nas_server_id, now)
        elif refusal is None:
            refusal = self._refusal_of_the_moment(attributes, entry, compiled, router, mac or station or "", mac, now)
        decision_id = f"{self._boot_id}{next(self._numbers):x}"
        if refusal is not None:
            self._record(now, router, key, station, service, "reject", refusal, decision_id, entry, stale, compiled)
            return self._refused
        entry.hold(mac, decision_id, now)
        control = compiled.control
        if compiled.is_special:
            control = self._special(attributes, entry, compiled, service, mac, decision_id, now)
        self._record(now, router, key, station, service, "accept", compiled.reason, decision_id, entry, stale, compiled)
        return (self._accept, compiled.reply(now, compiled.class_prefix + decision_id), control)

    def prepare(self, entry: Entry) -> None:
        """Compile ahead what the subscription is for, so that a storm after a start finds it done.

        A profile that cannot be rendered is left to its own login, which refuses it and says so.
        """
        kind = entry.profile.connection_type
        with suppress(UnableToRender, UnableToDecrypt):
            service = kind if kind in SERVICES else "pppoe"
            entry.compiled[service] = self._compile(entry, service, time.time(), ANYWHERE)

    def _compile(self, entry: Entry, service: str, now: float, place: Place) -> Compiled:
        return compile_profile(entry.profile, service, moment(now), self._open_password, place)

    def refuse_password(self, class_text: str, request: Request = ()) -> None:
        """FreeRADIUS found the password wrong after an accept: take back the record and the slot, and count it."""
        _, subscription_id, _, decision_id = class_text.split(":")
        self._records.refuse(decision_id, "wrong_password")
        entry = self._store.entry_of(int(subscription_id))
        if entry is not None:
            entry.release(decision_id)
            self._count_wrong(entry, dict(request))

    def policy_failed(self, request: Request) -> Answer:
        """A bug refuses this login, and says so where staff look; everybody else goes on."""
        attributes = dict(request)
        router = self._routers.by_number.get(attributes.get("Tmp-String-1", ""))
        if router is not None:
            key = (router.tenant_id, attributes.get("User-Name", ""))
            decision_id = f"{self._boot_id}{next(self._numbers):x}"
            station = attributes.get("Calling-Station-Id")
            service = _service(attributes)
            entry = self._store.entries.get(key)
            self._record(time.time(), router, key, station, service, "reject", "policy_error", decision_id, entry)
        return self._refused

    def _refresh(self, key: Key, entry: Entry | None, now: float) -> tuple[Entry | None, bool]:
        """The entry as the database has it now, and whether that could be learned."""
        store = self._store
        if entry is None and store.is_unknown(key) and time.monotonic() <= store.trusted_until:
            return None, True
        epoch = store.epoch
        try:
            text = self._reader.read("profile", str(key[0]), key[1])
        except UnableToRead as error:
            self._complain(f"database not read: {error}")
            if entry is not None and now - entry.loaded_at <= self._max_stale_s:
                return entry, False
            return None, False
        if text is None:
            store.forget(key)
            store.remember_unknown(key, epoch)
            return None, True
        profile, sessions = parse_profile(text)
        return store.put(key, profile, sessions, now, epoch), True

    def _find(
        self, key: Key, entry: Entry | None, attributes: dict[str, str], now: float
    ) -> tuple[Key, Entry | None, bool]:
        """The entry that memory did not have or does not believe, with the name it is known by."""
        if entry is None or key[0] in self._routers.folding:
            key = self._known_as(key, attributes, now)
            entry = self._store.entries.get(key)
            if entry is not None and not entry.dirty and time.monotonic() <= self._store.trusted_until:
                return key, entry, True
        return key, *self._refresh(key, entry, now)

    def _known_as(self, key: Key, attributes: dict[str, str], now: float) -> Key:
        """The key of a device however its router spells it; a name stored just as it was sent goes first."""
        if key[0] in self._routers.folding:
            key = (key[0], folded(key[1]))
        mac = normalise_mac(key[1])
        if mac is None or mac == key[1] or "Framed-Protocol" in attributes:
            return key
        device = (key[0], mac)
        if device in self._store.entries:
            return device
        entry, known = self._refresh(key, None, now)
        return device if entry is None and known else key

    def _special(
        self,
        attributes: dict[str, str],
        entry: Entry,
        compiled: Compiled,
        service: str,
        mac: str | None,
        decision_id: str,
        now: float,
    ) -> Control:
        """What few accepts need: a device to learn, a voucher that begins, and how FreeRADIUS is to check it."""
        if compiled.checks_device and mac is not None and learns_device(compiled.profile, mac):
            entry.learn(mac, decision_id, now)
        if compiled.begins_voucher:
            self._saw("voucher", "first")
        return self._control(attributes, compiled, service, mac) if compiled.by_device else compiled.control

    def _control(self, attributes: dict[str, str], compiled: Compiled, service: str, mac: str | None) -> Control:
        """How a device or a voucher is checked. A name that a person may have typed still needs its password."""
        is_sure = compiled.profile.voucher is not None or vouches_for_device(service, compiled.profile.username, mac)
        return control_for(attributes, compiled.control) if is_sure else compiled.control

    def _stranger(self, attributes: dict[str, str], router: Router, key: Key, now: float) -> Answer:
        decision_id = f"{self._boot_id}{next(self._numbers):x}"
        station = attributes.get("Calling-Station-Id")
        reason = "unreadable" if "Tmp-String-3" in attributes else self._refusal_of_stranger(router, key, station, now)
        self._record(now, router, key, station, _service(attributes), "reject", reason, decision_id, None)
        return self._refused

    def _refusal_of_stranger(self, router: Router, key: Key, station: str | None, now: float) -> str:
        """Nobody has the name. A device that gives its own address for a name is not known yet; it does not guess."""
        device = "" if station is None else normalise_mac(station) or station
        if device == normalise_mac(key[1]):
            return "unknown_user"
        attempt, guesses = Attempt(router.nas_server_id, key[1], device), self._guesses
        if not guesses.is_quiet and guesses.stranger_wait_s(attempt, now) > 0:
            return "too_many_tries"
        guesses.wrong_name(attempt, now)
        return "unknown_user"

    def _failed_check(self, compiled: Compiled, attributes: dict[str, str]) -> bool:
        """Conditions written by hand; what they looked at is kept with the record."""
        names = {item.attribute for item in compiled.checks}
        self._saw("request", {name: attributes[name] for name in CHECKED if name in names and name in attributes})
        return failed_check(compiled.checks, attributes) is not None

    def _refusal_of_the_moment(
        self,
        attributes: dict[str, str],
        entry: Entry,
        compiled: Compiled,
        router: Router,
        device: str,
        mac: str | None,
        now: float,
    ) -> str | None:
        """What is asked at every login. Nearly none needs more than a look at flags and at the running sessions."""
        if compiled.checks and self._failed_check(compiled, attributes):
            return "check_failed"
        if compiled.checks_place:
            refusal = self._refusal_of_place(compiled, router.place)
            if refusal is not None:
                return refusal
        if compiled.checks_device or router.blocked_macs:
            refusal = self._refusal_of_device(entry, compiled, router, mac, now)
            if refusal is not None:
                return refusal
        if not self._guesses.is_quiet and self._has_to_wait(entry, router, device, now):
            return "too_many_tries"
        holds = entry.holds
        if not entry.sessions and (not holds or (len(holds) == 1 and mac in holds)):
            return None
        others = entry.others(mac, now)
        if others >= compiled.session_limit:
            return self._confirm_session_limit(entry, compiled, mac, now)
        if others:
            self._saw("other_sessions", others)
        return None

    def _refusal_of_place(self, compiled: Compiled, place: Place) -> str | None:
        if place.nas_group_id is not None:
            self._saw("nas_group_id", place.nas_group_id)
        return place_reason(compiled.profile, place.nas_server_id, place.nas_group_id)

    def _refusal_of_device(
        self, entry: Entry, compiled: Compiled, router: Router, mac: str | None, now: float
    ) -> str | None:
        """Blacklist and binding. What is to be written of the device, the record asks the collector for."""
        if mac in router.blocked_macs:
            self._saw("is_blacklisted", True)
            return "device_blacklisted"
        if not compiled.checks_device:
            return None
        learned_mac = entry.learned_mac(now)
        if learned_mac is not None:
            self._saw("learned_mac", learned_mac)
        refusal = device_reason(compiled.profile, mac, learned_mac)
        if refusal == "device_pending" and mac not in compiled.profile.macs:
            self._saw("ask", mac)
        elif refusal is None and learns_device(compiled.profile, mac):
            self._saw("learn", mac)
        return refusal

    def _has_to_wait(self, entry: Entry, router: Router, device: str, now: float) -> bool:
        """Whether the device gave too many wrong passwords; if not, that this try goes through is counted."""
        attempt = Attempt(router.nas_server_id, entry.key[1], device)

        def is_known() -> bool:
            return self._is_known(entry, device)

        wait_s = self._guesses.wait_s(attempt, now, is_known)
        if wait_s > 0:
            self._saw("wait_s", round(wait_s, 3))
            return True
        self._guesses.through(attempt, now, is_known)
        return False

    def _count_wrong(self, entry: Entry, attributes: dict[str, str]) -> None:
        router = self._routers.by_number.get(attributes.get("Tmp-String-1", ""))
        if router is not None:
            station = attributes.get("Calling-Station-Id", "")
            device = normalise_mac(station) or station
            attempt = Attempt(router.nas_server_id, entry.key[1], device)
            self._guesses.wrong(attempt, time.time(), is_known=self._is_known(entry, device))

    def _is_known(self, entry: Entry, device: str) -> bool:
        """Whether it is the customer's own device: approved, online, or online not long ago.

        Without the database nobody is a stranger, so that an outage makes no customer wait for what another did.
        """
        if entry.profile.macs.get(device) == "approved" or device in entry.sessions.values():
            return True
        if entry.recent is None:
            try:
                text = self._reader.read("recent_devices", str(entry.profile.subscription_id))
            except UnableToRead as error:
                self._complain(f"database not read: {error}")
                return True
            entry.recent = frozenset() if text is None else parse_recent_devices(text)
        return device in entry.recent

    def _confirm_session_limit(self, entry: Entry, compiled: Compiled, mac: str | None, now: float) -> str | None:
        """Memory would refuse: only the database may. Without it the customer is let in."""
        epoch, limit = self._store.epoch, compiled.session_limit
        try:
            text = self._reader.read("open_sessions", str(entry.profile.subscription_id), str(SILENT_S))
        except UnableToRead as error:
            self._complain(f"database not read: {error}")
            self._saw("unconfirmed_sessions", entry.others(mac, now))
            return None
        if text is not None:
            entry.sessions = parse_open_sessions(text)
            # A session that opened or closed after the read may have been noted in what is now replaced.
            entry.dirty = entry.dirty or self._store.epoch != epoch or entry.is_being_used_up
        others = entry.others(mac, now)
        self._saw("other_sessions", others)
        if others < limit:
            return None
        held = entry.held(mac, now)
        if held:
            self._saw("held_sessions", held)
        if compiled.profile.session_limit_action != "replace" or held >= limit:
            return "session_limit"
        self._saw("end", list(to_end(entry.sessions, mac, room=limit - 1 - held)))
        return None

    def _saw(self, what: str, value: object) -> None:
        """Keep a value of the moment for the record, so that the decision can be told and made again."""
        if self._seen is None:
            self._seen = {}
        self._seen[what] = value

    def _record(
        self,
        now: float,
        router: Router,
        key: Key,
        station: str | None,
        service: str,
        result: str,
        reason: str,
        decision_id: str,
        entry: Entry | None,
        stale: bool = False,
        compiled: Compiled | None = None,
    ) -> None:
        subscription_id = None if entry is None else entry.profile.subscription_id
        if stale:
            self._saw("stale", True)
        tenant_id, username = key
        self._records.add(
            Record(
                now,
                tenant_id,
                router.nas_server_id,
                username,
                station,
                service,
                result,
                reason,
                decision_id,
                subscription_id,
                self._seen,
                compiled,
            )
        )


def _service_and_device(
    attributes: dict[str, str], station: str | None, service_map: Mapping[str, str], name: str
) -> tuple[str, str | None]:
    """Which service asks, as the router's own map has it, and the device that is to be let in."""
    mac = None if station is None else normalise_mac(station)
    service = service_of(attributes, mac)
    if service_map:
        service = service_map.get(service, service)
    return service, (device_of(service, name, mac) if service == "dhcp" else mac)


def _service(attributes: dict[str, str]) -> str:
    return service_of(attributes, normalise_mac(attributes.get("Calling-Station-Id", "")))
