"""A plan's speed is changed for very many live sessions on twenty routers, two of them dead and one slow, while staff
click.

The whole chain as it runs in an installation: the use-case of the panel, the outbox, Celery's worker and beat, real UDP
to routers that answer as real ones do. Measured are the time until every session on a living router was changed, from
the moment of saving, and the time from a click on Disconnect to the packet's arrival meanwhile.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, subscribers
from benchmarks.lab import Lab, open_lab
from benchmarks.verdict import Result
from bss import bulk_changes, plans, sessions
from bss.actor import Actor
from db.engine import make_engine, make_session_factory, use_tenant
from runtime import files
from runtime.settings import PREFIX
from runtime.tasks import nudge_coa

ROUTERS, DEAD, SLOW = 20, (7, 13), {4: 400}
PLAN = 1
FIRST_ROUTER = 101
TARGET_S, TARGET_CLICK_MS = 15.0, 300.0
_LONGEST_S = 120.0
_CLICK_EVERY_S = 0.2
_FASTER = {"download_kbps": 77_000, "upload_kbps": 33_000}
_SESSIONS = """
INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime,
    framedipaddress, callingstationid, framedprotocol, class, tenant_id, subscription_id, nas_server_id)
SELECT '81' || lpad(to_hex(s.id), 6, '0'), md5(s.id::text), s.username, '127.0.0.1', now() - interval '1 hour', now(),
    '100.64.0.0'::inet + s.id, '02:00:00:00:00:01', 'PPP', 'lts1:' || s.id || ':0:x', 1, s.id, %s + s.id %% %s
