"""A million subscribers beside ten thousand: a cold start's first login, the rate, and the memory of each.

Two providers on one cluster, each with its own FreeRADIUS, loaded in turn, so that a busy machine is busy for both. The
processor time of a login is told beside the rate: it does not depend on who else is working. No collector runs: what
is measured is the process that logs people in.
"""

import copy
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks import load, machine, subscribers
from benchmarks.lab import Lab, LabError, add_database, free_udp_ports, open_lab
from benchmarks.load import PASSWORD_FORMAT, Answered, Load
from benchmarks.verdict import MAX_LOST_SHARE, Result
from db.migrations import runner
from runtime import files, freeradius, postgres
from runtime.freeradius import LOGIN
from runtime.processes import ProcessId
from simulator import Login, Method, Service, SimulatedRouter

FEW = 10_000
_FIRST_LOGIN_SECONDS = 60.0
_FILL_SECONDS = 1800.0
_FILL_BEGINS_SECONDS = 3.0
_EACH_ONCE_SECONDS = 600.0
_FILLING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%%all_profiles%%'"
    " AND pid <> pg_backend_pid()"
)


@dataclass(kw_only=True)
class Provider:
    """One of the two: its lab, its server, and what was seen of it."""

    lab: Lab
    name: str
    process: ProcessId
    first_login_s: float
    listening_s: float
    filling: Answered
    filled_s: float = 0.0
    each_once: tuple[Answered, float] | None = None
    rounds: list[tuple[Answered, float]] = field(default_factory=list)

    @property
    def resident_mb(self) -> float:
        return machine.family_resident_mb(self.process.pid)

    def middle(self, of: Callable[[tuple[Answered, float]], float]) -> float:
        """The median over the rounds."""
        values = sorted(of(item) for item in self.rounds)
        return values[len(values) // 2]

    @property
    def rate(self) -> float:
        return self.middle(lambda item: item[0].rate)

    @property
    def cpu_us(self) -> float:
        return self.middle(lambda item: item[1])

    @property
    def p99_ms(self) -> float:
        return self.middle(lambda item: item[0].p99_ms)


def run(*, many: int, seconds: float, rounds: int, say: Callable[[str], None]) -> Result:
    """Both providers, one after the other started, then loaded in turn."""
    with open_lab(subscribers=FEW, say=say) as lab, _another(lab, many) as big:
        program = load.build(lab.home.parent)
        subscribers.seed(lab)
        begun = time.monotonic()
        subscribers.seed(big)
        say(f"{many} subscribers in the database after {time.monotonic() - begun:.0f} s")
        few, lots = _start(lab, "few", program), _start(big, "many", program)
        for provider in (few, lots):
            say(f"each of {provider.lab.subscribers} subscribers once")
            provider.each_once = _round(provider.lab, provider.process, program, _EACH_ONCE_SECONDS, in_order=True)
        for number in range(1, rounds + 1):
            for provider in (few, lots) if number % 2 else (lots, few):
                say(f"round {number} of {rounds}: {provider.lab.subscribers} subscribers")
                provider.rounds.append(_round(provider.lab, provider.process, program, seconds))
        result = _result(few, lots)
        result.write()
        return result


@contextmanager
def _another(lab: Lab, many: int) -> Iterator[Lab]:
    """A second provider beside the lab's: same cluster, keys and secret; own database, ports and spool."""
    other = copy.copy(lab)
    other.home, other.subscribers = lab.home / "many", many
    for name in ("log", "spool"):
        files.private_dir(other.home / name)
    password = uuid.uuid4().hex
    add_database(lab, database="many", role="many", password=password)
    port = free_udp_ports()
    other.settings = lab.settings.model_copy(
        update={
            "database_url": postgres.url(lab.cluster, database="many", role="many", password=password),
            "spool_dir": other.home / "spool",
            "var_dir": other.home,
            "radius_auth_port": port,
            "radius_acct_port": port + 1,
        }
    )
    runner.upgrade(other.settings.database_url)
    with psycopg.connect(other.settings.database_url, autocommit=True) as connection:
        other.connection = connection
        yield other


def _start(lab: Lab, name: str, program: Path) -> Provider:
    """A cold start: until it listens, until it let somebody in, and what it does while its memory is filled."""
    lab.say(f"starting FreeRADIUS with {lab.subscribers} subscribers")
    begun = time.monotonic()
    raddb = freeradius.render(lab.settings, lab.home / f"raddb-{LOGIN}")
    process = freeradius.start(lab.settings, raddb, LOGIN, log_file=lab.log_file(f"radius-{LOGIN}"))
    listening_s = time.monotonic() - begun
    lab.remember(f"radius-{name}", process)
    _wait_for_a_login(lab)
    first_login_s = time.monotonic() - begun
    filling = load.run(program, _load(lab, 2.0))
    provider = Provider(
        lab=lab, name=name, process=process, first_login_s=first_login_s, listening_s=listening_s, filling=filling
    )
    lab.say(f"first login after {first_login_s:.2f} s; waiting until memory is filled")
    seen_by = time.monotonic() + _FILL_BEGINS_SECONDS
    while lab.number(_FILLING) == 0 and time.monotonic() < seen_by:
        time.sleep(0.02)
    lab.wait_for(lambda: lab.number(_FILLING) == 0, _FILL_SECONDS, "memory is not filled")
    provider.filled_s = time.monotonic() - begun
    return provider


def _wait_for_a_login(lab: Lab) -> None:
    number = lab.subscribers * 3 // 4
    octets = ":".join(f"{number >> shift & 255:02X}" for shift in (24, 16, 8, 0))
    login = Login(
        service=Service.PPPOE,
        username=subscribers.username(number),
        password=PASSWORD_FORMAT.replace("l", "") % number,
        mac=f"02:{octets}:00",
        method=Method.PAP,
    )
    options = {"coa_port": None, "timeout_ms": 20, "resends": 0}
    with SimulatedRouter(secret=lab.secret, auth_port=lab.settings.radius_auth_port, **options) as router:
        deadline = time.monotonic() + _FIRST_LOGIN_SECONDS
        while not router.authenticate(login).accepted:
            if time.monotonic() > deadline:
                raise LabError("nobody was let in after a cold start")


def _load(lab: Lab, seconds: float, *, in_order: bool = False) -> Load:
    return Load(
        mode="pap",
        port=lab.settings.radius_auth_port,
        secret=lab.secret,
        population=lab.subscribers,
        seconds=seconds,
        in_order=in_order,
    )


def _round(
    lab: Lab, process: ProcessId, program: Path, seconds: float, *, in_order: bool = False
) -> tuple[Answered, float]:
    before = machine.family_cpu_seconds(process.pid)
    answered = load.run(program, _load(lab, seconds, in_order=in_order))
    spent = machine.family_cpu_seconds(process.pid) - before
    return answered, spent / max(1, answered.ok + answered.rejected) * 1e6


def _result(few: Provider, lots: Provider) -> Result:
    grown_bytes = (lots.resident_mb - few.resident_mb) * (1 << 20)
    per_subscriber_kb = grown_bytes / (lots.lab.subscribers - few.lab.subscribers) / 1024
    result = Result(
        name="million",
        values={
            "subscribers": [provider.lab.subscribers for provider in (few, lots)],
            **{item.name: _values(item) for item in (few, lots)},
            "rate_ratio": round(lots.rate / few.rate, 3),
            "cpu_ratio": round(few.cpu_us / lots.cpu_us, 3),
            "resident_kb_per_subscriber": round(per_subscriber_kb, 2),
            "machine": machine.describe(),
            "versions": machine.versions(),
        },
    )
    result.head = ("subscribers", "logins/s", "CPU us", "p99 ms", "resident MiB", "first login s", "filled s")
    result.rows = [_row(item) for item in (few, lots)]
    ratios = f"{result.values['rate_ratio']}, by processor time {result.values['cpu_ratio']}"
    while_filling = f"{lots.filling.rate:.0f} logins/s with p99 {lots.filling.p99_ms} ms"
    result.remarks = [
        f"rate at {lots.lab.subscribers} to {few.lab.subscribers}: {ratios}",
        f"{per_subscriber_kb:.2f} KiB a subscriber; while memory was being filled: {while_filling}",
        f"first login of each: {_once(few)} with {few.lab.subscribers}, {_once(lots)} with {lots.lab.subscribers}",
    ]
    for item in (few, lots):
        result.invalid += [problem for answered, _ in item.rounds for problem in _problems(item, answered)]
    return result


def _once(item: Provider) -> str:
    assert item.each_once is not None
    answered, cpu_us = item.each_once
    return f"{answered.rate:.0f}/s at {cpu_us:.0f} us"


def _values(item: Provider) -> dict[str, object]:
    return {
        "rate": round(item.rate),
        "cpu_us": round(item.cpu_us, 1),
        "p99_ms": item.p99_ms,
        "resident_mb": item.resident_mb,
        "first_login_s": round(item.first_login_s, 3),
        "listening_s": round(item.listening_s, 3),
        "filled_s": round(item.filled_s, 1),
        "first_login_of_each": _once(item),
        "rate_while_filling": round(item.filling.rate),
        "p99_ms_while_filling": item.filling.p99_ms,
        "rounds": [
            {"rate": answered.rate, "cpu_us": round(cpu_us, 1), "p99_ms": answered.p99_ms}
            for answered, cpu_us in item.rounds
        ],
    }


def _row(item: Provider) -> tuple[object, ...]:
    values = _values(item)
    keys = ("rate", "cpu_us", "p99_ms", "resident_mb", "first_login_s", "filled_s")
    return (item.lab.subscribers, *(values[key] for key in keys))


def _problems(item: Provider, answered: Answered) -> list[str]:
    found = []
    if answered.rejected or answered.forged:
        found.append(f"{item.lab.subscribers}: {answered.rejected} refused, {answered.forged} forged")
    if answered.lost > answered.sent * MAX_LOST_SHARE:
        found.append(f"{item.lab.subscribers}: {answered.lost} of {answered.sent} never answered")
    return found
