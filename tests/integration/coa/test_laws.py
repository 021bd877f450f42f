"""Laws of desired and actual state, held against routers that own the truth: whatever is wanted, refused, lost, cut off
and restarted in whatever order, in the end it is so or somebody is told."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.queries.live_changes import enqueue_change
from tests.integration.coa.conftest import Online, now

RATES = ("1M/2M", "5M/10M", "20M/40M")
SESSIONS = 3
FAULTS = ("nak 401", "nak 405", "nak 503", "nak 506", "silence", "lost answers", "no effect", "api away")
session_number = st.integers(0, SESSIONS - 1)
actions = st.one_of(
    st.tuples(st.just("speed"), session_number, st.sampled_from(RATES)),
    st.tuples(st.just("speed"), session_number, st.sampled_from(RATES)),
    st.tuples(st.just("disconnect"), session_number),
    st.tuples(st.just("stop counted"), session_number),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
    st.just(("mended",)),
    st.just(("send",)),
    st.just(("look",)),
    st.just(("time passes",)),
)


@dataclass(kw_only=True)
class World:
    """One router, its customers, and what is wanted of each."""

    isp: Any
    simulated: Any
    api: Any
    customers: list[Online]
    later: timedelta = timedelta(0)
    wanted: dict[int, str] = field(default_factory=dict)
    closed: dict[str, float] = field(default_factory=dict)

    def clock(self) -> datetime:
        return now() + self.later

    def act(self, name: str, *what: Any) -> None:
        match name:
            case "speed" | "disconnect":
                self.want(*what) if name == "speed" else self.want(what[0], "end")
            case "stop counted":
                self.count_stop(what[0])
            case "fault":
                self.fault(what[0])
            case "mended":
                self.mend()
            case "send":
                self.isp.drain(clock=self.clock)
            case "look":
                self.isp.see(after=self.later)
            case "time passes":
                self.later += timedelta(seconds=40)

    def want(self, number: int, what: str) -> None:
        with self.isp.connection.transaction():
            written = enqueue_change(
                self.isp.connection,
                kind="disconnect" if what == "end" else "coa",
                reason="staff",
                requested_by="a test",
                now=self.clock(),
                sessions=[self.customers[number].row.acctuniqueid],
                attributes={} if what == "end" else {"Mikrotik-Rate-Limit": what},
            )
        if written:
            self.wanted[number] = what

    def count_stop(self, number: int) -> None:
        """The session ended on the router, and the record of it was counted."""
        customer = self.customers[number]
        customer.router.end("User-Request")
        self.isp.close(customer)
        self.closed.setdefault(customer.router.session_id, len(self.simulated.coa_records))

    def fault(self, kind: str) -> None:
        self.mend()
        behaviour = self.simulated.coa_behaviour
        if kind.startswith("nak"):
            behaviour.nak_cause = int(kind.split()[1])
        behaviour.drop = kind == "silence"
        behaviour.wrong_secret = kind == "lost answers"
        behaviour.without_effect = kind == "no effect"
        self.api.faults.is_refusing = kind == "api away"

    def mend(self) -> None:
        behaviour = self.simulated.coa_behaviour
        behaviour.nak_cause, behaviour.drop, behaviour.drop_next = None, False, 0
        behaviour.wrong_secret = behaviour.without_effect = False
        self.api.faults.is_refusing = False

    def come_to_rest(self) -> None:
        """All is well again, and hours pass."""
        self.mend()
        for _ in range(12):
            self.later += timedelta(minutes=11)
            self.isp.drain(clock=self.clock)
            self.isp.see(after=self.later)

    def changes(self, number: int) -> list[Any]:
        unique_id = self.customers[number].row.acctuniqueid
        return [change for change in self.isp.latest() if change.acctuniqueid == unique_id]


@pytest.fixture
def numbers() -> Any:
    return itertools.count()


@given(steps=st.lists(actions, min_size=3, max_size=14), has_api=st.booleans())
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_in_the_end_it_is_so_or_somebody_is_told(isp: Any, quick: None, steps: list[Any], has_api: bool) -> None:
    simulated, nas, api = isp.router_with_api()
    if not has_api:
        nas.api_username = ""
        isp.db.commit()
    world = World(
        isp=isp, simulated=simulated, api=api, customers=[isp.online(simulated, nas) for _ in range(SESSIONS)]
    )
    for customer in world.customers:
        customer.router.apply((("Mikrotik-Rate-Limit", "9M/9M"),))
    for step in steps:
        world.act(*step)
    world.come_to_rest()

    for number, wanted in world.wanted.items():
        session, told = world.customers[number].router, world.changes(number)
        # Somebody always hears what became of it.
        assert not [change for change in told if change.status in ("pending", "sending")]
        # A session that ended has the new values at its next login; otherwise it is so, or the row says that it is not.
        is_so = not session.is_open or (wanted != "end" and session.rate_limit == wanted)
        assert is_so or told[0].outcome in ("failed", "unknown", "acknowledged"), (wanted, session.rate_limit, told)
        # "Applied" is never a lie: the last change that claims it is what the router has.
        applied = [change for change in told if change.outcome == "applied"]
        if applied and applied[0] is told[0] and session.is_open:
            assert applied[0].attributes == {"Mikrotik-Rate-Limit": session.rate_limit}

    # R3: nothing is sent to a session that the books have closed.
    for session_id, records_before in world.closed.items():
        late = list(simulated.coa_records)[int(records_before) :]
        assert not [record for record in late if record.first("Acct-Session-Id") == session_id]


def test_the_same_desired_state_twice_is_no_second_packet(isp: Any) -> None:
    """R2."""
    simulated, nas, api = isp.router_with_api()
    customer = isp.online(simulated, nas)

    def want() -> list[int]:
        with isp.connection.transaction():
            return enqueue_change(
                isp.connection, kind="coa", reason="limits", requested_by="a test", now=now(), only_news=True,
                sessions=[customer.row.acctuniqueid], attributes={"Mikrotik-Rate-Limit": "5M/10M"},
            )  # fmt: skip

    assert len(want()) == 1
    assert want() == [], "it waits"
    isp.drain()
    assert want() == [], "the router said yes"
    isp.see(after=timedelta(seconds=2))
    assert want() == [], "it was seen"
    isp.drain()
    assert len(simulated.coa_records) == 1
    assert not [command for command in api.commands if not command.endswith("/print") and command != "/login"]


def test_what_was_found_to_differ_is_asked_for_again(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (change_id,) = isp.ask(customer)
    isp.drain()
    isp.execute("UPDATE session_changes SET proof = 'differs' WHERE id = %s", change_id)
    with isp.connection.transaction():
        again = enqueue_change(
            isp.connection, kind="coa", reason="limits", requested_by="a test", now=now(), only_news=True,
            sessions=[customer.row.acctuniqueid], attributes={"Mikrotik-Rate-Limit": "5M/10M"},
        )  # fmt: skip
    assert len(again) == 1


def test_a_router_that_refuses_an_attribute_is_not_asked_for_it_a_third_time(isp: Any) -> None:
    simulated, nas = isp.router()
    simulated.coa_behaviour.nak_cause = 401
    first, second, third = (isp.online(simulated, nas) for _ in range(3))
    for customer in (first, second):
        isp.ask(customer)
        isp.drain()
        isp.execute("DELETE FROM session_changes WHERE kind = 'disconnect'")
    packets = sum(not record.is_disconnect for record in simulated.coa_records)
    simulated.coa_behaviour.nak_cause = None
    (change_id,) = isp.ask(third)
    isp.drain()
    assert sum(not record.is_disconnect for record in simulated.coa_records) == packets
    assert (isp.change(change_id).status, isp.change(change_id).error_cause) == (
        "nak",
        "not asked: it refuses Mikrotik-Rate-Limit",
    )
    assert not third.router.is_open, "it went to the next rung at once"
    isp.execute("DELETE FROM nas_refusals")
    fourth = isp.online(simulated, nas)
    isp.ask(fourth)
    isp.drain()
    assert fourth.rate == "5M/10M", "staff had it forgotten"


def test_a_limit_that_routeros_cannot_change_is_left_out_and_said_so(isp: Any) -> None:
    """Mikrotik-Total-Limit is not among what RouterOS lets a CoA change: nobody is thrown out for it."""
    simulated, nas = isp.router()
    first, second = isp.online(simulated, nas), isp.online(simulated, nas)
    both = {"Mikrotik-Rate-Limit": "5M/10M", "Mikrotik-Total-Limit": "1000"}
    (change_id,) = isp.ask(first, attributes=both)
    isp.drain()
    isp.drain()
    assert (isp.change(change_id).status, first.rate, first.router.is_open) == ("ack", "5M/10M", True)
    assert isp.change(change_id).error_cause == "without Mikrotik-Total-Limit: at the next login"
    packets = len(simulated.coa_records)
    isp.ask(second, attributes=both)
    isp.drain()
    assert len(simulated.coa_records) == packets + 1, "the second customer's router is not asked for it again"
    assert second.rate == "5M/10M"


def test_a_click_goes_before_many_at_once_and_the_pace_holds(isp: Any) -> None:
    simulated, nas = isp.router()
    nas.coa_per_second = 20
    isp.db.commit()
    many = [isp.online(simulated, nas) for _ in range(30)]
    with isp.connection.transaction():
        enqueue_change(
            isp.connection, kind="coa", reason="bulk", requested_by="a test", now=now(), priority=1,
            sessions=[customer.row.acctuniqueid for customer in many], attributes={"Mikrotik-Rate-Limit": "5M/10M"},
        )  # fmt: skip
    clicked = isp.online(simulated, nas)
    isp.ask(clicked, kind="disconnect")
    isp.drain()
    records = list(simulated.coa_records)
    assert records[0].is_disconnect
    assert {customer.rate for customer in many} == {"5M/10M"}
    took = records[-1].received_monotonic - records[1].received_monotonic
    assert took > 1.0, "30 at 20 a second, the first few at once"
