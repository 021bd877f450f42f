"""How long from the accounting packet that crosses a fair-use threshold to the CoA at the router, and to its ACK.

The whole chain as it runs in an installation: simulated router, FreeRADIUS, spool, collector, outbox, Redis, Celery
worker, and back to the router. 200 customers cross at different moments.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.lab import Lab, LabError
from benchmarks.load import PASSWORD_FORMAT
from benchmarks.subscribers import (
    FAIR_USE_PLAN,
    FAIR_USE_THRESHOLD_BYTES,
    SIMULATED_ROUTER,
    SIMULATED_ROUTER_ADDRESS,
    add_router,
    add_subscriptions,
    username,
)
from benchmarks.verdict import Result
from simulator import CoaRecord, Login, Router, Service, SimulatedSession

CROSSINGS = 200
# One customer after the other, not in step with anything that looks every so often.
_PAUSE_SECONDS = 0.0537
_LOGINS_AT_ONCE = 10
_KNOWN_AFTER_SECONDS = 20.0
_LAST_COA_SECONDS = 30.0
_REDUCED = "1M/2M"
# The stations of a crossing as our own tables have them: received, written to the outbox, sent, answered.
_STATIONS = """
SELECT c.acctsessionid, extract(epoch FROM c.caused_at)::float8, extract(epoch FROM c.created_at)::float8,
    extract(epoch FROM a.sent_at)::float8, extract(epoch FROM a.answered_at)::float8
FROM session_changes c JOIN session_change_attempts a ON a.session_change_id = c.id AND a.result = 'ack'
WHERE c.nas_server_id = %s AND c.reason = 'fup'
"""
_STEPS = ("sent to received", "received to collected", "collected to CoA sent", "CoA sent to ACK")


@dataclass(kw_only=True)
class Crossing:
    """One customer's way over the threshold: when the packet left, on both clocks."""

    session: SimulatedSession
    full_speed: str
    sent_monotonic: float = 0.0
    sent_epoch: float = 0.0
    acknowledged: bool = False


def measure(lab: Lab) -> Result:
    """Logs the customers in, lets them cross, and collects when each CoA arrived."""
    lab.start_service("worker")
    lab.say(f"fair use: {CROSSINGS} customers log in and cross their threshold one after the other")
    crossings, records = asyncio.run(_cross(lab))
    stations = {row[0]: row[1:] for row in lab.sql(_STATIONS, SIMULATED_ROUTER)}
    return _result(lab, crossings, {str(record.first("Acct-Session-Id")): record for record in records}, stations)


async def _cross(lab: Lab) -> tuple[list[Crossing], list[CoaRecord]]:
    router = Router(
        secret=lab.secret,
        source_ip=SIMULATED_ROUTER_ADDRESS,
        auth_port=lab.settings.radius_auth_port,
        acct_port=lab.settings.radius_acct_port,
        timeout_ms=1000,
    )
    async with router:
        first = lab.subscribers + 1
        add_router(lab, SIMULATED_ROUTER, SIMULATED_ROUTER_ADDRESS, coa_port=router.coa.port)
        add_subscriptions(lab, first, lab.subscribers + CROSSINGS, plan=FAIR_USE_PLAN, router=SIMULATED_ROUTER)
        sessions = await _log_in(lab, router, list(range(first, first + CROSSINGS)))
        crossings = [Crossing(session=session, full_speed=session.rate_limit) for session in sessions]
        await _send_one_by_one(crossings)
        try:
            await router.wait_until(lambda: len(_arrived(router)) >= CROSSINGS, timeout_seconds=_LAST_COA_SECONDS)
        except TimeoutError:
            lab.say(f"fair use: only {len(_arrived(router))} CoA-Requests came")
        # The answer to the last one is still on its way to being recorded.
        await asyncio.sleep(1.0)
        return crossings, list(router.coa.records)


def _arrived(router: Router) -> set[str]:
    return {str(record.first("Acct-Session-Id")) for record in router.coa.records}


async def _log_in(lab: Lab, router: Router, numbers: list[int]) -> list[SimulatedSession]:
    """The first one tries until FreeRADIUS knows the router; then the rest, a few at a time."""
    deadline = time.monotonic() + _KNOWN_AFTER_SECONDS
    while (await router.authenticate(_login(numbers[0]))).accepted is None:
        if time.monotonic() > deadline:
            raise LabError("FreeRADIUS does not answer the simulated router")
    gate = asyncio.Semaphore(_LOGINS_AT_ONCE)

    async def one(number: int) -> SimulatedSession:
        async with gate:
            return await router.open(_login(number))

    sessions = await asyncio.gather(*(one(number) for number in numbers))
    open_now = "SELECT count(*) FROM radacct_open WHERE nas_server_id = %s"
    await asyncio.to_thread(
        lab.wait_for, lambda: lab.number(open_now, SIMULATED_ROUTER) >= len(numbers), 30.0, "sessions are not counted"
    )
    return sessions


