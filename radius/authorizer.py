"""Answers one login from memory: find the entry, ask the few rules of the moment, mint a Class, record the decision.

Decides no rule: those are in `policies`, and what they gave is compiled. Decides what an outage means: known customers
are answered from what was last known, unknown ones get silence, and nobody is refused for it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from db.crypto import UnableToDecrypt
from db.queries.access import parse_open_sessions, parse_profile
from db.queries.reader import DeadlineReader, UnableToRead
from domain.access import SERVICES
from domain.mac import normalise_mac
from radius.compiled import Compiled, compile_profile, moment
from radius.pairs import Pair, UnableToRender
from radius.policies.types import ANYWHERE, MIKROTIK, Place
from radius.records import AccessRecords, Record
from radius.routers import Router, RouterTable
from radius.store import Entry, Key, ProfileStore

Request = tuple[tuple[str, str], ...]
Answer = tuple[int, tuple[Pair, ...], tuple[Pair, ...]]

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
        self._numbers = count(1)

    def authorize(self, request: Request) -> Answer:
        """Accept with reply and control pairs, reject, or silence."""
        now = time.time()
        attributes = dict(request)
        router = self._routers.by_number.get(attributes.get("Tmp-String-1", ""))
        if router is None:
            return self._silence
        key = (router.tenant_id, attributes.get("User-Name", "").strip())
        self._catch_up()
        store = self._store
        entry = store.entries.get(key)
        stale = False
        if entry is None or entry.dirty or time.monotonic() > store.trusted_until:
            entry, known = self._refresh(key, entry, now)
            if entry is None:
                return self._stranger(attributes, router, key, now) if known else self._silence
            stale = not known
        service = service_of(attributes)
        if router.service_map:
            service = router.service_map.get(service, service)
        vendor = router.place.vendor
        kind = service if vendor == MIKROTIK else f"{service} {vendor}"
        compiled = entry.compiled.get(kind)
        if compiled is None or now >= compiled.valid_until:
            compiled = entry.compiled[kind] = self._compile(entry, service, now, router.place)
        station = attributes.get("Calling-Station-Id")
        mac = None if station is None else normalise_mac(station)
        refusal = compiled.refusal
        if "Tmp-String-3" in attributes:
            refusal = "unreadable"
        elif refusal is None:
            refusal = self._refusal_of_the_moment(entry, compiled, mac, now)
        decision_id = f"{self._boot_id}{next(self._numbers):x}"
        if refusal is not None:
            self._record(now, router, key, station, service, "reject", refusal, decision_id, entry, stale)
            return self._refused
        entry.hold(mac, decision_id, now)
        self._record(now, router, key, station, service, "accept", compiled.reason, decision_id, entry, stale)
        return (self._accept, compiled.reply(now, compiled.class_prefix + decision_id), compiled.control)

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

    def refuse_password(self, class_text: str) -> None:
        """FreeRADIUS found the password wrong after an accept: take back the record and the slot."""
        _, subscription_id, _, decision_id = class_text.split(":")
        self._records.refuse(decision_id, "wrong_password")
        entry = self._store.entry_of(int(subscription_id))
        if entry is not None:
            entry.release(decision_id)

    def policy_failed(self, request: Request) -> Answer:
        """A bug refuses this login, and says so where staff look; everybody else goes on."""
        attributes = dict(request)
        router = self._routers.by_number.get(attributes.get("Tmp-String-1", ""))
        if router is not None:
            key = (router.tenant_id, attributes.get("User-Name", ""))
            decision_id = f"{self._boot_id}{next(self._numbers):x}"
            station = attributes.get("Calling-Station-Id")
            service = service_of(attributes)
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

    def _stranger(self, attributes: dict[str, str], router: Router, key: Key, now: float) -> Answer:
        reason = "unreadable" if "Tmp-String-3" in attributes else "unknown_user"
        decision_id = f"{self._boot_id}{next(self._numbers):x}"
        station = attributes.get("Calling-Station-Id")
        self._record(now, router, key, station, service_of(attributes), "reject", reason, decision_id, None)
        return self._refused

    def _refusal_of_the_moment(self, entry: Entry, compiled: Compiled, mac: str | None, now: float) -> str | None:
        if compiled.checks_device:
            refusal = compiled.device_refusal(mac)
            if refusal is not None:
                return refusal
        holds = entry.holds
        if not entry.sessions and (not holds or (len(holds) == 1 and mac in holds)):
            return None
        if entry.others(mac, now) < compiled.session_limit:
            return None
        return self._confirm_session_limit(entry, compiled, mac, now)

    def _confirm_session_limit(self, entry: Entry, compiled: Compiled, mac: str | None, now: float) -> str | None:
        """Memory would refuse: only the database may. Without it the customer is let in."""
        epoch = self._store.epoch
        try:
            text = self._reader.read("open_sessions", str(entry.profile.subscription_id), str(SILENT_S))
        except UnableToRead as error:
            self._complain(f"database not read: {error}")
            return None
        if text is not None:
            entry.sessions = parse_open_sessions(text)
            # A session that opened or closed after the read may have been noted in what is now replaced.
            entry.dirty = entry.dirty or self._store.epoch != epoch
        return "session_limit" if entry.others(mac, now) >= compiled.session_limit else None

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
    ) -> None:
        subscription_id = None if entry is None else entry.profile.subscription_id
        details: dict[str, object] | None = {"stale": True} if stale else None
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
                details,
            )
        )


def service_of(attributes: dict[str, str]) -> str:
    """Which RouterOS service asks. PPP alone sends Framed-Protocol; a hotspot sends its own two attributes."""
    if attributes.get("Framed-Protocol") == "PPP":
        return "pppoe"
    if "Mikrotik-Host-IP" in attributes or "WISPr-Logoff-URL" in attributes:
        return "hotspot"
    if "Service-Type" not in attributes and attributes.get("NAS-Port-Type") == "Ethernet":
        return "dhcp"
    return "other"
