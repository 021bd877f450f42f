"""Keeps memory true: the thread that listens to the database, and that alone connects to it.

While it hears the database, memory is trusted; when it does not, every login asks. No login ever waits for a
connection: it uses the reader if this thread has one open.
"""

import threading
import time
from collections.abc import Callable

import psycopg

from db.crypto import Keyring, UnableToDecrypt
from db.queries.access import all_profiles
from db.queries.listener import Listener, UnableToListen
from db.queries.reader import DeadlineReader, UnableToRead
from radius.router_keeper import GIVE_UP_S, HEARTBEAT_MS, RETRY_S, is_about_routers, load_routers
from radius.routers import RouterTable
from radius.store import Entry, ProfileStore

TRUST_S = 2.0
# Filling ahead gives way when a login came within this time.
QUIET_S = 0.02
# It then rests this long, not longer: a provider where somebody logs in all the time wants its memory filled as well.
REST_S = 0.01
FILL_CHUNK = 10
ASK_SHARE = 50
# A busy machine takes tens of milliseconds for what is one on a quiet one; some such answers must not use up the rest.
ASK_SAVED_S = 0.1
ASK_MS = 50.0
BUSY_S = 0.1
LOOK_EVERY_S = 0.0005


class Keeper:
    """Listens, reconnects, reloads the routers, and fills memory once at start."""

    def __init__(
        self,
        dsn: str,
        store: ProfileStore,
        routers: RouterTable,
        reader: DeadlineReader,
        keyring: Keyring,
        complain: Callable[[str], None],
        prepare: Callable[[Entry], None],
        is_ours: Callable[[str], bool],
    ) -> None:
        self._prepare = prepare
        self._is_ours = is_ours
        self._dsn = dsn
        self._store = store
        self._routers = routers
        self._reader = reader
        self._keyring = keyring
        self._complain = complain
        self._stopping = threading.Event()
        self._filled = False
        self._routers_changed = False
        self.listener: Listener | None = None
        self._asked_at = 0.0
        self._credit_s = 0.0
        self._looked_at = 0.0

    def run(self) -> None:
        """Listen until stopped, through any number of lost connections."""
        while not self._stopping.is_set():
            try:
                self._listen()
            except (psycopg.Error, OSError, UnableToRead, UnableToListen, UnableToDecrypt) as error:
                self._lost(error)
            self._stopping.wait(RETRY_S)

    def stop(self) -> None:
        """End `run` at its next heartbeat."""
        self._stopping.set()

    def catch_up(self) -> None:
        """For a login: hear what was committed before it.

        Asking costs a round trip, so at most one part in `ASK_SHARE` of the time goes into it, with some saved up
        while it is quiet: logins now and then always ask; a storm takes what has arrived by itself.
        """
        listener = self.listener
        if listener is None:
            return
        try:
            now = time.monotonic()
            credit_s = min(self._credit_s + (now - self._asked_at) / ASK_SHARE, ASK_SAVED_S)
            self._asked_at = now
            if credit_s > 0:
                listener.ask(ASK_MS)
                credit_s -= time.monotonic() - now
            elif now - self._looked_at > LOOK_EVERY_S:
                self._looked_at = now
                listener.look()
            self._credit_s = credit_s
            self._store.trusted_until = listener.heard_at + TRUST_S
        except UnableToListen as error:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        self.listener = None
        self._store.distrust()
        self._complain(f"database not heard, memory not trusted: {str(error).strip()}")

    def _listen(self) -> None:
        listener = Listener(self._dsn, ("access_changed", "session_changed"), self._heard)
        try:
            # From here on nothing is missed, so what is read from here on can be believed.
            self._store.distrust()
            self._load_routers()
            self._reader.connect()
            self.listener = listener
            self._store.trusted_until = listener.heard_at + TRUST_S
            self._complain("database heard, memory trusted")
            self._fill_once()
            # A login that found the connection broken has taken it away.
            while not self._stopping.is_set() and self.listener is listener:
                self._keep(listener)
        finally:
            self.listener = None
            listener.close()

    def _heard(self, channel: str, payload: str) -> None:
        try:
            self._take(channel, payload)
        except (ValueError, TypeError, KeyError) as error:
            # Anybody with the database's password can notify. Whatever was meant, nothing in memory is believed now.
            self._store.distrust()
            self._complain(f"notice not understood, memory read again: {payload[:100]!r} ({error!r})")

    def _take(self, channel: str, payload: str) -> None:
        if channel == "session_changed":
            self._store.session_changed(payload)
        elif is_about_routers(channel, payload):
            self._routers_changed = True
            self._routers.heard(payload)
        else:
            self._store.access_changed(payload)

    def _keep(self, listener: Listener) -> None:
        if time.monotonic() - self._asked_at < BUSY_S:
            # Logins hear for themselves; waking for each of their answers would only take turns from them.
            self._stopping.wait(BUSY_S)
        else:
            listener.wait(HEARTBEAT_MS)
        if self._routers_changed:
            self._routers_changed = False
            self._load_routers()
        silent_s = time.monotonic() - listener.heard_at
        if silent_s > GIVE_UP_S:
            raise UnableToListen(f"no answer in {GIVE_UP_S:.0f} s")
        if silent_s > HEARTBEAT_MS / 1000:
            listener.ask(0)
        if not self._reader.is_open:
            self._reader.connect()
        self._store.trusted_until = listener.heard_at + TRUST_S

    def _load_routers(self) -> None:
        load_routers(self._dsn, self._routers, self._keyring, self._complain)

    def _fill_once(self) -> None:
        if not self._filled:
            self._filled = True
            threading.Thread(target=self._fill, name="fill", daemon=True).start()

    def _fill(self) -> None:
        """Read every subscription whose logins come here, so that a storm after a start finds memory full.

        Gives way to logins: Python runs one thread at a time, and a busy one makes each of them wait its turn. A change
        of many rows at once ends the filling: the rest is read when somebody logs in.
        """
        store = self._store
        store.touched, epoch = set(), store.epoch
        try:
            with psycopg.connect(self._dsn) as connection:
                for number, (profile, sessions) in enumerate(all_profiles(connection, store.capacity, self._is_ours)):
                    if self._stopping.is_set() or store.touched is None:
                        break
                    key = (profile.tenant_id, profile.username)
                    entry = store.put_ahead(key, profile, sessions, time.time(), epoch)
                    if entry is not None:
                        self._prepare(entry)
                    if number % FILL_CHUNK == 0:
                        self._give_way()
        except psycopg.Error as error:
            self._complain(f"memory not filled ahead: {str(error).strip()}")
        store.touched = None

    def _give_way(self) -> None:
        if time.monotonic() - self._asked_at < QUIET_S:
            self._stopping.wait(REST_S)
