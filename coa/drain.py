"""Empties the outbox: claims what is due, sends it to many routers at once, writes down what they say.

Decides how much is in flight, in which order and at which pace, and when to stop. What an answer means is decided in
`domain.retransmission`, what a router has taught us in `domain.capability`, what a packet looks like in `coa.exchange`.

What somebody waits for goes first and has room of its own with every router. Changes of many at once go at each
router's pace, and one sender at a time sends them, so that the pace holds over all senders.

One coroutine does all database work and every exchange is a task of its own, so a router that is silent holds up
nobody: while its packets are repeated, other changes are claimed, sent and written down. A killed sender leaves claims
that run out; they are put back and sent again, which does a session no harm.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any
from uuid import uuid4

import psycopg

from coa.exchange import MOST_IN_FLIGHT, Answer, Request, Router, RouterLink
from coa.fallback import disconnect_instead
from coa.lessons import Lessons
from coa.pace import Pace
from db.crypto import UnableToDecrypt, keyring
from db.queries import outbox
from db.queries.outbox import Claim, Room, Situation
from domain.capability import Ask, can_wait, lesson_of
from domain.live_change import LATER
from domain.retransmission import (
    GONE,
    KNOWN_TO_REFUSE,
    LOOK_AFTER,
    MAX_CLAIMS,
    SUPERSEDED,
    Outcome,
    Verdict,
    cause_text,
    judge,
    longest_exchange,
    says_unknown_session,
)
from domain.vendors import live_attributes
from runtime.logs import get_logger

# An exchange, then time to write it down; after that the claim is anybody's.
LEASE = 3 * longest_exchange()
# No packet leaves in the last part of a lease.
_SEND_WITHIN = LEASE - longest_exchange() / 2
# A router that let an exchange end in silence is probed with this many until it answers.
_ROOM_WHEN_SILENT = 8
# On top of what many changes at once may hold, for those that somebody waits for.
_ROOM_TO_SPARE = 56
# So many changes at once leave one router's part of a claim to the next router.
_MOST_OF_ONE_ROUTER = 60
# A claim with more would hold up what somebody clicks for meanwhile.
_MOST_CLAIMED_AT_ONCE = 400
# Whoever sends the changes of many at once and is killed, is followed after this.
_TURN = timedelta(seconds=5)
# Each router costs an open file while something is in flight; a process has 1,024 by default.
MOST_ROUTERS = 500
_LOOK_AGAIN_S = 0.05
_MOST_WRITTEN_AT_ONCE = 400
_CLAIM_FOR = timedelta(seconds=20)

log = get_logger("coa.drain")


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What a drain did; `retried` go out again later, `more` says that it stopped before all was sent."""

    claimed: int = 0
    ack: int = 0
    nak: int = 0
    timeout: int = 0
    gone: int = 0
    superseded: int = 0
    retried: int = 0
    released: int = 0
    more: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """For a task's result and for `--json`."""
        return asdict(self)


def drain(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str = "") -> Counts:
    """Send everything that is due, until nothing is; `bind` is the source address of the packets.

    The connection must be idle: every step commits.
    """
    return asyncio.run(_Drain(connection, clock=clock, bind=bind).run())


def sweep(connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str = "") -> Counts:
    """Put back what killed senders had claimed, then drain."""
    with connection.transaction():
        released = outbox.release_expired(connection, now=clock(), most_claims=MAX_CLAIMS)
    if released:
        log.warning("changes of a lost sender put back", changes=released)
    return replace(drain(connection, clock=clock, bind=bind), released=released)


