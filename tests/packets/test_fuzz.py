"""Broken and made-up packets on both ports, while customers log in: nobody of them notices.

`make fuzz` sends ten times as many; FUZZ_SEED repeats a run whose seed a failure names.
"""

import os
import socket
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from accounting.collector import Collector, connect
from accounting.records import Malformed, parse_line
from factories import make_customer, make_nas, make_plan, make_subscription
from packets.conftest import SECRET
from packets.mutations import Mutator, made_of, real_packets
from radius_stack import RadiusStack, wait_for
from simulator import Login, Method, Service, SimulatedRouter
from simulator.wire import Code

PACKETS = int(os.environ.get("FUZZ_PACKETS", "2000"))
SEED = int(os.environ.get("FUZZ_SEED", str(time.time_ns() % 1_000_000)))
CUSTOMERS = 20
# One must sign its requests, the other need not: what is unsigned gets further there.
STRICT, LAX = "127.0.0.21", "127.0.0.22"
BURST = 40

# Numbers of attributes with values of any bytes, many of them ones that the server looks at.
_looked_at = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 25, 26, 30, 31, 32, 40, 44, 60, 61, 79, 80, 87, 95])
_values = st.one_of(st.binary(max_size=253), st.text(max_size=60).map(str.encode), st.binary(min_size=4, max_size=4))
attributes = st.lists(st.tuples(st.one_of(_looked_at, st.integers(0, 255)), _values), max_size=40)


@dataclass
class Customers(threading.Thread):
    """People who log in all the time; `answered` counts those who were let in."""

    stack: RadiusStack
    asked: int = 0
    answered: int = 0
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.stopping = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        with self.stack.router(secret=SECRET, coa_port=None, timeout_ms=1100, resends=2) as router:
            while not self.stopping.is_set():
                self._one(router, f"customer{self.asked % CUSTOMERS}")

    def _one(self, router: SimulatedRouter, username: str) -> None:
        method = (Method.PAP, Method.CHAP, Method.MSCHAPV2)[self.asked % 3]
        login = Login(service=Service.PPPOE, username=username, password=f"pw-{username}", method=method)
        result = router.authenticate(login)
        self.asked += 1
        self.answered += result.accepted is True
        if not result.accepted:
            self.failed.append(f"{username}: accepted {result.accepted} {result.reply_message} {result.problems}")
        time.sleep(0.005)


@pytest.fixture(scope="module")
def provider(stack: RadiusStack) -> RadiusStack:
    """Two routers in bad hands, one in good ones, and their customers."""
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        make_nas(db, host=STRICT, radius_secret=SECRET)
        make_nas(db, host=LAX, radius_secret=SECRET, require_message_authenticator=False)
        plan = make_plan(db, connection_type="any", concurrent_connections=10_000)
        customer = make_customer(db)
        for number in range(CUSTOMERS):
            make_subscription(db, plan=plan, customer=customer, username=f"customer{number}")
        make_subscription(db, plan=plan, customer=customer, username="victim", connection_type="any")
        db.commit()
    login = Login(service=Service.PPPOE, username="customer0", password="pw-customer0", method=Method.PAP)
    with stack.router(secret=SECRET, coa_port=None) as router:
        wait_for(lambda: router.authenticate(login).accepted, 15)
    return stack


class Attacker:
    """Sends to both ports from both routers, no faster than somebody can read."""

    def __init__(self, stack: RadiusStack) -> None:
        self._targets = {
            Code.ACCESS_REQUEST: ("127.0.0.1", stack.settings.radius_auth_port),
            Code.ACCOUNTING_REQUEST: ("127.0.0.1", stack.settings.radius_acct_port),
        }
        self._sockets = [self._socket(address) for address in (STRICT, LAX)]
        self.sent = 0

    def _socket(self, address: str) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((address, 0))
        return opened

    def send(self, packet: bytes, port: Code) -> None:
        """One datagram to the port where this code is at home, whatever the packet says it is."""
        self._sockets[self.sent % 2].sendto(packet, self._targets[port])
        self.sent += 1
        if self.sent % BURST == 0:
            time.sleep(0.01)

    def close(self) -> None:
        for opened in self._sockets:
            opened.close()


