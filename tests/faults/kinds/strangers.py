"""Those who are no customers: broken packets, wrong secrets, unknown addresses, replays, guesses, and crowds."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from random import Random
from typing import Any, ClassVar

from benchmarks import machine
from benchmarks.storm import Dialler as StormDialler
from benchmarks.storm import Storm, Where
from faults import truth
from faults.checks import Compared
from faults.fault import COMMITTED_WITHIN_S, Fault, Run
from faults.kinds.routers import announce
from faults.nas import RouterPlan
from faults.stage import VICTIMS, Stage, dialler
from faults.truth import Ask, Caller
from faults.verdict import Expect, Outcome
from packets.mutations import Mutator, real_packets
from simulator import Login, Router, Service
from simulator.wire import Code

BURST, PAUSE_S = 40, 0.02
# The attack ends before the load does, so that what it did to the servers would show.
_UNTIL = 0.9
_VICTIM = 2601
_CROWD = 50
# By now every server has heard what was committed.
_HEARD_S = 1.0
_SERVERS = ("radius-login", "radius-accounting")


@contextmanager
def _sender(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as opened:
        opened.bind((address, 0))
        yield opened


def _answers(opened: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(opened.recv(4096))
        except (BlockingIOError, ConnectionRefusedError):
            return found


class _Attack(Fault):
    """Somebody sends what he should not, a thousand packets a second, while everybody else goes on."""

    is_weather = True
    # The attacker's address, and whether it is a router's that the servers know.
    is_known: ClassVar[bool] = True

    def packets(self, run: Run) -> Iterator[tuple[bytes, Code]]:
        """What is sent, to the port of which code; for ever."""
        raise NotImplementedError

    def address(self, run: Run) -> str:
        return run.routers[0].address.rsplit(".", 1)[0] + ".200"

    def inject(self, run: Run) -> None:
        stage, server = run.stage, run.stage.server
        if self.is_known:
            run.kept["attacker"] = stage.add_routers([self.address(run)])[0]
        run.kept["before"] = {name: _health(stage, name) for name in _SERVERS}
        to = {
            Code.ACCESS_REQUEST: (server.host, server.auth_port),
            Code.ACCOUNTING_REQUEST: (server.host, server.acct_port),
        }
        answers: list[bytes] = []
        sent, made = 0, self.packets(run)
        with _sender(self.address(run)) as opened:
            while run.fleet.progress < _UNTIL:
                for _ in range(BURST):
                    packet, code = next(made)
                    opened.sendto(packet, to[code])
                sent += BURST
                answers += _answers(opened)
                time.sleep(PAUSE_S)
            time.sleep(1.0)
            answers += _answers(opened)
        accepts = sum(answer[0] == Code.ACCESS_ACCEPT for answer in answers if answer)
        run.kept |= {"sent": sent, "answers": answers, "accepts": accepts}

    def check(self, run: Run, compared: Compared) -> None:
        stage = run.stage
        now = {name: _health(stage, name) for name in _SERVERS}
        compared.figures |= {
            "attack_packets": run.kept["sent"],
            "attack_answers": len(run.kept["answers"]),
            "attack_accepts": run.kept["accepts"],
            "memory_grown_mb": {name: round(now[name][1] - run.kept["before"][name][1], 1) for name in _SERVERS},
        }
        run.outcome.false_accepts += run.kept["accepts"]
        for name in _SERVERS:
            if now[name][0] != run.kept["before"][name][0]:
                compared.problems.append(f"{name} died")


def _health(stage: Stage, name: str) -> tuple[int, float]:
    pid = stage.lab.process(name).pid
    # A server that died would have been replaced: the sum of their numbers tells.
    return sum(machine.children_of(pid)), machine.family_resident_mb(pid)


class BrokenPackets(_Attack):
    """Packets of real routers with something broken in them, half of them signed again."""

    id, title = "b11", "broken packets"

    def packets(self, run: Run) -> Iterator[tuple[bytes, Code]]:
        secret, address = run.stage.lab.secret.encode(), self.address(run)
        mutator = Mutator(run.outcome.seed, secret)
        logins, records = real_packets(f"user{_VICTIM:06d}", secret=secret, nas_ip=address)
        for login, record in zip(cycle(logins), cycle(records)):
            yield self.spoil(mutator, login), Code.ACCESS_REQUEST
            yield self.spoil(mutator, record), Code.ACCOUNTING_REQUEST

    def spoil(self, mutator: Mutator, packet: bytes) -> bytes:
        return mutator.mutated(packet)

    def tidy(self, run: Run) -> None:
        # What it made up has whoever it named online there, and limits count.
        announce(run.stage, RouterPlan(address=self.address(run)), "Accounting-On")
        # Counted now, so that it is not counted among the next fault's.
        run.stage.wait_counted(run.stage.spool_sizes(), COMMITTED_WITHIN_S)


class OddAttributes(BrokenPackets):
    """Packets that can be read and are truly signed, with values of the wrong size or kind: short numbers, NULs, ..."""

    id, title = "b12", "attributes of the wrong size or kind"

    def spoil(self, mutator: Mutator, packet: bytes) -> bytes:
        return mutator.odd(packet)


class WrongSecret(_Attack):
    """A router whose secret is not the one that staff entered."""

    id, title = "b13", "router with a wrong secret"

    def packets(self, run: Run) -> Iterator[tuple[bytes, Code]]:
        yield from _well_made(b"not the secret of this router", self.address(run))

    def check(self, run: Run, compared: Compared) -> None:
        super().check(run, compared)
        stored = run.stage.number("SELECT count(*) FROM radacct WHERE nas_server_id = %s", run.kept["attacker"])
        compared.duplicated += stored
        if stored:
            compared.problems.append(f"{stored} sessions of it were stored")
        if run.kept["answers"]:
            compared.problems.append(f"{len(run.kept['answers'])} of its packets were answered")


class UnknownRouter(_Attack):
    """An address that no router has."""

    id, title, is_known = "b14", "packets from an unknown address", False

    def packets(self, run: Run) -> Iterator[tuple[bytes, Code]]:
        yield from _well_made(run.stage.lab.secret.encode(), self.address(run))

    def check(self, run: Run, compared: Compared) -> None:
        super().check(run, compared)
        if run.kept["answers"]:
            compared.problems.append(f"{len(run.kept['answers'])} of its packets were answered")
        said = [run.stage.lab.log_file(name).read_text(errors="replace") for name in _SERVERS]
        compared.figures["log_lines"] = sum(text.count(self.address(run)) for text in said)


def _well_made(secret: bytes, address: str) -> Iterator[tuple[bytes, Code]]:
    logins, records = real_packets(f"user{_VICTIM:06d}", secret=secret, nas_ip=address)
    chance = Random(address)
    while True:
        # Another authenticator each time, so that none is taken for a repeat of one before.
        login = bytearray(chance.choice(logins))
        login[1] = chance.randrange(256)
        login[4:20] = chance.randbytes(16)
        yield bytes(login), Code.ACCESS_REQUEST
        yield chance.choice(records), Code.ACCOUNTING_REQUEST


class Replay(Fault):
    """Thousands of captured records are sent again, byte by byte and in any order, after everything was counted."""

    id, title, is_weather = "b15", "captured records sent again", True
    load: ClassVar[dict[str, Any]] = {"kept_packets": 5000}

    def settle(self, run: Run) -> None:
        stage = run.stage
        captured = list(run.fleet.kept)
        run.chance.shuffle(captured)
        to, answered = (stage.server.host, stage.server.acct_port), 0
        senders = {}
        for address in {address for address, _ in captured}:
            senders[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            senders[address].bind((address, 0))
        try:
            for number, (address, packet) in enumerate(captured):
                senders[address].sendto(packet, to)
                if number % BURST == 0:
                    time.sleep(PAUSE_S)
                    answered += sum(len(_answers(opened)) for opened in senders.values())
            time.sleep(1.0)
            answered += sum(len(_answers(opened)) for opened in senders.values())
        finally:
            for opened in senders.values():
                opened.close()
        run.outcome.figures |= {"replayed": len(captured), "replayed_and_acknowledged": answered}
        stage.wait_counted(stage.spool_sizes(), COMMITTED_WITHIN_S)


class Guessing(Fault):
    """Strange devices guess at four names without a pause, each customer then dials with the right password himself."""

    id, title = "b16", "passwords guessed at four names"
    is_weather = True

    def inject(self, run: Run) -> None:
        address = run.routers[0].address.rsplit(".", 1)[0] + ".201"
        run.stage.add_routers([address])
        run.kept["guesses"] = asyncio.run(self._guess(run, address))

    async def _guess(self, run: Run, address: str) -> dict[str, int]:
        server = run.stage.server
        seen = {"tried": 0, "let_in": 0, "customers_let_in": 0}
        async with Router(
            secret=run.stage.lab.secret, auth_port=server.auth_port, acct_port=server.acct_port, source_ip=address,
            coa_port=None, timeout_ms=1000,
        ) as router:  # fmt: skip
            # Their own devices are known from having been online.
            for number in VICTIMS:
                session = await router.open(_own_login(number))
                await session.stop()
            await asyncio.sleep(1.0)
            while run.fleet.progress < _UNTIL:
                tried = await asyncio.gather(*(router.authenticate(self._login(run, number)) for number in VICTIMS))
                seen["tried"] += len(tried)
                seen["let_in"] += sum(result.accepted is True for result in tried)
            for number in VICTIMS:
                seen["customers_let_in"] += (await router.authenticate(_own_login(number))).accepted is True
        return seen

    def _login(self, run: Run, number: int) -> Login:
        mac = ":".join(f"{octet:02X}" for octet in (0x02, 0xEE, *run.chance.randbytes(4)))
        return Login(service=Service.PPPOE, username=dialler(number).username, password="guess", mac=mac)

    def check(self, run: Run, compared: Compared) -> None:
        seen = run.kept["guesses"]
        looked_at = run.stage.number(
            "SELECT count(*) FROM access_log WHERE username = ANY(%s) AND reason = 'wrong_password'",
            [dialler(number).username for number in VICTIMS],
        )
        compared.figures |= {"guesses": seen["tried"], "guesses_whose_password_was_looked_at": looked_at}
        run.outcome.false_accepts += seen["let_in"]
        run.outcome.false_rejects += len(VICTIMS) - seen["customers_let_in"]
        if seen["tried"] > 100 and looked_at > seen["tried"] / 2:
            compared.problems.append(f"{looked_at} of {seen['tried']} guesses were looked at: guessing is not slowed")


def _own_login(number: int) -> Login:
    own = dialler(number)
    return Login(service=Service.PPPOE, username=own.username, password=own.password, mac=own.mac)


class Crowd(Fault):
    """Fifty devices dial one customer's name at the same moment; one session at most is sold."""

    id, title = "b9", "50 devices at one name at once"
    expect = Expect(availability=1.0)
    rounds = 40

    def run(self, stage: Stage, records: int, number: int) -> Outcome:
        begun = time.monotonic()
        stage.ensure("postgres", "radius-login", "radius-accounting", "collector")
        outcome = Outcome(fault=self.id, title=self.title, seed=stage.seed * 1000 + number)
        address = f"127.{20 + number}.{stage.seed % 250}.1"
        stage.add_routers([address])
        asks = asyncio.run(self._crowds(stage, address, outcome, max(self.rounds, records // 1000)))
        outcome.logins = len(asks)
        outcome.availability = truth.availability(asks, since=0.0, until=time.monotonic())
        outcome.judge(self.expect)
        outcome.seconds = round(time.monotonic() - begun, 1)
        return outcome

    async def _crowds(self, stage: Stage, address: str, outcome: Outcome, rounds: int) -> list[Ask]:
        """One customer's login is one crowd: somebody of it gets in."""
        server, asks, too_many = stage.server, [], 0
        async with Router(
            secret=stage.lab.secret, auth_port=server.auth_port, acct_port=server.acct_port, source_ip=address,
            coa_port=None, timeout_ms=1000,
        ) as router:  # fmt: skip
            # Those who are bound to one device let nobody else in, so nothing could be tried with them.
            for number in [one for one in range(1500, 2580) if one % 5][:rounds]:
                own = dialler(number)
                ask = Ask(caller=Caller.CUSTOMER, username=own.username, asked_at=time.monotonic())
                logins = [
                    Login(
                        service=Service.PPPOE,
                        username=own.username,
                        password=own.password,
                        mac=f"02:CC:00:00:00:{n:02X}",
                    )
                    for n in range(_CROWD)
                ]
                results = await asyncio.gather(*(router.authenticate(login) for login in logins))
                accepted = sum(result.accepted is True for result in results)
                too_many += max(0, accepted - 1)
                ask.accepted, ask.answered_at = accepted > 0, time.monotonic()
                asks.append(ask)
        outcome.false_accepts = too_many
        outcome.figures |= {"crowds": rounds, "devices": rounds * _CROWD}
        return asks


class PowerCutEnds(Fault):
    """Everybody dials at the same moment, with the last session still open; lost packets are sent again twice."""

    id, title = "b17", "everybody dials at once"
    expect = Expect(availability=1.0, recovery_s=10.0)

    def run(self, stage: Stage, records: int, number: int) -> Outcome:
        begun = time.monotonic()
        stage.ensure("postgres", "radius-login", "radius-accounting", "collector")
        outcome = Outcome(fault=self.id, title=self.title, seed=stage.seed * 1000 + number)
        addresses = [f"127.{20 + number}.{stage.seed % 250}.{router + 1}" for router in range(4)]
        numbers = stage.add_routers(addresses)
        people = [
            StormDialler(username=one.username, password=one.password, mac=one.mac, router=addresses[n % 4])
            for n, one in enumerate(stage.customers())
        ]
        server = stage.server
        where = Where(auth_port=server.auth_port, acct_port=server.acct_port, secret=stage.lab.secret)
        stormed = Storm(where, people).run()
        committed_at = stage.wait_counted(stage.spool_sizes(), COMMITTED_WITHIN_S)
        online = len(stormed.online_after_s)
        stored = stage.number("SELECT count(*) FROM radacct WHERE nas_server_id = ANY(%s)", numbers)
        outcome.sent = outcome.acknowledged = online
        outcome.lost, outcome.duplicated = max(0, online - stored), max(0, stored - online)
        outcome.false_rejects, outcome.logins = len(stormed.refused), len(people)
        outcome.availability = online / len(people)
        outcome.recovery_s = round(stormed.seconds_until(0.99) or 999.0, 2)
        outcome.drain_s = round(committed_at - begun, 2)
        # They go offline again, for whoever needs them next.
        for address in addresses:
            announce(stage, RouterPlan(address=address), "Accounting-On")
        stage.wait_counted(stage.spool_sizes(), COMMITTED_WITHIN_S)
        time.sleep(_HEARD_S)
        outcome.figures |= {"all_online_s": stormed.seconds_until(1.0), "sent_again": stormed.repeated}
        outcome.judge(self.expect)
        outcome.seconds = round(time.monotonic() - begun, 1)
        return outcome


# The crowd comes last: whom it let in has a place for half a minute.
FAULTS = (
    BrokenPackets(), OddAttributes(), WrongSecret(), UnknownRouter(), Replay(), Guessing(), PowerCutEnds(), Crowd(),
)  # fmt: skip