class _Drain:
    """One run. Database work happens in a thread, one step at a time, so that packets never wait for a commit."""

    def __init__(self, connection: psycopg.Connection[Any], *, clock: Callable[[], datetime], bind: str) -> None:
        self._books = _Books(connection, clock)
        self._clock = clock
        self._bind = bind
        self._links: dict[int, RouterLink] = {}
        self._in_flight: Counter[int] = Counter()
        self._silent: set[int] = set()
        self._pace = Pace()
        self._last_router = 0
        self._tasks: dict[asyncio.Task[Answer], Claim] = {}
        self._done: asyncio.Queue[asyncio.Task[Answer]] = asyncio.Queue()

    async def run(self) -> Counts:
        until = self._clock() + _CLAIM_FOR
        try:
            while True:
                late = self._clock() >= until
                if late:
                    # What is in flight may take seconds yet; whoever claims meanwhile need not wait for that.
                    await asyncio.to_thread(self._books.give_turn_back)
                claimed, held_back = (0, False) if late else await self._claim()
                if self._tasks or held_back:
                    await self._write_down(await self._finished())
                elif not claimed:
                    return Counts(**self._books.counts, more=late)
        finally:
            await self._stop()

    async def _claim(self) -> tuple[int, bool]:
        """How many changes were claimed, and whether some wait for their pace only."""
        loop_now = asyncio.get_running_loop().time()
        # Counted from before the claim, so a sender that stood still can only stop too early.
        send_until = loop_now + _SEND_WITHIN.total_seconds()
        rooms = {
            router: self._room(router, loop_now)
            for router in self._in_flight.keys() | self._silent | self._pace.routers()
        }
        most_routers = max(1, MOST_ROUTERS - len(self._links))
        claims, asks = await asyncio.to_thread(self._books.take_due, rooms, most_routers, self._last_router)
        self._note_claims(claims, loop_now)
        for claim, ask in asks:
            self._launch(claim, ask, send_until)
        return len(claims), self._pace.holds_back(loop_now)

    def _room(self, router: int, loop_now: float) -> Room:
        held = self._in_flight[router]
        if router in self._silent:
            return Room(soon=2 * _ROOM_WHEN_SILENT - held, later=_ROOM_WHEN_SILENT - held)
        later = min(MOST_IN_FLIGHT - held, _MOST_OF_ONE_ROUTER, self._pace.room(router, loop_now))
        return Room(soon=MOST_IN_FLIGHT + _ROOM_TO_SPARE - held, later=later)

    def _note_claims(self, claims: list[Claim], loop_now: float) -> None:
        for claim in claims:
            if claim.priority == LATER:
                self._pace.spend(claim.nas_server_id, per_second=claim.per_second, now=loop_now)
                self._last_router = claim.nas_server_id

    def _launch(self, claim: Claim, ask: Ask, send_until: float) -> None:
        task = asyncio.create_task(self._exchange(claim, ask, send_until))
        self._tasks[task] = claim
        self._in_flight[claim.nas_server_id] += 1
        task.add_done_callback(self._done.put_nowait)

    async def _exchange(self, claim: Claim, ask: Ask, send_until: float) -> Answer:
        try:
            link = self._link(claim)
        except UnableToDecrypt as error:
            return Answer(result="error", sent_at=self._clock(), note=f"router's secret: {error}")
        request = Request(
            kind=claim.kind,
            username=claim.username,
            session_id=claim.session_id,
            framed_ip=claim.framed_ip,
            attributes=live_attributes(ask.attributes, claim.vendor),
        )
        answer = await link.exchange(request, send_until=send_until)
        return replace(answer, left_out=ask.left_out) if ask.left_out else answer

    def _link(self, claim: Claim) -> RouterLink:
        if claim.nas_server_id not in self._links:
            secret = keyring().decrypt(claim.secret_token).encode()
            router = Router(host=claim.host, port=claim.port, secret=secret)
            self._links[claim.nas_server_id] = RouterLink(
                router, bind=self._bind, clock=self._clock, variation=_variation
            )
        return self._links[claim.nas_server_id]

    async def _finished(self) -> list[asyncio.Task[Answer]]:
        """What has ended since the last look; waits a moment for the first one."""
        try:
            finished = [await asyncio.wait_for(self._done.get(), _LOOK_AGAIN_S)]
        except TimeoutError:
            return []
        while not self._done.empty() and len(finished) < _MOST_WRITTEN_AT_ONCE:
            finished.append(self._done.get_nowait())
        return finished

    async def _write_down(self, tasks: list[asyncio.Task[Answer]]) -> None:
        if not tasks:
            return
        exchanges = [(self._tasks.pop(task), self._answer(task)) for task in tasks]
        for claim, answer in exchanges:
            self._note_router(claim.nas_server_id, answer)
        await asyncio.to_thread(self._books.write_down, exchanges)

    def _answer(self, task: asyncio.Task[Answer]) -> Answer:
        error = task.exception()
        if error is None:
            return task.result()
        # A change that trips our own code must not take the others down with it, nor vanish.
        log.error("sending a change failed", exc_info=error)
        return Answer(result="unsendable", sent_at=self._clock(), note=f"internal error: {type(error).__name__}")

    def _note_router(self, router: int, answer: Answer) -> None:
        if answer.result == "timeout":
            self._silent.add(router)
        elif answer.answered_at is not None:
            self._silent.discard(router)
        self._in_flight[router] -= 1
        if not self._in_flight[router]:
            del self._in_flight[router]
            link = self._links.pop(router, None)
            if link is not None:
                link.close()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self._links.values():
            link.close()
        await asyncio.to_thread(self._books.give_turn_back)


