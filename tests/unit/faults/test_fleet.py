"""The fleet against a server that answers as told: what it sends, repeats, and takes for true."""

import hashlib
import hmac
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from faults.nas import Dialler, Fleet, Plan, RouterPlan, Server
from simulator import wire
from simulator.wire import Code, Packet

SECRET = b"secret"
CUSTOMERS = [Dialler(subscription_id=n, username=f"user{n}", password="pw", mac="02:00:00:00:00:01") for n in range(40)]


class FakeServer(threading.Thread):
    """Accepts every login with a Class, and acknowledges the records that `acknowledges` lets through."""

    def __init__(self, acknowledges: Callable[[int], bool] = lambda _: True) -> None:
        super().__init__(daemon=True)
        self._acknowledges = acknowledges
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for opened in self.sockets:
            opened.bind(("127.0.0.1", 0))
        self.records: list[Packet] = []
        self.stopping = False

    @property
    def server(self) -> Server:
        auth, acct = (opened.getsockname()[1] for opened in self.sockets)
        return Server(auth_port=auth, acct_port=acct)

    def run(self) -> None:
        while not self.stopping:
            for opened in select.select(self.sockets, [], [], 0.05)[0]:
                raw, sender = opened.recvfrom(4096)
                answer = self._answer(wire.decode(raw))
                if answer:
                    opened.sendto(answer, sender)

    def _answer(self, request: Packet) -> bytes:
        if request.code == Code.ACCESS_REQUEST:
            return _signed(Code.ACCESS_ACCEPT, request, wire.encode_attributes([("Class", b"lts1:1:0:1")]))
        self.records.append(request)
        number = len(self.records)
        return _signed(Code.ACCOUNTING_RESPONSE, request, b"") if self._acknowledges(number) else b""


def _signed(code: int, request: Packet, body: bytes) -> bytes:
    if code == Code.ACCESS_ACCEPT:
        body = bytes([80, 18]) + bytes(16) + body
    head = bytes([code, request.identifier]) + (20 + len(body)).to_bytes(2, "big")
    if code == Code.ACCESS_ACCEPT:
        mac = hmac.digest(SECRET, head + request.authenticator + body, "md5")
        body = body[:2] + mac + body[18:]
    return head + hashlib.md5(head + request.authenticator + body + SECRET).digest() + body


@contextmanager
def fleet(server: FakeServer, plan: Plan) -> Iterator[Fleet]:
    running = Fleet(
        plan=plan, routers=[RouterPlan(address="127.0.0.21")], servers=[server.server], secret=SECRET.decode(),
        customers=CUSTOMERS, strangers=[], seed=1,
    )  # fmt: skip
    server.start()
    running.start()
    try:
        yield running
    finally:
        server.stopping = True
        server.join(5)
        for opened in server.sockets:
            opened.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_every_session_begins_with_a_login_and_ends_with_the_bytes_that_its_router_counted() -> None:
    server = FakeServer()
    with fleet(server, Plan(records=200, seconds=1.0)) as running:
        until(lambda: running.progress >= 1.0)
        running.finish(10)

    last = {}
    for record in server.records:
        if record.first("Acct-Status-Type") == "Stop":
            last[record.first("Acct-Session-Id")] = record.first("Acct-Output-Octets")
    assert len(running.truth.acked) == running.truth.issued >= 200
    assert {one.session_id: one.download_bytes for one in running.truth.sessions} == last
    assert all(one.acked_download_bytes == one.download_bytes for one in running.truth.sessions)
    assert all(ask.accepted for ask in running.truth.logins)


def test_a_record_that_is_not_acknowledged_is_sent_again_as_a_packet_of_its_own_with_its_delay() -> None:
    server = FakeServer(acknowledges=lambda number: number > 5)
    with fleet(server, Plan(records=20, seconds=0.5)) as running:
        until(lambda: running.progress >= 1.0)
        running.finish(10)

    assert len(running.truth.acked) == running.truth.issued
    delays = [record.first("Acct-Delay-Time") for record in server.records]
    assert running.truth.repeated >= 5
    assert max(delays) >= 1


def test_a_restart_forgets_sessions_and_what_was_not_yet_delivered() -> None:
    server = FakeServer(acknowledges=lambda _: False)
    with fleet(server, Plan(records=20, seconds=0.3)) as running:
        until(lambda: running.progress >= 1.0)
        running.call(lambda: running.reboot(running.routers[0]))
        until(lambda: running.routers[0].reboots == 1)
        until(lambda: all(one.forgotten for one in running.truth.sessions if one.session_id.startswith("810")))
        server._acknowledges = lambda _: True
        running.finish(10)

    assert running.routers[0].reboots == 1
    assert not any(key.session_id.startswith("810") for key in running.truth.acked)