FROM subscriptions s
"""
_SQL_ROUTER = """
INSERT INTO nas_servers (id, tenant_id, name, host, radius_secret_enc, coa_port) OVERRIDING SYSTEM VALUE
VALUES (%s, 1, %s, %s, %s, %s)
"""


@dataclass(kw_only=True)
class Heard:
    """What the routers said so far; written by one thread, read by others."""

    ports: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    repeated: int = 0
    disconnects: dict[str, float] = field(default_factory=dict)
    progress: list[tuple[float, int]] = field(default_factory=list)

    def take(self, line: str) -> None:
        """One line of theirs."""
        told = json.loads(line)
        if "disconnect" in told:
            self.disconnects.setdefault(told["disconnect"], told["at"])
        elif "ports" in told:
            self.ports = told["ports"]
        else:
            self.changed, self.repeated = told["changed"], told["repeated"]
            self.progress.append((told["at"], sum(self.changed)))


@dataclass(kw_only=True)
class Click:
    """A click on Disconnect: for which session and when."""

    session_id: str
    at: float


def run(*, number: int, say: Callable[[str], None]) -> Iterator[Result]:
    """One measurement with `number` sessions."""
    with open_lab(subscribers=0, say=say, place="bench-live-change") as lab, _routers(lab) as heard:
        _seed(lab, number, heard)
        # Where beat keeps its clock.
        files.private_dir(lab.home / "run")
        for name in ("worker", "beat"):
            lab.start_service(name)
        result = _measure(lab, number, heard)
        result.write()
        yield result


def _seed(lab: Lab, number: int, heard: Heard) -> None:
    subscribers.seed(lab)
    lab.say(f"loading {number} subscribers and their sessions on {ROUTERS} routers")
    subscribers.add_subscriptions(lab, 1, number, plan=PLAN)
    token = lab.keyring.encrypt(lab.secret)
    for router, port in enumerate(heard.ports):
        lab.sql(_SQL_ROUTER, FIRST_ROUTER + router, f"sim-{router}", f"127.0.0.{FIRST_ROUTER + router}", token, port)
    lab.sql(_SESSIONS, FIRST_ROUTER, ROUTERS)
    lab.sql("ANALYZE")


@contextmanager
def _routers(lab: Lab) -> Iterator[Heard]:
    wanted = {
        "secret": lab.secret, "routers": ROUTERS, "first_host": FIRST_ROUTER, "dead": list(DEAD),
        "slow": {str(router): delay_ms for router, delay_ms in SLOW.items()},
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.coa_routers", json.dumps(wanted)],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    heard = Heard()

    def listen() -> None:
        for line in process.stdout or ():
            heard.take(line)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        lab.wait_for(lambda: bool(heard.ports), 10.0, "the routers did not start")
        yield heard
    finally:
        process.kill()
        process.wait(10)
        thread.join(5)


def _measure(lab: Lab, number: int, heard: Heard) -> Result:
    living = [router for router in range(ROUTERS) if router not in DEAD]
    dead = [FIRST_ROUTER + router for router in DEAD]
    expected = lab.number("SELECT count(*) FROM radacct_open WHERE NOT nas_server_id = ANY(%s)", dead)
    hands = _Hands(lab)
    try:
        lab.say(f"the plan's speed is changed for {number} sessions, {expected} of them on living routers")
        begun, used = time.monotonic(), _cpu_seconds(lab)
        hands.save()
        saved_s = time.monotonic() - begun
        clicks = hands.click_until(lambda: _reached(heard, living) >= expected, within_s=_LONGEST_S)
        reached = _reached(heard, living) >= expected
        used = {name: round(now - used[name], 1) for name, now in _cpu_seconds(lab).items()}
        took_s = _when(heard, living, expected, begun) if reached else _LONGEST_S
        lab.wait_for(lambda: _acknowledged(lab) >= expected - len(clicks), 30.0, "answers are not written down")
        # A packet is repeated for seven seconds before its router is taken to be silent.
        lab.wait_for(lambda: len(hands.report()["dead_routers"]) >= len(DEAD), 30.0, "the dead routers are not named")
        report = hands.report()
    finally:
        hands.close()
    result = _result(lab, number, expected, heard, clicks, saved_s, took_s, report)
    result.values["cpu_s"] = used
    total, others = sum(used.values()) - used[_MACHINE], used[_MACHINE]
    result.remarks.append(
        f"processor time of all parts: {total:.0f} s ({1e6 * total / expected:.0f} us a change);"
        f" the whole machine was busy for {others:.0f} s meanwhile"
    )
    return result


_MACHINE = "machine"


def _cpu_seconds(lab: Lab) -> dict[str, float]:
    used = {name: machine.family_cpu_seconds(lab.process(name).pid) for name in ("worker", "beat", "postgres", "redis")}
    # The simulated routers and the panel's part.
    used["this"] = machine.family_cpu_seconds(os.getpid())
    return used | {_MACHINE: machine.busy_seconds()}


def _reached(heard: Heard, living: list[int]) -> int:
    changed = list(heard.changed)
    # A session whose Disconnect came before its new speed has no speed any more.
    return sum(changed[router] for router in living) + len(heard.disconnects) if changed else 0


def _when(heard: Heard, living: list[int], expected: int, begun: float) -> float:
    total = sum(heard.changed[router] for router in living)
    return next((at for at, count in heard.progress if count >= total), time.monotonic()) - begun


def _acknowledged(lab: Lab) -> int:
    return lab.number("SELECT count(*) FROM session_changes WHERE status = 'ack' AND bulk_change_id IS NOT NULL")


class _Hands:
    """Staff: saves the plan and clicks, each in a transaction of its own, as the panel does."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        # This process is the panel: it opens passwords and wakes the sender.
        self._environment = dict(os.environ)
        os.environ |= {PREFIX + key.upper(): str(value) for key, value in lab.settings.model_dump().items()}
        self._engine = make_engine(lab.settings.database_url, pool_size=2)
        self._new_session = make_session_factory(self._engine)
        self._actor = Actor.system(tenant_id=1, name="measured")
        self._bulk_id = 0

    def close(self) -> None:
        self._engine.dispose()
        os.environ.clear()
        os.environ |= self._environment

    def save(self) -> None:
        with self._new_session() as session:
            use_tenant(session, 1)
            changed = plans.edit(session, actor=self._actor, now=_now(), plan_id=PLAN, changes=_FASTER)
            session.commit()
            self._bulk_id = changed.effect.bulk_ids[0]

    def click_until(self, is_over: Callable[[], bool], *, within_s: float) -> list[Click]:
        """A click every so often, going round the routers, dead ones left out."""
        ids = self._lab.sql(
            "SELECT acctuniqueid, acctsessionid FROM radacct_open WHERE NOT nas_server_id = ANY(%s)"
            " ORDER BY acctsessionid DESC LIMIT 2000",
            [FIRST_ROUTER + router for router in (*DEAD, *SLOW)],
        )
        clicks: list[Click] = []
        until = time.monotonic() + within_s
        while not is_over() and time.monotonic() < until:
            unique_id, session_id = ids[len(clicks)]
            clicks.append(Click(session_id=session_id, at=time.monotonic()))
            with self._new_session() as session:
                use_tenant(session, 1)
                sessions.disconnect_session(session, actor=self._actor, now=_now(), session_id=unique_id)
                session.commit()
            nudge_coa()
            time.sleep(_CLICK_EVERY_S)
        # The last one is on its way.
        time.sleep(1.0)
        return clicks

    def report(self) -> dict[str, Any]:
        with self._new_session() as session:
            use_tenant(session, 1)
            found = bulk_changes.report(session, bulk_changes.get(session, actor=self._actor, bulk_id=self._bulk_id))
        return {"done": found.done, "waiting": found.waiting, "failed": found.failed, "unknown": found.unknown,
                "gone": found.gone, "dead_routers": [list(row) for row in found.dead_routers]}  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