class _Books:
    """The outbox as one drain sees it; every method commits."""

    def __init__(self, connection: psycopg.Connection[Any], clock: Callable[[], datetime]) -> None:
        self._connection = connection
        self._clock = clock
        self._lessons = Lessons(connection)
        self._sender = uuid4().hex
        self._has_turn = False
        self.counts: Counter[str] = Counter()

    def take_due(
        self, rooms: dict[int, Room], most_routers: int, after_router: int
    ) -> tuple[list[Claim], list[tuple[Claim, Ask]]]:
        """Claim what is due; returns the claims, and what of them is worth a packet with what to ask."""
        now = self._clock()
        with self._connection.transaction():
            self._has_turn = outbox.take_turn(self._connection, sender=self._sender, now=now, until=now + _TURN)
            claims = outbox.claim_due(
                self._connection,
                now=now,
                lease=LEASE,
                room=self._bounded(Room(soon=MOST_IN_FLIGHT, later=_MOST_OF_ONE_ROUTER)),
                rooms={router: self._bounded(room) for router, room in rooms.items()},
                most_routers=most_routers,
                most=_MOST_CLAIMED_AT_ONCE,
                after_router=after_router,
            )
        if not claims:
            return [], []
        self.counts["claimed"] += len(claims)
        return claims, self._worth_sending(claims)

    def _bounded(self, room: Room) -> Room:
        return room if self._has_turn else Room(soon=room.soon, later=0)

    def give_turn_back(self) -> None:
        """Another sender need not wait for the end of this one's turn."""
        if self._has_turn and not self._connection.closed:
            with self._connection.transaction():
                outbox.give_turn_back(self._connection, sender=self._sender)
            self._has_turn = False

    def _worth_sending(self, claims: list[Claim]) -> list[tuple[Claim, Ask]]:
        now = self._clock()
        with self._connection.transaction():
            wanted = outbox.still_wanted(self._connection, claims)
            self._lessons.learn_of({claim.nas_server_id for claim in claims}, now)
            asks = {claim.id: self._lessons.worth_asking(claim) for claim in claims}
            pointless = [(claim, verdict) for claim in claims if (verdict := _without_asking(claim, wanted))]
            self._finish([_outcome(claim, verdict, now=now) for claim, verdict in pointless])
        dropped = {claim.id for claim, _ in pointless}
        refused = [claim for claim in claims if claim.id not in dropped and asks[claim.id].refused]
        if refused:
            self.write_down([(claim, _as_refused(asks[claim.id], now)) for claim in refused])
        dropped |= {claim.id for claim in refused}
        return [(claim, asks[claim.id]) for claim in claims if claim.id not in dropped]

    def write_down(self, exchanges: list[tuple[Claim, Answer]]) -> None:
        """Record the attempts and what follows from them."""
        now = self._clock()
        verdicts = self._judge(exchanges, now)
        plain = [step for step in zip(exchanges, verdicts, strict=True) if not step[1].disconnect]
        with self._connection.transaction():
            self._lessons.keep(exchanges, now)
            outbox.record_attempts(self._connection, [_attempt(*exchange) for exchange, _ in plain])
            self._finish([_outcome(claim, verdict, now=now, answer=answer) for (claim, answer), verdict in plain])
        for (claim, answer), verdict in zip(exchanges, verdicts, strict=True):
            if verdict.disconnect:
                self._disconnect_instead(claim, answer, verdict, now)

    def _judge(self, exchanges: list[tuple[Claim, Answer]], now: datetime) -> list[Verdict]:
        unclear = [claim.id for claim, answer in exchanges if answer.result != "ack"]
        known = outbox.situations(self._connection, unclear) if unclear else {}
        return [judge(_seen(claim, answer, known.get(claim.id), now)) for claim, answer in exchanges]

    def _disconnect_instead(self, claim: Claim, answer: Answer, verdict: Verdict, now: datetime) -> None:
        # A transaction for each: it may wait for a concurrent enqueue, and must hold nothing that one waits for.
        with self._connection.transaction():
            outbox.record_attempts(self._connection, [_attempt(claim, answer)])
            held = self._finish([_outcome(claim, verdict, now=now, answer=answer)])
            if held:
                disconnect_instead(self._connection, claim, why=f"after {_why(answer)}", now=now)

    def _finish(self, outcomes: list[outbox.Outcome]) -> set[int]:
        if not outcomes:
            return set()
        held = outbox.finish(self._connection, outcomes)
        for outcome in outcomes:
            if outcome.id in held:
                self.counts["retried" if outcome.status == "pending" else outcome.status] += 1
        return held