def _login(number: int) -> Login:
    return Login(
        service=Service.PPPOE,
        username=username(number),
        password=PASSWORD_FORMAT.replace("l", "") % number,
        mac=f"06:00:00:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}",
    )


async def _send_one_by_one(crossings: list[Crossing]) -> None:
    tasks = []
    for crossing in crossings:
        tasks.append(asyncio.create_task(_go_over(crossing)))
        await asyncio.sleep(_PAUSE_SECONDS)
    await asyncio.gather(*tasks)


async def _go_over(crossing: Crossing) -> None:
    session = crossing.session
    await session.traffic(download_bytes=FAIR_USE_THRESHOLD_BYTES, upload_bytes=1_000_000, seconds=10)
    crossing.sent_monotonic, crossing.sent_epoch = time.monotonic(), time.time()
    crossing.acknowledged = (await session.interim()).acknowledged


def _result(
    lab: Lab, crossings: list[Crossing], records: dict[str, CoaRecord], stations: dict[str, tuple[float, ...]]
) -> Result:
    arrived = [item for item in crossings if item.session.session_id in records]
    answered = [item for item in crossings if item.session.session_id in stations]
    ways = [(item.sent_epoch, *stations[item.session.session_id]) for item in answered]
    to_router = [records[item.session.session_id].received_monotonic - item.sent_monotonic for item in arrived]
    result = Result(
        name="fup",
        values={
            "crossings": CROSSINGS,
            **_spread(to_router),
            "to_ack": _spread([way[-1] - way[0] for way in ways]),
            "steps_p50_ms": _steps(ways),
            "subscribers": lab.subscribers,
            "machine": machine.describe(),
            "versions": machine.versions(),
        },
    )
    result.invalid = _problems(crossings, len(arrived), len(answered), records)
    _tell(lab, result, len(arrived))
    return result


def _tell(lab: Lab, result: Result, arrived: int) -> None:
    values, keys = result.values, ("p50_ms", "p95_ms", "max_ms")
    result.head = ("fair use, ms from packet sent", "p50", "p95", "max")
    result.rows = [
        ("CoA at the router", *(values[key] for key in keys)),
        ("ACK at the sender", *(values["to_ack"][key] for key in keys)),
    ]
    steps = ", ".join(f"{name} {value} ms" for name, value in values["steps_p50_ms"].items())
    result.remarks = [
        f"{arrived} of {CROSSINGS} crossings reached the router, with {lab.subscribers} other subscribers",
        f"where the time goes (p50): {steps}",
    ]


def _steps(ways: list[tuple[float, ...]]) -> dict[str, float]:
    if not ways:
        return {}
    return {
        name: round(statistics.median(way[index + 1] - way[index] for way in ways) * 1000, 1)
        for index, name in enumerate(_STEPS)
    }


def _spread(seconds: list[float]) -> dict[str, float | None]:
    if not seconds:
        return {"p50_ms": None, "p95_ms": None, "max_ms": None}
    ms = sorted(value * 1000 for value in seconds)
    at_95 = ms[min(len(ms) - 1, int(len(ms) * 0.95))]
    return {"p50_ms": round(statistics.median(ms), 1), "p95_ms": round(at_95, 1), "max_ms": round(ms[-1], 1)}


def _problems(crossings: list[Crossing], arrived: int, answered: int, records: dict[str, CoaRecord]) -> list[str]:
    slowed = sum(item.session.rate_limit != item.full_speed and _speed(item) == _REDUCED for item in crossings)
    counted = {
        "accounting records were not acknowledged": sum(not item.acknowledged for item in crossings),
        "customers crossed without a CoA at the router": len(crossings) - arrived,
        "crossings without a recorded ACK": len(crossings) - answered,
        "CoA were refused by the router": sum(record.outcome == "nak" for record in records.values()),
        f"sessions do not run at {_REDUCED}": len(crossings) - slowed,
    }
    return [f"{count} {what}" for what, count in counted.items() if count]


def _speed(crossing: Crossing) -> str:
    """The speed alone, without burst and priority."""
    return crossing.session.rate_limit.partition(" ")[0]