def _result(
    lab: Lab, number: int, expected: int, heard: Heard, clicks: list[Click], saved_s: float, took_s: float,
    report: dict[str, Any],
) -> Result:  # fmt: skip
    waits_ms = [(heard.disconnects[c.session_id] - c.at) * 1000 for c in clicks if c.session_id in heard.disconnects]
    p95 = statistics.quantiles(waits_ms, n=20)[-1] if len(waits_ms) > 1 else 0.0
    begun = heard.progress[0][0] if heard.progress else 0.0
    values = {
        "progress": [[round(at - begun, 1), count] for at, count in heard.progress[::10]],
        "sessions": number, "on_living_routers": expected, "routers": ROUTERS, "dead": len(DEAD), "slow": len(SLOW),
        "saved_s": round(saved_s, 3), "living_done_s": round(took_s, 2),
        "changes_per_s": round(expected / took_s) if took_s else 0, "clicks": len(clicks),
        "click_p50_ms": round(statistics.median(waits_ms), 1) if waits_ms else None, "click_p95_ms": round(p95, 1),
        "sent_again": heard.repeated, "report": report, "machine": machine.describe(),
    }  # fmt: skip
    result = Result(name="live-change", values=values, head=("what", "measured", "wanted"))
    dead = ", ".join(name for name, _ in report["dead_routers"])
    result.rows = [
        ("saving the plan", f"{saved_s:.2f} s", ""),
        (f"all {expected} sessions on living routers", f"{took_s:.1f} s", f"< {TARGET_S:.0f} s"),
        (f"click to Disconnect on the wire, p95 of {len(clicks)}", f"{p95:.0f} ms", f"< {TARGET_CLICK_MS:.0f} ms"),
        ("routers reported as dead", dead or "none", f"{len(DEAD)}"),
    ]
    if len(waits_ms) < len(clicks):
        result.invalid.append(f"{len(clicks) - len(waits_ms)} Disconnects did not arrive")
    if took_s >= _LONGEST_S:
        result.invalid.append("some sessions on living routers were not changed in time")
    if len(report["dead_routers"]) != len(DEAD):
        result.invalid.append("the report does not name the dead routers")
    return result
