"""A fleet of simulated routers that dials customers in and reports their sessions, open loop, until acknowledged.

Customers dial, get the Class of their session in the Accept, move bytes, stop, and dial again; strangers try in
between. A record that is not acknowledged is sent again for ever, with a growing Acct-Delay-Time. Nothing waits for
anything: while servers are down, logins and records go on falling due. What was sent, acknowledged and answered is the
`Truth`.

The packets are the simulated router's, made by the same functions, with the parts that stay the same made once.
"""

import hashlib
import heapq
import hmac
import os
import queue
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from secrets import token_bytes

from faults.truth import ANSWER_WITHIN_S, Ask, Caller, Key, SessionTruth, Truth
from simulator import Login, Method, Proof, Service, wire
from simulator import attributes as ros
from simulator.attributes import RouterFacts, SessionFacts
from simulator.wire import Code

RECORD_TIMEOUT_S, MOST_RECORD_TIMEOUT_S = 1.0, 3.0
DIAL_AGAIN_AFTER_S = 1.0
_PER_TURN = 48
_NICE = -10
_FASTEST_BYTES_PER_S, _LEAST_BYTES = 1_000_000_000, 50_000_000
_RECEIVE_BYTES = 2 << 20
_CLASS, _MESSAGE_AUTHENTICATOR = 25, 80
_STATUS = {"Start": 1, "Stop": 2, "Interim-Update": 3}
_WRAP = 1 << 32
# Acct-Status-Type, Event-Timestamp, Acct-Delay-Time; then what a Start does not have; then Gigawords.
_HEAD = struct.Struct("!BBIBBIBBI")
_USAGE = struct.Struct("!BBIBBIBBI")
_GIGAWORDS = struct.Struct("!BBIBBI")
_CAUSE = struct.pack("!BBI", 49, 6, 1)


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where requests go: a host's two UDP ports."""

    auth_port: int
    acct_port: int
    host: str = "127.0.0.1"


