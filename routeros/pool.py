"""Kept connections, a few for each router, and rest for a router that does not answer.

A router writes every login into its log and takes twenty at most, so connections are used again. One that did not
answer is left alone for some seconds, twice as long each time, so that whoever asks next is told at once; then one
caller tries, and the others wait for what he finds. No lock is held while anybody waits for a router.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from routeros.errors import (
    Busy,
    CertificateChanged,
    CertificateUnknown,
    LoginRefused,
    Resting,
    RouterApiError,
    TimedOut,
    Unreachable,
)
from routeros.router import Router
from routeros.target import Target
from routeros.wire import Wire

# At most so many connections to one router, and so many kept while nobody uses them.
PER_ROUTER, KEPT = 4, 2
IDLE_S = 60.0
# A connection that was not used for so long is asked first whether it still stands.
ASK_AFTER_S, ASKING_S = 5.0, 1.0
REST_S, LONGEST_REST_S = 5.0, 60.0
# A caller in a hurry says nothing about the router.
PATIENCE_S = 0.4
MAX_LINES = 2000


@dataclass(frozen=True, kw_only=True)
class _Kept:
    wire: Wire
    target: Target
    since: float


@dataclass(kw_only=True)
class _Line:
    """What is known of one address and port."""

    slots: threading.BoundedSemaphore
    kept: list[_Kept] = field(default_factory=list)
    in_use: int = 0
    failures: int = 0
    rests_until: float = 0.0
    why: str = ""


class Pool:
    """Connections to routers, for all threads of a process."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        connect: Callable[..., Wire] = Wire.open,
        per_router: int = PER_ROUTER,
    ) -> None:
        self._clock = clock
        self._connect = connect
        self._per_router = per_router
        self._lock = threading.Lock()
        self._lines: dict[tuple[str, int], _Line] = {}

    @contextmanager
    def open(self, target: Target, *, deadline_s: float, even_if_resting: bool = False) -> Iterator[Router]:
        """A router to talk to; everything in the block together has `deadline_s` seconds.

        `even_if_resting` tries also when it did not answer a moment ago: for a person who asks for just that.
        """
        begun = self._clock()
        until = begun + deadline_s
        line = self._line(target, even_if_resting=even_if_resting)
        try:
            if not line.slots.acquire(timeout=max(0.0, deadline_s)):
                raise Busy("too much is being asked of the router already")
            try:
                yield from self._conversation(line, target, until)
            finally:
                line.slots.release()
        except (Unreachable, TimedOut) as failure:
            self._failed(line, failure, waited_s=self._clock() - begun)
            raise
        except (LoginRefused, CertificateUnknown, CertificateChanged):
            self._answered(line)
            raise
        finally:
            with self._lock:
                line.in_use -= 1

    def _conversation(self, line: _Line, target: Target, until: float) -> Iterator[Router]:
        wire = self._kept(line, target, until) or self._connect(target, until=until)
        try:
            yield Router(wire, until=until, clock=self._clock)
        finally:
            if wire.is_in_step:
                self._keep(line, target, wire)
            else:
                wire.close()

    def _line(self, target: Target, *, even_if_resting: bool) -> _Line:
        with self._lock:
            line = self._lines.get(target.place)
            if line is None:
                self._make_room()
                line = self._lines[target.place] = _Line(slots=threading.BoundedSemaphore(self._per_router))
            now = self._clock()
            if not even_if_resting and line.failures and now < line.rests_until:
                raise Resting(f"{line.why}; it is asked again in {max(1, round(line.rests_until - now))} seconds")
            if line.failures:
                # One tries; the others are told what was known until he is back.
                line.rests_until = now + REST_S
            line.in_use += 1
            return line

    def _make_room(self) -> None:
        if len(self._lines) < MAX_LINES:
            return
        for place in [place for place, line in self._lines.items() if not line.in_use]:
            for kept in self._lines.pop(place).kept:
                kept.wire.close()

    def _kept(self, line: _Line, target: Target, until: float) -> Wire | None:
        """A kept connection of this very account that still stands."""
        while True:
            now = self._clock()
            with self._lock:
                old, line.kept = line.kept, []
                usable = [one for one in old if one.target == target and now - one.since < IDLE_S]
                chosen = usable.pop() if usable else None
                line.kept = usable
            for one in old:
                if one is not chosen and one not in usable:
                    one.wire.close()
            if chosen is None:
                return None
            if self._stands(chosen, now, until):
                return chosen.wire
            chosen.wire.close()

    def _stands(self, kept: _Kept, now: float, until: float) -> bool:
        if now - kept.since < ASK_AFTER_S:
            return kept.wire.is_quiet()
        return kept.wire.is_alive(until=now + min(ASKING_S, (until - now) / 2))

    def _keep(self, line: _Line, target: Target, wire: Wire) -> None:
        self._answered(line)
        with self._lock:
            has_room = len(line.kept) < KEPT
            if has_room:
                line.kept.append(_Kept(wire=wire, target=target, since=self._clock()))
        if not has_room:
            wire.close()

    def _answered(self, line: _Line) -> None:
        with self._lock:
            line.failures, line.rests_until = 0, 0.0

    def _failed(self, line: _Line, failure: RouterApiError, *, waited_s: float) -> None:
        if isinstance(failure, Busy) or (isinstance(failure, TimedOut) and waited_s < PATIENCE_S):
            return
        with self._lock:
            line.failures += 1
            line.why = str(failure)
            line.rests_until = self._clock() + min(REST_S * 2.0 ** (line.failures - 1), LONGEST_REST_S)

    def close(self) -> None:
        """End every connection that nobody uses, and forget who rests."""
        with self._lock:
            lines, self._lines = list(self._lines.values()), {}
        for kept in [kept for line in lines for kept in line.kept]:
            kept.wire.close()

    def forget(self) -> None:
        """Start anew in a process that was forked: connections and locks in here are the parent's.

        Closing its own handle on them says nothing to the router; the parent goes on with his.
        """
        self._lock = threading.Lock()
        self.close()


pool = Pool()
open = pool.open  # noqa: A001 - `routeros.open(target)` reads as what it does
os.register_at_fork(after_in_child=pool.forget)
