"""What packets tell of the routers themselves: heard at the port for logins, signing their requests or not.

Decides what is worth telling again. The writer of the access log takes the notes along; nothing here waits for
anything, and what is known already costs a comparison.
"""

from collections.abc import Mapping

HEARD, SIGNED, UNSIGNED, UNREADABLE = "heard", "signed", "unsigned", "unreadable"
# The same thing of the same router is told once in this time.
AGAIN_S = 60.0
# A router makes four words at most, so this is never reached by honest routers.
MAX_KNOWN = 30_000


class RouterNotes:
    """`note` is called while packets are answered, `take` by the writer thread."""

    def __init__(self) -> None:
        self._told_at: dict[tuple[int, str], float] = {}
        self._waiting: dict[tuple[int, str], float] = {}

    def heard(self, nas_server_id: int, now: float) -> None:
        """A packet of the router has reached the port for logins, whatever becomes of it."""
        self._note((nas_server_id, HEARD), now)

    def signature(self, attributes: Mapping[str, str], nas_server_id: int, now: float) -> None:
        """The request's Message-Authenticator is there, or missing, other than was known of the router."""
        # What came out of an EAP tunnel is no packet of the router's; the tunnel's packets are always signed.
        if "FreeRADIUS-Proxied-To" not in attributes:
            self._note((nas_server_id, SIGNED if "Message-Authenticator" in attributes else UNSIGNED), now)

    def unreadable(self, nas_server_id: int, now: float) -> None:
        """A name or password came that is no text, as it does where the secrets differ."""
        self._note((nas_server_id, UNREADABLE), now)

    def _note(self, what: tuple[int, str], now: float) -> None:
        if now - self._told_at.get(what, 0.0) < AGAIN_S:
            return
        if len(self._told_at) >= MAX_KNOWN:
            self._told_at.clear()
        self._told_at[what] = self._waiting[what] = now

    def take(self) -> list[object]:
        """The notes since the last time, as the lines of the access log have them."""
        waiting, self._waiting = self._waiting, {}
        return [{"router": router, "seen": word, "at": at} for (router, word), at in list(waiting.items())]

    def put_back(self, notes: list[object]) -> None:
        """Notes that could not be written are told again at the next packet."""
        if notes:
            self._told_at.clear()