@dataclass(kw_only=True)
class RouterPlan:
    """One router: its address, how wrong its clock is, whether it counts past 4 GiB and returns a login's Class."""

    address: str
    clock_skew_s: float = 0.0
    gigawords: bool = True
    echoes_class: bool = True
    reboots: int = 0
    next_session: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialler:
    """One customer and his device."""

    subscription_id: int
    username: str
    password: str
    mac: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of what; shares are probabilities. `bytes_a_record` is the most a session moves between two records.

    `backdated_s`: sessions and records happened this long ago, `pace` seconds of theirs for each of ours, and the
    router delivers them late; it says so in Acct-Delay-Time. `once`: a customer dials once between two restarts of his
    router, and his session is numbered by his subscription, so that he has the same Acct-Session-Id afterwards.
    """

    records: int = 3000
    seconds: float = 9.0
    records_a_session: int = 8
    strangers: float = 0.05
    lost_starts: float = 0.0
    lost_stops: float = 0.0
    repeats: float = 0.0
    bytes_a_record: int = 40_000_000
    backdated_s: float = 0.0
    pace: float = 1.0
    logins_a_second: float | None = None
    once: bool = False
    kept_packets: int = 0
    login_tries: int = 3
    login_timeout_s: float = ANSWER_WITHIN_S / 3
    # Whoever was silent this often is not asked again about the same customer or record, if there is another server.
    tries_at_a_server: int = 2

    @property
    def records_a_second(self) -> float:
        return self.records / self.seconds

    @property
    def login_rate(self) -> float:
        """A session needs a login, and brings a Start and a Stop along."""
        return self.logins_a_second or self.records_a_second / (self.records_a_session + 2)


@dataclass(kw_only=True, slots=True)
class _Record:
    session: "_Session"
    status: str
    upload_bytes: int
    download_bytes: int
    session_s: int
    happened_at: float
    sends: int = 0
    done: bool = False
    slots: "list[tuple[_Pool, socket.socket, int]]" = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class _Dial:
    ask: Ask
    dialler: Dialler
    router: RouterPlan
    facts: SessionFacts
    sign: Callable[[int], bytes]
    packet: bytes = b""
    slot: "tuple[_Pool, socket.socket, int] | None" = None
    server: int = 0
    done: bool = False


@dataclass(kw_only=True, slots=True)
class _Session:
    truth: SessionTruth
    dialler: Dialler
    router: RouterPlan
    before: bytes
    after: bytes
    left: int
    online_at: float
    is_open: bool = True


@dataclass(kw_only=True)
class _Pool:
    """Sockets of one router towards one port of one server; 256 requests each."""

    source: str
    to: tuple[str, int]
    register: Callable[[socket.socket, "_Pool"], None]
    free: deque[tuple[socket.socket, int]] = field(default_factory=deque)
    pending: dict[tuple[int, int], tuple["_Record | _Dial", bytes]] = field(default_factory=dict)

    def take(self) -> tuple[socket.socket, int]:
        if not self.free:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            opened.bind((self.source, 0))
            opened.connect(self.to)
            self.register(opened, self)
            self.free.extend((opened, identifier) for identifier in range(256))
        return self.free.popleft()


class Fleet(threading.Thread):
    """Runs in a thread of its own until `finish`; `call` runs something in that thread, between two packets."""

    def __init__(
        self, *, plan: Plan, routers: Sequence[RouterPlan], servers: Sequence[Server], secret: str,
        customers: Sequence[Dialler], strangers: Sequence[Dialler], seed: int,
    ) -> None:  # fmt: skip
        super().__init__(name="fleet", daemon=True)
        self.plan, self.routers, self.servers, self.truth = plan, list(routers), list(servers), Truth()
        self._secret = secret.encode()
        self._random = Random(seed)
        self._customers = list(customers)
        self._idle = deque(customers)
        self._strangers = deque(strangers)
        self._selector = selectors.DefaultSelector()
        self._pools: dict[tuple[str, int, bool], _Pool] = {}
        self._online: deque[_Session] = deque()
        self._timers: list[tuple[float, int, _Record | _Dial]] = []
        self._order = count()
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._unacked = self._logins_due = self._records_due = 0
        self._closing = threading.Event()
        self._leaving = threading.Event()
        self._resting = threading.Event()
        self.begun_at = self._turned_at = 0.0
        # The longest that nothing was sent or read: routers have machines of their own, and this one may be busy.
        self.stalled_s = 0.0
        # Router and packet, for whoever wants to send some again.
        self.kept: list[tuple[str, bytes]] = []
        self.error: Exception | None = None

    # --- for whoever watches ---

    @property
    def progress(self) -> float:
        """Which share of the records fell due."""
        return min(1.0, self.truth.issued / self.plan.records)

    def call(self, what: Callable[[], None]) -> None:
        """Run something in the fleet's thread."""
        self._calls.put(what)

    def finish(self, timeout_s: float) -> None:
        """Stop every session and wait until every record is acknowledged; raises `TimeoutError`."""
        self._closing.set()
        if not self._resting.wait(timeout_s) and self.error is None:
            self._leaving.set()
            self.join(10)
            self.truth.given_up = self._unacked
            raise TimeoutError(f"{self._unacked} records were never acknowledged")
        self._leaving.set()
        self.join(10)
        if self.error is not None:
            raise self.error

    def reboot(self, router: RouterPlan, *, same_ids: bool = False) -> list[SessionTruth]:
        """Power loss: sessions and undelivered records are forgotten, and ids start over. For `call`."""
        gone = [session for session in self._online if session.router is router]
        for session in gone:
            self._forget(session)
        for _, _, item in self._timers:
            if isinstance(item, _Record) and not item.done and item.session.router is router:
                item.session.truth.forgotten = True
                self._done_with(item)
        router.reboots += not same_ids
        router.next_session = 0
        if self.plan.once:
            mine = [one for one in self._customers if self._router_of(one) is router]
            self._idle = deque([*mine, *(one for one in self._idle if self._router_of(one) is not router)])
        return [session.truth for session in gone]

    def happen_now(self) -> None:
        """From here on nothing is delivered late. For `call`."""
        self.plan = replace(self.plan, backdated_s=0.0)

    # --- the loop ---

    def run(self) -> None:
        """Dial, report, repeat."""
        try:
            _go_first()
            self.begun_at = self._turned_at = time.monotonic()
            while not self._leaving.is_set():
                self._turn()
        except Exception as error:
            self.error = error
            self._resting.set()
        finally:
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
            self._selector.close()

    def _turn(self) -> None:
        now = time.monotonic()
        self.stalled_s, self._turned_at = max(self.stalled_s, now - self._turned_at), now
        while not self._calls.empty():
            self._calls.get()()
        busy = self._close_down() if self._closing.is_set() else self._go_on(now)
        busy = self._send_again(now) or busy
        for key, _ in self._selector.select(0 if busy else 0.004):
            self._receive(key.fileobj, key.data)  # type: ignore[arg-type]

    def _go_on(self, now: float) -> bool:
        """Whatever fell due since the last turn."""
        elapsed = now - self.begun_at
        wanted = int(elapsed * self.plan.login_rate) + self._first_wave()
        dials = min(wanted - self._logins_due, _PER_TURN)
        for _ in range(dials):
            self._logins_due += 1
            self._dial_next(now)
        if self.truth.issued >= self.plan.records:
            return dials > 0
        records = min(int(elapsed * self.plan.records_a_second) - self._records_due, _PER_TURN)
        for _ in range(max(0, records)):
            self._records_due += 1
            self._report_next()
        return dials > 0 or records >= _PER_TURN

    def _first_wave(self) -> int:
        """Sessions that everything begins with, so that records are about many."""
        return max(8, int(self.plan.login_rate))

    def _close_down(self) -> bool:
        for _ in range(min(_PER_TURN, len(self._online))):
            self._hang_up(self._online.popleft())
        if not self._online and not self._unacked:
            self._resting.set()
        return bool(self._online)

    # --- logins ---

    def _dial_next(self, now: float) -> None:
        if self._strangers and self._random.random() < self.plan.strangers:
            self._strangers.rotate(-1)
            self._dial(self._strangers[0], Caller.STRANGER, now)
        elif self._idle:
            self._dial(self._idle.popleft(), Caller.CUSTOMER, now)

    def _dial(self, dialler: Dialler, caller: Caller, now: float) -> None:
        router = self._router_of(dialler)
        router.next_session += 1
        number = dialler.subscription_id if self.plan.once else router.next_session
        asked = Login(service=Service.PPPOE, username=dialler.username, password=dialler.password, mac=dialler.mac)
        facts = SessionFacts(
            login=asked,
            session_id=f"81{router.reboots % 16:x}{number:05x}",
            number=number,
            framed_ip=f"100.{64 + number // 65536 % 64}.{number // 256 % 256}.{number % 256}",
        )
        ask = Ask(caller=caller, username=dialler.username, asked_at=now)
        dial = _Dial(ask=ask, dialler=dialler, router=router, facts=facts, sign=self._access_request(facts, router))
        self.truth.logins.append(ask)
        self._send_dial(dial)

    def _router_of(self, dialler: Dialler) -> RouterPlan:
        return self.routers[dialler.subscription_id % len(self.routers)]

    def _access_request(self, facts: SessionFacts, router: RouterPlan) -> Callable[[int], bytes]:
        authenticator = token_bytes(16)
        proof = Proof(method=Method.CHAP, username=facts.login.username, password=facts.login.password)
        credentials = proof.attributes(secret=self._secret, authenticator=authenticator)
        attributes = ros.access_request(facts, _facts(router), credentials)
        return lambda identifier: wire.access_request(
            identifier=identifier, authenticator=authenticator, attributes=attributes, secret=self._secret, sign=True
        )

    def _send_dial(self, dial: _Dial) -> None:
        server = 1 if len(self.servers) > 1 and dial.ask.sends >= self.plan.tries_at_a_server else 0
        if dial.slot is None or server != dial.server:
            dial.server = server
            pool = self._pool(dial.router.address, server, accounting=False)
            opened, identifier = pool.take()
            dial.packet = dial.sign(identifier)
            pool.pending[opened.fileno(), identifier] = (dial, dial.packet[4:20])
            self._release(dial)
            dial.slot = (pool, opened, identifier)
        dial.ask.sends += 1
        self._send(dial.slot[1], dial.packet)
        self._remind(self.plan.login_timeout_s, dial)

    def _release(self, dial: _Dial) -> None:
        if dial.slot is not None:
            pool, opened, identifier = dial.slot
            pool.pending.pop((opened.fileno(), identifier), None)
            pool.free.append((opened, identifier))
            dial.slot = None

    def _answered(self, dial: _Dial, answer: bytes, now: float) -> None:
        self._release(dial)
        dial.done = True
        dial.ask.answered_at, dial.ask.accepted = now, answer[0] == Code.ACCESS_ACCEPT
        if not dial.ask.accepted:
            self._dial_later(dial)
        elif dial.ask.caller is Caller.CUSTOMER:
            self._begin(dial, answer)

    def _dial_later(self, dial: _Dial) -> None:
        if dial.ask.caller is Caller.CUSTOMER:
            self._idle.append(dial.dialler)

    # --- sessions ---

    def _begin(self, dial: _Dial, answer: bytes) -> None:
        if self._closing.is_set():
            return
        minted = next((data for kind, data in _attributes(answer) if kind == _CLASS), b"")
        minted = minted if dial.router.echoes_class else b""
        began_at = time.time() - self.plan.backdated_s
        truth = SessionTruth(
            router=dial.router.address,
            session_id=dial.facts.session_id,
            class_text=minted.decode("ascii", "replace"),
            subscription_id=dial.dialler.subscription_id,
            username=dial.dialler.username,
            began_at=began_at,
        )
        before, after = _surroundings(dial.facts, dial.router, minted)
        left = max(1, round(self.plan.records_a_session * self._random.uniform(0.5, 1.5)))
        session = _Session(
            truth=truth, dialler=dial.dialler, router=dial.router, before=before, after=after, left=left,
            online_at=time.time(),
        )  # fmt: skip
        self.truth.sessions.append(truth)
        self._online.append(session)
        if self._random.random() >= self.plan.lost_starts:
            self._report(session, "Start")

    def _report_next(self) -> None:
        if not self._online:
            return
        session = self._online.popleft()
        session.left -= 1
        if session.left > 0 or len(self._online) < self._first_wave() // 2:
            self._online.append(session)
            self._report(session, "Interim-Update")
        elif self._random.random() < self.plan.lost_stops:
            self._forget(session)
        else:
            self._hang_up(session)

    def _hang_up(self, session: _Session) -> None:
        session.is_open = False
        self._report(session, "Stop")
        self._free(session)

    def _forget(self, session: _Session) -> None:
        if session.is_open:
            session.is_open = False
            session.truth.forgotten = True
            self._free(session)
        if session in self._online:
            self._online.remove(session)

    def _free(self, session: _Session) -> None:
        if not self.plan.once:
            self._idle.append(session.dialler)

    def _report(self, session: _Session, status: str) -> None:
        truth, happened_at = session.truth, time.time()
        if status != "Start":
            age_s = self._age_s(session, happened_at)
            # A counter of 32 bits can be followed only as far as a link can move it.
            moved = min(self.plan.bytes_a_record, max(_FASTEST_BYTES_PER_S * (age_s - truth.session_s), _LEAST_BYTES))
            truth.upload_bytes += self._random.randrange(moved // 8 + 1)
            truth.download_bytes += self._random.randrange(moved // 2, moved + 1)
            truth.session_s = age_s
        record = _Record(
            session=session,
            status=status,
            upload_bytes=truth.upload_bytes,
            download_bytes=truth.download_bytes,
            session_s=truth.session_s,
            happened_at=truth.began_at + truth.session_s if self.plan.backdated_s else happened_at,
        )
        self.truth.issued += 1
        self._unacked += 1
        self._send_record(record)
        if self.plan.repeats and self._random.random() < self.plan.repeats:
            self._send_record(record)

    def _age_s(self, session: _Session, now: float) -> int:
        return int((now - session.online_at) * self.plan.pace)

    # --- records ---

    def _send_record(self, record: _Record) -> None:
        """Each repeat is a packet of its own: with the delay, the content changes (RFC 2866 section 3)."""
        session = record.session
        server = 1 if len(self.servers) > 1 and record.sends >= self.plan.tries_at_a_server else 0
        pool = self._pool(session.router.address, server, accounting=True)
        opened, identifier = pool.take()
        packet = self._accounting_request(record, identifier)
        pool.pending[opened.fileno(), identifier] = (record, packet[4:20])
        record.slots.append((pool, opened, identifier))
        record.sends += 1
        self.truth.repeated += record.sends > 1
        if len(self.kept) < self.plan.kept_packets:
            self.kept.append((session.router.address, packet))
        self._send(opened, packet)
        wait_s = min(MOST_RECORD_TIMEOUT_S, RECORD_TIMEOUT_S * 1.4 ** (record.sends - 1))
        self._remind(wait_s * self._random.uniform(0.9, 1.1), record)

    def _accounting_request(self, record: _Record, identifier: int) -> bytes:
        session = record.session
        delay_s = max(0, int(time.time() - record.happened_at))
        stamp = max(0, int(record.happened_at + session.router.clock_skew_s)) % _WRAP
        body = session.before + _HEAD.pack(40, 6, _STATUS[record.status], 55, 6, stamp, 41, 6, delay_s)
        if record.status != "Start":
            up, down = record.upload_bytes, record.download_bytes
            body += _USAGE.pack(46, 6, record.session_s, 42, 6, up % _WRAP, 43, 6, down % _WRAP)
            if session.router.gigawords:
                body += _GIGAWORDS.pack(52, 6, up // _WRAP, 53, 6, down // _WRAP)
        if record.status == "Stop":
            body += _CAUSE
        body += session.after
        head = struct.pack("!BBH", Code.ACCOUNTING_REQUEST, identifier, 20 + len(body))
        return head + hashlib.md5(head + bytes(16) + body + self._secret).digest() + body

    def _acknowledged(self, record: _Record) -> None:
        if record.done:
            return
        self._done_with(record)
        truth = record.session.truth
        truth.acknowledge(
            record.status, record.upload_bytes, record.download_bytes, record.session_s, record.happened_at
        )
        is_start = record.status == "Start"
        router = record.session.router
        counted = (None, None, None) if is_start else (
            record.upload_bytes if router.gigawords else record.upload_bytes % _WRAP,
            record.download_bytes if router.gigawords else record.download_bytes % _WRAP,
            record.session_s,
        )  # fmt: skip
        self.truth.acked_at.append(time.monotonic())
        self.truth.acked.append(Key(truth.router, truth.session_id, truth.class_text, record.status, *counted))

    def _done_with(self, record: _Record) -> None:
        record.done = True
        for pool, opened, identifier in record.slots:
            pool.pending.pop((opened.fileno(), identifier), None)
            pool.free.append((opened, identifier))
        record.slots.clear()
        self._unacked -= 1

    # --- sockets and clocks ---

    def _pool(self, source: str, server: int, *, accounting: bool) -> _Pool:
        key = (source, server, accounting)
        if key not in self._pools:
            where = self.servers[server]
            to = (where.host, where.acct_port if accounting else where.auth_port)
            self._pools[key] = _Pool(source=source, to=to, register=self._register)
        return self._pools[key]

    def _register(self, opened: socket.socket, pool: _Pool) -> None:
        self._selector.register(opened, selectors.EVENT_READ, pool)

    def _send(self, opened: socket.socket, packet: bytes) -> None:
        self.truth.packets += 1
        try:
            opened.send(packet)
        except (BlockingIOError, ConnectionRefusedError):
            # A full buffer, or a server that is down: the timer sends it again.
            return

    def _remind(self, after_s: float, item: _Record | _Dial) -> None:
        heapq.heappush(self._timers, (time.monotonic() + after_s, next(self._order), item))

    def _send_again(self, now: float) -> bool:
        done = 0
        while self._timers and self._timers[0][0] <= now and done < _PER_TURN:
            _, _, item = heapq.heappop(self._timers)
            if item.done:
                continue
            done += 1
            if isinstance(item, _Record):
                self._send_record(item)
            elif item.ask.sends < self.plan.login_tries:
                self._send_dial(item)
            else:
                item.done = True
                self._release(item)
                self._dial_later(item)
        return done >= _PER_TURN

    def _receive(self, opened: socket.socket, pool: _Pool) -> None:
        while True:
            try:
                answer = opened.recv(4096)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue
            found = pool.pending.get((opened.fileno(), answer[1])) if len(answer) >= 20 else None
            if found is not None:
                self._take(opened, pool, answer, *found)

    def _take(self, opened: socket.socket, pool: _Pool, answer: bytes, item: _Record | _Dial, asked: bytes) -> None:
        if not self._is_genuine(answer, asked):
            # An answer to an earlier packet that had this identifier, or a forgery: believed in neither case.
            self.truth.strange += 1
        elif isinstance(item, _Dial):
            self._answered(item, answer, time.monotonic())
        else:
            self._acknowledged(item)

    def _is_genuine(self, answer: bytes, asked: bytes) -> bool:
        signed = answer[:4] + asked + answer[20:]
        if hashlib.md5(signed + self._secret).digest() != answer[4:20]:
            return False
        if answer[0] == Code.ACCOUNTING_RESPONSE:
            return True
        if answer[20:22] != bytes([_MESSAGE_AUTHENTICATOR, 18]):
            return False
        return hmac.digest(self._secret, signed[:22] + bytes(16) + signed[38:], "md5") == answer[22:38]


def _go_first() -> None:
    """Routers have processors of their own: this thread goes before the servers that share this machine with it."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        # The kernel shares out among groups of processes first, and each server is a group of its own.
        Path("/proc/self/autogroup").write_text(f"{_NICE}\n")
    except OSError:
        return


def _facts(router: RouterPlan) -> RouterFacts:
    return RouterFacts(identity=f"router {router.address}", nas_ip=router.address)


def _surroundings(facts: SessionFacts, router: RouterPlan, minted: bytes) -> tuple[bytes, bytes]:
    """The octets of a session's records before and after what changes from record to record."""
    own = SessionFacts(
        login=facts.login, session_id=facts.session_id, number=facts.number, framed_ip=facts.framed_ip,
        class_values=(minted,) if minted else (),
    )  # fmt: skip
    attributes = ros.accounting_request(
        own, _facts(router), status="Start", event_timestamp=0, delay_seconds=0, usage=[]
    )
    changing = {"Acct-Status-Type", "Event-Timestamp", "Acct-Delay-Time"}
    tail = {"NAS-Identifier", "NAS-IP-Address"}
    before = [pair for pair in attributes if pair[0] not in changing | tail]
    after = [pair for pair in attributes if pair[0] in tail]
    return wire.encode_attributes(before), wire.encode_attributes(after)


def _attributes(packet: bytes) -> list[tuple[int, bytes]]:
    at, found = 20, []
    while at + 2 <= len(packet):
        found.append((packet[at], packet[at + 2 : at + packet[at + 1]]))
        at += packet[at + 1]
    return found