def _without_asking(claim: Claim, wanted: set[int]) -> Verdict | None:
    """What becomes of a change that needs no packet any more."""
    if claim.router_removed or not claim.session_open:
        return GONE
    return None if claim.id in wanted else SUPERSEDED


def _as_refused(ask: Ask, now: datetime) -> Answer:
    """What a router says that is known to refuse this; it is not asked."""
    return Answer(result="nak", sent_at=now, cause=KNOWN_TO_REFUSE, note=f"not asked: it refuses {ask.refused}")


def _why(answer: Answer) -> str:
    return answer.note or f"NAK {answer.cause}"


def _seen(claim: Claim, answer: Answer, situation: Situation | None, now: datetime) -> Outcome:
    return Outcome(
        kind=claim.kind,
        result=answer.result,
        cause=answer.cause,
        tries=claim.tries,
        age=now - (claim.sent_at or answer.sent_at),
        asked_again=says_unknown_session(claim.error_cause),
        session_open=situation is not None and situation.session_open,
        has_successor=situation is not None and situation.has_successor,
        newer_waiting=situation is not None and situation.newer_waiting,
        has_api=claim.has_api,
        can_ask_less=_can_ask_less(claim, answer),
        can_wait=claim.kind == "coa" and can_wait(claim.attributes),
    )


def _can_ask_less(claim: Claim, answer: Answer) -> bool:
    sent = [name for name in claim.attributes if name not in answer.left_out]
    lesson = lesson_of(claim.kind, sent, answer.cause)
    return lesson is not None and lesson.is_sure and answer.transmissions > 0


def _attempt(claim: Claim, answer: Answer) -> outbox.Attempt:
    return outbox.Attempt(
        change_id=claim.id,
        sent_at=answer.sent_at,
        answered_at=answer.answered_at,
        transmissions=answer.transmissions,
        result="error" if answer.result == "unsendable" else answer.result,
        error_cause=_cause(answer),
    )


def _cause(answer: Answer) -> str | None:
    """Why it was refused or met silence; of an answer that was a yes, what it was not asked for."""
    if answer.left_out:
        return f"without {', '.join(answer.left_out)}: at the next login"
    return answer.note if answer.cause == KNOWN_TO_REFUSE else cause_text(answer.cause) or answer.note


def _outcome(claim: Claim, verdict: Verdict, *, now: datetime, answer: Answer | None = None) -> outbox.Outcome:
    sent = answer is not None and answer.transmissions > 0
    answered_at = answer.answered_at if answer is not None else None
    return outbox.Outcome(
        id=claim.id,
        claimed_until=claim.claimed_until,
        status=verdict.status,
        error_cause=_cause(answer) if answer is not None else None,
        sent_at=answer.sent_at if answer is not None and sent else None,
        next_attempt_at=now + verdict.retry_after if verdict.retry_after is not None else None,
        finished_at=None if verdict.status == "pending" else answered_at or now,
        via=verdict.via,
        look_at=now + LOOK_AFTER[0] if verdict.status == "ack" and _can_be_seen(claim) else None,
    )


def _can_be_seen(claim: Claim) -> bool:
    # The end of a session is told by its Stop; anything else only by the router's tables.
    return claim.kind == "disconnect" or claim.has_api


def _variation() -> float:
    return _random.uniform(-1, 1)


_random = SystemRandom()