def send_broken(attacker: Attacker, mutator: Mutator) -> None:
    """Real packets with something broken in them."""
    logins, records = real_packets("victim", secret=SECRET.encode(), nas_ip=STRICT)
    for number in range(PACKETS // 4):
        attacker.send(mutator.mutated(logins[number % len(logins)]), Code.ACCESS_REQUEST)
        attacker.send(mutator.mutated(records[number % len(records)]), Code.ACCOUNTING_REQUEST)
        if number % 100 == 0:
            # Each at the other's door.
            attacker.send(mutator.mutated(records[0]), Code.ACCESS_REQUEST)
            attacker.send(mutator.mutated(logins[0]), Code.ACCOUNTING_REQUEST)


def send_made_up(attacker: Attacker, mutator: Mutator) -> None:
    """Packets of any attributes at all, half of them of a customer's."""

    @seed(SEED)
    @settings(max_examples=PACKETS // 8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(attributes)
    def send(made_up: list[tuple[int, bytes]]) -> None:
        for code in (Code.ACCESS_REQUEST, Code.ACCOUNTING_REQUEST):
            attacker.send(made_of(made_up, code, mutator.chance, SECRET.encode()), code)
            attacker.send(made_of([(1, b"victim"), *made_up], code, mutator.chance, SECRET.encode()), code)

    send()


@pytest.fixture(scope="module")
def customers(provider: RadiusStack) -> Customers:
    """They logged in while all of it was sent."""
    people = Customers(provider)
    people.start()
    attacker, mutator = Attacker(provider), Mutator(SEED, SECRET.encode())
    with closing(attacker):
        send_broken(attacker, mutator)
        send_made_up(attacker, mutator)
        assert attacker.sent >= PACKETS * 0.99
        wait_for(lambda: people.asked >= 100, 30)
    people.stopping.set()
    people.join(timeout=15)
    return people


def test_the_customers_got_in(customers: Customers) -> None:
    assert customers.answered >= customers.asked * 0.999, f"seed {SEED}: {customers.failed[:5]} of {customers.asked}"


def test_both_servers_live_and_the_policy_failed_at_nothing(customers: Customers, provider: RadiusStack) -> None:
    assert all(process.is_running() for process in provider.processes.values()), f"seed {SEED}"
    said = provider.log()
    for sign in ("policy failed", "Traceback", "was not recorded", "SIGSEGV", "ASSERT", "CAUGHT SIGNAL"):
        assert sign not in said, f"seed {SEED}: {said[max(0, said.index(sign) - 200) :][:2500]}"
    assert [record for record in provider.access_records() if record[7] == "policy_error"] == []


def test_the_packets_were_not_all_turned_away_at_the_door(customers: Customers, provider: RadiusStack) -> None:
    reasons = {record[7] for record in provider.access_records() if not record[3].startswith("customer")}

    assert {"accepted", "unknown_user", "unreadable"} <= reasons
    assert len(provider.accounting_lines()) > 10


def test_every_stored_record_is_read_or_put_aside(customers: Customers, provider: RadiusStack) -> None:
    for line in provider.accounting_lines():
        with suppress(Malformed):
            parse_line(line)


def test_the_collector_gets_to_the_end_of_it(customers: Customers, provider: RadiusStack) -> None:
    url, spool_dir = provider.settings.database_url, provider.settings.spool_dir
    collector = Collector(connect=lambda: connect(url), spool_dir=spool_dir, node="node1", nudge=lambda: None)
    collected = threading.Thread(target=collector.run, args=(stop := threading.Event(),))
    collected.start()

    def is_done() -> bool:
        ((counted,),) = provider.sql("SELECT coalesce(sum(offset_bytes), 0) FROM spool_positions")
        return bool(counted == sum(path.stat().st_size for path in spool_dir.glob("*.jsonl")) > 0)

    try:
        wait_for(is_done, 60)
    finally:
        stop.set()
        collected.join(timeout=15)
    ((put_aside,),) = provider.sql("SELECT count(*) FROM quarantined_records")
    assert put_aside < len(provider.accounting_lines())
