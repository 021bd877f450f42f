"""Keeps the routers true, and nothing else: for the process that takes accounting, where no login is decided.

While the database cannot be heard, the routers last known go on being served.
"""

import threading
import time
from collections.abc import Callable

import psycopg

from db.crypto import Keyring
from db.queries.listener import Listener, UnableToListen
from db.queries.routers import active_routers, blocked_macs, folding_tenants, revoked_certificates
from radius.routers import RouterTable

HEARTBEAT_MS = 500
RETRY_S = 0.5
# A server that has been silent this long is given up, although its connection still stands.
GIVE_UP_S = 10.0


def load_routers(dsn: str, routers: RouterTable, keyring: Keyring, complain: Callable[[str], None]) -> None:
    """Take the active routers as the database has them now."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        routers.folding, routers.revoked = folding_tenants(connection), revoked_certificates(connection)
        unreadable = routers.replace(active_routers(connection), keyring, blocked_macs(connection))
    for name in unreadable:
        complain(f"router {name} is not served: its secret was made with a key that is not in the keys file")


def is_about_routers(channel: str, payload: str) -> bool:
    """Whether a notice says that a router was added, changed or removed."""
    return channel == "access_changed" and payload.startswith("nas ")


class RouterKeeper:
    """Listens, reconnects, and reloads the routers when any of them changed."""

    def __init__(self, dsn: str, routers: RouterTable, keyring: Keyring, complain: Callable[[str], None]) -> None:
        self._dsn = dsn
        self._routers = routers
        self._keyring = keyring
        self._complain = complain
        self._stopping = threading.Event()
        self._changed = False

    def run(self) -> None:
        """Listen until stopped, through any number of lost connections."""
        while not self._stopping.is_set():
            try:
                self._listen()
            except (psycopg.Error, OSError, UnableToListen) as error:
                self._complain(f"database not heard, routers as last known: {str(error).strip()}")
            self._stopping.wait(RETRY_S)

    def stop(self) -> None:
        """End `run` at its next heartbeat."""
        self._stopping.set()

    def _listen(self) -> None:
        listener = Listener(self._dsn, ("access_changed",), self._heard)
        try:
            # From here on nothing is missed, so what is read from here on can be believed.
            self._changed = True
            while not self._stopping.is_set():
                if self._changed:
                    self._changed = False
                    load_routers(self._dsn, self._routers, self._keyring, self._complain)
                self._wait(listener)
        finally:
            listener.close()

    def _wait(self, listener: Listener) -> None:
        listener.wait(HEARTBEAT_MS)
        silent_s = time.monotonic() - listener.heard_at
        if silent_s > GIVE_UP_S:
            raise UnableToListen(f"no answer in {GIVE_UP_S:.0f} s")
        if silent_s > HEARTBEAT_MS / 1000:
            listener.ask(0)

    def _heard(self, channel: str, payload: str) -> None:
        self._changed = self._changed or is_about_routers(channel, payload)
