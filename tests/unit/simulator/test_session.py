"""Counters, time and limits of one session, with a reporter that only writes down."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import attributes as ros
from simulator import wire
from simulator.attributes import Counters, Login, RouterFacts, Service, SessionFacts
from simulator.session import AccountingResult, Report, SimulatedSession
from simulator.wire import Attribute, Code

GIB = 1 << 30


@dataclass
class Notebook:
    """A router that acknowledges everything."""

    reports: list[Report] = field(default_factory=list)
    ended: list[SimulatedSession] = field(default_factory=list)
    clock: float = 0.0

    def seconds_now(self) -> float:
        return self.clock

    async def report(self, report: Report) -> AccountingResult:
        self.reports.append(report)
        return AccountingResult(status=report.status, acknowledged=True, sends=1, delay_seconds=0, latency_ms=0.0)

    def session_ended(self, session: SimulatedSession) -> None:
        self.ended.append(session)


def _session(notebook: Notebook, *reply: Attribute) -> SimulatedSession:
    login = Login(service=Service.PPPOE, username="budi")
    facts = SessionFacts(login=login, session_id="81000001", number=1, framed_ip="100.64.0.2")
    return SimulatedSession(facts=facts, reporter=notebook, reply=reply)


def _traffic(session: SimulatedSession, **traffic: float) -> Counters:
    return asyncio.run(session.traffic(**traffic))  # type: ignore[arg-type]


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


def _counted(report: Report) -> tuple[int, int]:
    """Both totals as a server reads them from the packet."""
    usage = ros.usage_attributes(report.counters, session_seconds=report.session_seconds)
    attributes = ros.accounting_request(
        report.facts,
        RouterFacts(identity="MikroTik", nas_ip="192.0.2.1"),
        status=report.status,
        event_timestamp=0,
        delay_seconds=0,
        usage=usage,
    )
    packet = wire.decode(
        wire.hashed_request(code=Code.ACCOUNTING_REQUEST, identifier=0, attributes=attributes, secret=b"s")
    )

    def whole(way: str) -> int:
        high, low = packet.first(f"Acct-{way}-Gigawords"), packet.first(f"Acct-{way}-Octets")
        assert isinstance(high, int)
        assert isinstance(low, int)
        return (high << 32) + low

    return whole("Input"), whole("Output")


_BURSTS = st.lists(
    st.tuples(st.integers(0, 40 * GIB), st.integers(0, 40 * GIB), st.integers(0, 100_000), st.booleans()), max_size=12
)


@given(bursts=_BURSTS, interim_seconds=st.sampled_from([0, 60, 300, 3600]))
def test_counters_in_packets_always_equal_the_truth(
    bursts: list[tuple[int, int, int, bool]], interim_seconds: int
) -> None:
    async def live() -> None:
        for upload, download, seconds, ask in bursts:
            before = session.truth
            passed = await session.traffic(upload_bytes=upload, download_bytes=download, seconds=seconds)
            assert (passed.upload_bytes, passed.download_bytes) == (upload, download)
            assert session.truth == before + passed
            if ask:
                await session.interim()
                assert _counted(notebook.reports[-1]) == (session.truth.upload_bytes, session.truth.download_bytes)
        await session.stop()

    notebook = Notebook()
    session = _session(notebook, ("Acct-Interim-Interval", interim_seconds))
    asyncio.run(live())
    assert session.truth.upload_bytes == sum(burst[0] for burst in bursts)
    assert session.truth.download_bytes == sum(burst[1] for burst in bursts)
    assert _counted(notebook.reports[-1]) == (session.truth.upload_bytes, session.truth.download_bytes)
    totals = [_counted(report) for report in notebook.reports]
    assert totals == sorted(totals)
    assert session.acknowledged == session.truth


@given(
    session_seconds=st.integers(0, 5000),
    idle_seconds=st.integers(0, 500),
    interim_seconds=st.integers(0, 500),
    limit_bytes=st.integers(0, 10_000),
    bursts=st.lists(st.tuples(st.integers(0, 4000), st.floats(0, 2000)), max_size=8),
)
def test_limits_end_a_session_on_the_spot_and_never_later(
    session_seconds: int,
    idle_seconds: int,
    interim_seconds: int,
    limit_bytes: int,
    bursts: list[tuple[int, float]],
) -> None:
    async def live() -> None:
        for bytes_, seconds in bursts:
            await session.traffic(upload_bytes=bytes_, download_bytes=bytes_, seconds=seconds)

    notebook = Notebook()
    session = _session(
        notebook,
        ("Session-Timeout", session_seconds),
        ("Idle-Timeout", idle_seconds),
        ("Acct-Interim-Interval", interim_seconds),
        ("Mikrotik-Total-Limit", limit_bytes),
    )
    asyncio.run(live())
    assert not session_seconds or session.age_seconds <= session_seconds + 1e-6
    assert not limit_bytes or session.truth.total_bytes <= limit_bytes
    assert session.is_open == (not notebook.ended)
    stops = [report for report in notebook.reports if report.status == "Stop"]
    assert len(stops) == (0 if session.is_open else 1)


def test_interims_fall_due_inside_a_long_burst_with_the_counters_of_their_moment(notebook: Notebook) -> None:
    session = _session(notebook, ("Acct-Interim-Interval", 300))
    _traffic(session, download_bytes=3000, seconds=1000)
    assert [(report.session_seconds, report.counters.download_bytes) for report in notebook.reports] == [
        (300, 900),
        (600, 1800),
        (900, 2700),
    ]


def test_a_session_timeout_stops_the_session_at_that_second(notebook: Notebook) -> None:
    session = _session(notebook, ("Session-Timeout", 100))
    passed = _traffic(session, download_bytes=3000, seconds=300)
    assert (notebook.reports[-1].status, notebook.reports[-1].cause) == ("Stop", "Session-Timeout")
    assert notebook.reports[-1].session_seconds == 100
    assert passed.download_bytes == 1000


def test_an_idle_timeout_stops_a_quiet_session_and_traffic_restarts_it(notebook: Notebook) -> None:
    session = _session(notebook, ("Idle-Timeout", 60))
    _traffic(session, seconds=50)
    _traffic(session, upload_bytes=1, seconds=0)
    _traffic(session, seconds=50)
    assert session.is_open
    _traffic(session, seconds=50)
    assert notebook.reports[-1].cause == "Idle-Timeout"
    assert notebook.reports[-1].session_seconds == 110


def test_a_byte_limit_with_gigawords_is_cut_at_the_byte(notebook: Notebook) -> None:
    session = _session(notebook, ("Mikrotik-Xmit-Limit", 10), ("Mikrotik-Xmit-Limit-Gigawords", 1))
    passed = _traffic(session, download_bytes=5 * GIB, upload_bytes=7, seconds=0)
    assert passed.download_bytes == 4 * GIB + 10
    assert passed.upload_bytes == 7
    assert not session.is_open


def test_a_total_limit_counts_both_directions(notebook: Notebook) -> None:
    session = _session(notebook, ("Mikrotik-Total-Limit", 100))
    passed = _traffic(session, download_bytes=60, upload_bytes=60, seconds=10)
    assert passed.total_bytes == 100


def test_without_seconds_a_session_ages_by_the_routers_clock(notebook: Notebook) -> None:
    session = _session(notebook)
    notebook.clock = 90.0
    _traffic(session, download_bytes=1)
    asyncio.run(session.interim())
    assert notebook.reports[-1].session_seconds == 90


def test_nothing_passes_after_the_end(notebook: Notebook) -> None:
    session = _session(notebook)
    asyncio.run(session.stop())
    assert _traffic(session, download_bytes=100, seconds=10) == Counters()


def test_a_new_rate_replaces_the_old_one_and_leaves_the_limits(notebook: Notebook) -> None:
    session = _session(notebook, ("Mikrotik-Rate-Limit", "5M/10M"), ("Session-Timeout", 3600))
    session.apply((("Mikrotik-Rate-Limit", "1M/2M"),))
    assert session.rate_limit == "1M/2M"
    assert session.limits.session_seconds == 3600


def test_a_new_low_word_forgets_the_old_gigawords(notebook: Notebook) -> None:
    session = _session(notebook, ("Mikrotik-Recv-Limit", 10), ("Mikrotik-Recv-Limit-Gigawords", 1))
    session.apply((("Mikrotik-Recv-Limit", 20),))
    assert session.limits.upload_bytes == 20


def test_a_change_of_rate_does_not_move_the_next_interim(notebook: Notebook) -> None:
    session = _session(notebook, ("Acct-Interim-Interval", 100))
    _traffic(session, seconds=90)
    session.apply((("Mikrotik-Rate-Limit", "1M/2M"),))
    _traffic(session, seconds=20)
    assert [report.session_seconds for report in notebook.reports] == [100]
