"""The merge as a law, against simulated routers that own the truth: any order, any copies, any losses.

The same sessions go through collector and PostgreSQL in `tests/integration/accounting/test_merge_truth.py`, and
through FreeRADIUS in `tests/integration/live/test_truth.py`.
"""

from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.sessions import (
    BY_START,
    INTERIM,
    MISSED,
    RESTARTED,
    SECOND_US,
    START,
    TRAIL_LENGTH,
    Packet,
    SessionState,
    first_state,
    merge,
)
from session_truth import GIB, Report, TruthfulSession, deliveries, truthful_sessions

T0 = 1_790_000_000 * SECOND_US
MANY = settings(max_examples=400)


def merged(packets: list[Packet]) -> SessionState:
    return reduce(merge, packets[1:], first_state(packets[0]))


def packets_of(session: TruthfulSession, reports: list[Report]) -> list[Packet]:
    return [session.packet(report, T0) for report in reports]


def lawful(state: SessionState) -> SessionState:
    """The state without what is said of the order itself, and without the notes that the totals come from."""
    return state._replace(marks=state.marks & ~MISSED, trail=())


@MANY
@given(session=truthful_sessions(), data=st.data())
def test_after_the_last_report_the_totals_are_the_routers_to_the_byte(
    session: TruthfulSession, data: st.DataObject
) -> None:
    state = merged(packets_of(session, data.draw(deliveries(session, must_come=True))))
    if session.sends_gigawords:
        assert (state.upload_bytes, state.download_bytes) == (session.upload_bytes, session.download_bytes)
    assert state.session_time_s == session.reports[-1].session_time_s
    assert (state.stopped_us is not None) == session.is_over


@MANY
@given(session=truthful_sessions(gigawords=False), data=st.data())
def test_without_gigawords_too_when_every_report_comes(session: TruthfulSession, data: st.DataObject) -> None:
    copies = data.draw(st.lists(st.sampled_from(session.reports), max_size=8))
    order = data.draw(st.permutations([*session.reports, *copies]))
    state = merged(packets_of(session, order))
    assert (state.upload_bytes, state.download_bytes) == (session.upload_bytes, session.download_bytes)
    assert not state.marks & RESTARTED


@MANY
@given(session=truthful_sessions(), data=st.data())
def test_until_then_they_are_between_nothing_and_the_truth_and_never_fall(
    session: TruthfulSession, data: st.DataObject
) -> None:
    packets = packets_of(session, data.draw(deliveries(session, must_come=False)))
    state = first_state(packets[0])
    for packet in packets[1:]:
        after = merge(state, packet)
        assert state.upload_bytes <= after.upload_bytes <= session.upload_bytes
        assert state.download_bytes <= after.download_bytes <= session.download_bytes
        assert state.session_time_s <= after.session_time_s <= session.reports[-1].session_time_s
        assert after.started_us <= after.updated_us <= (after.stopped_us or after.updated_us)
        state = after


@MANY
@given(session=truthful_sessions(gigawords=True), data=st.data())
def test_the_order_decides_nothing(session: TruthfulSession, data: st.DataObject) -> None:
    packets = packets_of(session, data.draw(deliveries(session)))
    assert lawful(merged(packets)) == lawful(merged(data.draw(st.permutations(packets))))


@MANY
@given(session=truthful_sessions(), data=st.data())
def test_a_repeat_changes_nothing(session: TruthfulSession, data: st.DataObject) -> None:
    packets = packets_of(session, data.draw(deliveries(session)))
    state = merged(packets)
    for packet in packets:
        assert lawful(merge(state, packet)) == lawful(state)
    again = merge(state, packets[0])
    assert merge(again, packets[0]) is again


@MANY
@given(session=truthful_sessions(gigawords=True), data=st.data())
def test_the_start_is_told_by_whoever_was_nearest_to_it(session: TruthfulSession, data: st.DataObject) -> None:
    reports = data.draw(deliveries(session))
    state = merged(packets_of(session, reports))
    came = {report.kind for report in reports}
    assert (state.start_told_s == BY_START) == (START in came)
    if START not in came:
        assert state.start_told_s == min(report.session_time_s for report in reports)
    assert abs(state.started_us - T0) <= 6 * SECOND_US


# What a counter that restarts in the middle of a session tells: at least so much before each restart, far less after.
_PART = st.lists(st.integers(10_000, 50_000), min_size=1, max_size=4)


@st.composite
def restarting(draw: st.DrawFn) -> tuple[list[Packet], int]:
    """Packets in their order, and the bytes that really passed each way."""
    packets, total, at_s = [Packet(START, T0, 0, None, None, False, None)], 0, 0
    wide = draw(st.booleans())
    for part in draw(st.lists(_PART, min_size=1, max_size=3)):
        counter = 0
        for number, amount in enumerate(part):
            counter = counter + 500_000 + amount if number else amount
            at_s += 300
            packets.append(Packet(INTERIM, T0 + at_s * SECOND_US, at_s, counter, counter, wide, None))
        # So that the next part begins at less than half of what this one ended at.
        counter += 500_000
        at_s += 300
        packets.append(Packet(INTERIM, T0 + at_s * SECOND_US, at_s, counter, counter, wide, None))
        total += counter
    return packets, total


@MANY
@given(told=restarting(), data=st.data())
def test_counters_that_restart_add_up_in_the_order_they_were_told(
    told: tuple[list[Packet], int], data: st.DataObject
) -> None:
    packets, total = told
    state = first_state(packets[0])
    for position, packet in enumerate(packets[1:], 1):
        state = merge(state, packet)
        for repeated in data.draw(st.lists(st.sampled_from(packets[: position + 1]), max_size=2)):
            assert lawful(merge(state, repeated)) == lawful(state)
    assert (state.upload_bytes, state.download_bytes) == (total, total)
    assert bool(state.marks & RESTARTED) == (len({p.upload_bytes for p in packets}) > 1 and total > packets[-1][3])


@MANY
@given(told=restarting(), data=st.data())
def test_in_any_order_a_restart_never_makes_more_than_passed(
    told: tuple[list[Packet], int], data: st.DataObject
) -> None:
    packets, total = told
    order = data.draw(st.permutations(packets))
    state = first_state(order[0])
    for packet in order[1:]:
        after = merge(state, packet)
        assert state.upload_bytes <= after.upload_bytes <= total
        state = after


def test_two_parts_add_up_in_every_order_in_which_the_fall_is_seen() -> None:
    before = Packet(INTERIM, T0 + 300 * SECOND_US, 300, 1000, 9000, True, None)
    after = Packet(INTERIM, T0 + 600 * SECOND_US, 600, 10, 90, True, None)
    for order in ([before, after], [after, before]):
        state = merged(order)
        assert (state.upload_bytes, state.download_bytes, state.marks) == (1010, 9090, RESTARTED)


def test_the_notes_of_a_session_stay_short() -> None:
    state = first_state(Packet(START, T0, 0, None, None, False, None))
    for number in range(1, 200):
        count = number * (GIB - 1) % (1 << 32)
        state = merge(state, Packet(INTERIM, T0 + number * 300 * SECOND_US, number * 300, count, 0, False, None))
    assert state.upload_bytes == 199 * (GIB - 1)
    assert len(state.trail) == 2 + 4 * TRAIL_LENGTH
