"""What really happened, as the routers saw it: bytes of every session, records acknowledged, logins answered.

Whatever the installation stored is compared with this. Decides when a login counts as answered correctly and when
service was back; refuses to know databases and sockets.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

# A login that was not answered by now is of no use to the customer.
ANSWER_WITHIN_S = 3.0
# Service is back with the first of so many good answers in a row.
STEADY_ANSWERS = 50


class Key(NamedTuple):
    """One accounting record, told apart from every other; counters are None in a Start."""

    router: str
    session_id: str
    class_text: str
    status: str
    upload_bytes: int | None
    download_bytes: int | None
    session_s: int | None


class Caller(StrEnum):
    """Who asks to be let in."""

    CUSTOMER = "customer"
    # A wrong password, an unknown name or a blocked subscription: never to be let in.
    STRANGER = "stranger"


@dataclass(kw_only=True, slots=True)
class Ask:
    """One login from the first packet to the answer; times are monotonic. `accepted` is None while there is none."""

    caller: Caller
    username: str
    asked_at: float
    answered_at: float | None = None
    accepted: bool | None = None
    sends: int = 0

    @property
    def is_good(self) -> bool:
        """A customer was let in, in time."""
        return (
            bool(self.accepted) and self.answered_at is not None and self.answered_at - self.asked_at <= ANSWER_WITHIN_S
        )


@dataclass(kw_only=True, slots=True)
class SessionTruth:
    """One session: what its router counted and reported, and what of it was acknowledged. `began_at` is true time."""

    router: str
    session_id: str
    class_text: str
    subscription_id: int
    username: str
    began_at: float
    upload_bytes: int = 0
    download_bytes: int = 0
    session_s: int = 0
    acked_upload_bytes: int = 0
    acked_download_bytes: int = 0
    acked_session_s: int = 0
    last_acked_at: float = 0.0
    records_acked: int = 0
    stop_acked: bool = False
    # The router forgot it (power loss), or its Stop was never delivered: it has no end that anybody was told.
    forgotten: bool = False

    def acknowledge(self, status: str, upload_bytes: int, download_bytes: int, session_s: int, at: float) -> None:
        """A record is in the installation's hands from now on; records may be acknowledged in any order."""
        self.records_acked += 1
        self.acked_upload_bytes = max(self.acked_upload_bytes, upload_bytes)
        self.acked_download_bytes = max(self.acked_download_bytes, download_bytes)
        self.acked_session_s = max(self.acked_session_s, session_s)
        self.last_acked_at = max(self.last_acked_at, at)
        self.stop_acked = self.stop_acked or status == "Stop"

    def believe(self, keys: Sequence[Key]) -> None:
        """Only these of its records were acknowledged."""
        self.records_acked, self.stop_acked = len(keys), any(key.status == "Stop" for key in keys)
        self.acked_upload_bytes = max((key.upload_bytes or 0 for key in keys), default=0)
        self.acked_download_bytes = max((key.download_bytes or 0 for key in keys), default=0)
        self.acked_session_s = max((key.session_s or 0 for key in keys), default=0)


@dataclass(kw_only=True)
class Truth:
    """Everything that a fleet knows after a run."""

    sessions: list[SessionTruth] = field(default_factory=list)
    logins: list[Ask] = field(default_factory=list)
    acked: list[Key] = field(default_factory=list)
    # When each of these was, monotonic.
    acked_at: list[float] = field(default_factory=list)
    issued: int = 0
    packets: int = 0
    repeated: int = 0
    strange: int = 0
    given_up: int = 0

    def forget(self, excused: Collection[Key]) -> None:
        """Take these as never acknowledged: their sessions were promised what the others say."""
        names = {key[:3] for key in excused}
        left: dict[tuple[str, str, str], list[Key]] = {name: [] for name in names}
        for key in self.acked:
            if key[:3] in names and key not in excused:
                left[key[:3]].append(key)
        for session in self.sessions:
            keys = left.get((session.router, session.session_id, session.class_text))
            if keys is not None:
                session.believe(keys)


def false_rejects(logins: Iterable[Ask]) -> list[Ask]:
    """Customers who were told no."""
    return [ask for ask in logins if ask.caller is Caller.CUSTOMER and ask.accepted is False]


def false_accepts(logins: Iterable[Ask]) -> list[Ask]:
    """Strangers who were let in."""
    return [ask for ask in logins if ask.caller is Caller.STRANGER and ask.accepted]


def availability(logins: Iterable[Ask], *, since: float, until: float) -> float | None:
    """The share of customers who asked in the window and were let in within three seconds; None when nobody asked."""
    asked = _customers(logins, since, until)
    return sum(ask.is_good for ask in asked) / len(asked) if asked else None


def not_let_in(logins: Iterable[Ask], *, since: float, until: float) -> list[Ask]:
    """Those whom `availability` counts as missing."""
    return [ask for ask in _customers(logins, since, until) if not ask.is_good]


def _customers(logins: Iterable[Ask], since: float, until: float) -> list[Ask]:
    return [ask for ask in logins if ask.caller is Caller.CUSTOMER and since <= ask.asked_at < until]


def recovery_s(logins: Iterable[Ask], *, healed_at: float, steady: int = STEADY_ANSWERS) -> float | None:
    """Seconds from the end of the fault to the first of `steady` good answers in a row; None when that never came.

    0 when service never stopped: customers asked just before the end were answered as well.
    """
    asked = [ask for ask in logins if ask.caller is Caller.CUSTOMER]
    later = sorted((ask for ask in asked if ask.asked_at >= healed_at), key=lambda ask: ask.asked_at)
    if not later:
        return None
    bad_until = max((number for number, ask in enumerate(later) if not ask.is_good), default=-1)
    first = _first_steady(later, steady)
    if first is None:
        return None
    if bad_until < 0 and all(ask.is_good for ask in asked if healed_at - 1.0 <= ask.asked_at < healed_at):
        return 0.0
    return max(0.0, (later[first].answered_at or healed_at) - healed_at)


def _first_steady(asked: Sequence[Ask], steady: int) -> int | None:
    wanted = min(steady, len(asked))
    run = 0
    for number, ask in enumerate(asked):
        run = run + 1 if ask.is_good else 0
        if run >= wanted:
            return number - wanted + 1
    return None
