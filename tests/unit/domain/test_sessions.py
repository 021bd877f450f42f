"""The merge law: any order, repeat or loss of a session's packets ends at what the last one told."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain import sessions
from domain.sessions import (
    INTERIM,
    LOST,
    NAS_REBOOT,
    START,
    STOP,
    Packet,
    Relation,
    SessionState,
    end_unseen,
    first_state,
    merge,
    relation,
)

SECOND = sessions.SECOND_US
T0 = 1_790_000_000 * SECOND
GIB = 1 << 30


def packet(
    kind: str,
    at_s: int,
    *,
    up: int | None = 0,
    down: int | None = 0,
    time_s: int | None = -1,
    gigawords: bool = True,
    cause: str | None = None,
) -> Packet:
    """A packet `at_s` seconds after the start at T0; its session time is the same unless given."""
    return Packet(kind, T0 + at_s * SECOND, at_s if time_s == -1 else time_s, up, down, gigawords, cause)


def after(packets: Sequence[Packet]) -> SessionState:
    state = first_state(packets[0])
    for later in packets[1:]:
        assert relation(state, later) is Relation.SAME
        state = merge(state, later)
    return state


@st.composite
def told_sessions(draw: st.DrawFn) -> list[Packet]:
    """A session as its router tells it: Start, interims, Stop, counters that only grow and may pass 2^32."""
    steps = draw(
        st.lists(st.tuples(st.integers(60, 3600), st.integers(0, 6 * GIB), st.integers(0, 6 * GIB)), max_size=6)
    )
    told = [packet(START, 0, up=None, down=None, time_s=draw(st.sampled_from([None, 0])))]
    at_s = up = down = 0
    for seconds, more_up, more_down in steps:
        at_s, up, down = at_s + seconds, up + more_up, down + more_down
        told.append(packet(INTERIM, at_s, up=up, down=down))
    told.append(packet(STOP, at_s + draw(st.integers(1, 600)), up=up, down=down, cause="User-Request"))
    return told


@given(told=told_sessions(), data=st.data())
def test_any_order_with_repeats_and_losses_ends_at_the_last_packet(told: list[Packet], data: st.DataObject) -> None:
    kept = [*data.draw(st.lists(st.sampled_from(told), max_size=12)), told[-1]]
    state = after(data.draw(st.permutations(kept)))
    last = told[-1]
    assert state.started_us == T0
    assert (state.upload_bytes, state.download_bytes) == (last.upload_bytes, last.download_bytes)
    assert state.session_time_s == last.session_time_s
    assert (state.stopped_us, state.updated_us) == (last.occurred_us, last.occurred_us)
    assert state.cause == "User-Request"


def test_all_orders_of_five_packets_end_in_the_same_state() -> None:
    told = [
        packet(START, 0, up=None, down=None),
        packet(INTERIM, 300, up=10, down=5 * GIB),
        packet(INTERIM, 600, up=20, down=9 * GIB),
        packet(INTERIM, 900, up=30, down=10 * GIB),
        packet(STOP, 1000, up=31, down=11 * GIB, cause="Lost-Service"),
    ]
    # That interims were missed is said when the next one comes, so it is the only thing the order decides.
    assert len({after(order)._replace(marks=0) for order in itertools.permutations(told)}) == 1


@given(told=told_sessions(), data=st.data())
def test_nothing_ever_falls(told: list[Packet], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.sampled_from(told), min_size=1, max_size=15))
    state = first_state(order[0])
    for later in order[1:]:
        merged = merge(state, later)
        assert merged.upload_bytes >= state.upload_bytes
        assert merged.download_bytes >= state.download_bytes
        assert merged.session_time_s >= state.session_time_s
        assert merged.updated_us >= state.updated_us
        assert merged.started_us <= merged.updated_us
        assert merged.stopped_us is None or merged.updated_us <= merged.stopped_us
        state = merged


@given(told=told_sessions(), data=st.data())
def test_a_repeat_changes_nothing(told: list[Packet], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.sampled_from(told), min_size=1, max_size=10))
    state = after(order)
    for repeated in order:
        assert merge(state, repeated) == state


@given(told=told_sessions(), data=st.data())
def test_what_is_added_step_by_step_is_the_total(told: list[Packet], data: st.DataObject) -> None:
    order = data.draw(st.permutations(told))
    state = first_state(order[0])
    added = state.download_bytes
    for later in order[1:]:
        merged = merge(state, later)
        added += merged.download_bytes - state.download_bytes
        state = merged
    assert added == told[-1].download_bytes


def test_a_lost_start_is_made_up_from_the_session_time() -> None:
    assert first_state(packet(INTERIM, 300)).started_us == T0


def test_a_late_interim_does_not_reopen_a_stopped_session() -> None:
    stopped = after([packet(START, 0), packet(STOP, 600, down=50, cause="User-Request")])
    assert merge(stopped, packet(INTERIM, 300, down=20)) == stopped


def test_a_greater_report_after_the_stop_is_a_late_correction() -> None:
    stopped = after([packet(START, 0), packet(STOP, 600, down=50, cause="User-Request")])
    corrected = merge(stopped, packet(INTERIM, 620, down=70))
    assert corrected.download_bytes == 70
    assert corrected.stopped_us == T0 + 620 * SECOND
    assert corrected.cause == "User-Request"


def test_a_session_given_up_as_lost_comes_back_with_news() -> None:
    lost = end_unseen(after([packet(START, 0), packet(INTERIM, 300, down=5)]), LOST)
    assert merge(lost, packet(INTERIM, 300, down=5)) == lost
    back = merge(lost, packet(INTERIM, 1800, down=9))
    assert (back.stopped_us, back.cause, back.download_bytes) == (None, None, 9)


def test_a_stop_gives_a_lost_session_its_real_end() -> None:
    for cause in (LOST, NAS_REBOOT):
        ended = end_unseen(after([packet(START, 0), packet(INTERIM, 300, down=5)]), cause)
        stopped = merge(ended, packet(STOP, 400, down=6, cause="Lost-Carrier"))
        assert (stopped.stopped_us, stopped.cause) == (T0 + 400 * SECOND, "Lost-Carrier")


def test_news_after_a_reboot_corrects_the_totals_without_reopening() -> None:
    ended = end_unseen(after([packet(START, 0), packet(INTERIM, 300, down=5)]), NAS_REBOOT)
    corrected = merge(ended, packet(INTERIM, 600, down=8))
    assert corrected.stopped_us is not None
    assert corrected.download_bytes == 8


def test_an_unseen_end_is_where_the_session_was_last_seen() -> None:
    ended = end_unseen(after([packet(START, 0), packet(INTERIM, 300)]), LOST)
    assert ended.stopped_us == T0 + 300 * SECOND


def test_a_stop_without_octets_or_with_zeroes_keeps_the_known_totals() -> None:
    running = after([packet(START, 0), packet(INTERIM, 300, up=7, down=9)])
    for told in (None, 0):
        for gigawords in (True, False):
            stopped = merge(running, packet(STOP, 400, up=told, down=told, gigawords=gigawords))
            assert (stopped.upload_bytes, stopped.download_bytes) == (7, 9)
    assert merge(running, packet(STOP, 400, time_s=0)).session_time_s == 300


class TestWrapWithoutGigawords:
    """A router that never sends Gigawords counts modulo 2^32."""

    @staticmethod
    def told(total: int, at_s: int) -> Packet:
        return packet(INTERIM, at_s, down=total % sessions.WRAP, gigawords=False)

    def test_a_fall_past_the_half_is_a_wrap(self) -> None:
        state = after([self.told(4_294_967_290, 300), self.told(4_294_967_306, 600)])
        assert state.download_bytes == 4_294_967_306

    @given(steps=st.lists(st.integers(1, (1 << 31) - 1), min_size=1, max_size=12), repeats=st.lists(st.integers(0, 11)))
    def test_totals_in_order_are_true_across_many_wraps(self, steps: list[int], repeats: list[int]) -> None:
        totals = list(itertools.accumulate(steps))
        state = first_state(packet(START, 0))
        for position, total in enumerate(totals):
            state = merge(state, self.told(total, 300 * (position + 1)))
            for repeat in repeats:
                if repeat <= position:
                    repeated = self.told(totals[repeat], 300 * (repeat + 1))
                    assert merge(state, repeated).download_bytes == state.download_bytes or repeat == position
        assert state.download_bytes == totals[-1]

    def test_the_packet_before_the_wrap_may_come_after_it(self) -> None:
        state = after([packet(START, 0), self.told(4_294_967_306, 600), self.told(4_294_967_290, 300)])
        assert state.download_bytes == 4_294_967_306

    def test_a_router_with_gigawords_never_wraps(self) -> None:
        state = after([packet(INTERIM, 300, down=4_294_967_290), packet(INTERIM, 600, down=10)])
        assert (state.download_bytes, state.marks) == (4_294_967_300, sessions.RESTARTED)

    def test_a_fall_of_less_than_half_is_neither_a_wrap_nor_a_restart(self) -> None:
        state = after([self.told(2_000_000_000, 300), self.told(1_500_000_000, 600)])
        assert (state.download_bytes, state.marks) == (2_000_000_000, sessions.RESTARTED)

    def test_a_wrap_faster_than_any_link_is_not_believed(self) -> None:
        state = after([self.told(2_300_000_000, 300), self.told(100_000_000, 301)])
        assert state.download_bytes == 2_400_000_000


class TestReusedSessionId:
    """RouterOS repeats Acct-Session-Id after sixteen reboots; without our Class only the start tells sessions apart."""

    def test_a_later_start_with_fallen_counts_is_another_session(self) -> None:
        old = after([packet(START, 0), packet(INTERIM, 600, down=8000)])
        fresh = packet(INTERIM, 900, down=100, time_s=60)
        assert relation(old, fresh) is Relation.LATER

    def test_a_start_after_the_session_was_last_seen_is_another_session(self) -> None:
        old = after([packet(START, 0), packet(INTERIM, 600, down=8000)])
        assert relation(old, packet(START, 640, up=None, down=None, time_s=None)) is Relation.LATER
        assert relation(old, packet(START, 0, up=None, down=None, time_s=None)) is Relation.SAME

    def test_what_happened_before_the_session_began_is_an_earlier_one(self) -> None:
        new = first_state(packet(INTERIM, 9000, down=100, time_s=60))
        assert relation(new, packet(INTERIM, 600, down=8000)) is Relation.EARLIER
        assert relation(new, packet(STOP, 700, down=8001)) is Relation.EARLIER

    @given(told=told_sessions(), gap_s=st.integers(61, 10**6), seconds=st.integers(1, 50))
    def test_two_sessions_are_told_apart_in_both_orders(self, told: list[Packet], gap_s: int, seconds: int) -> None:
        last = told[-1]

        def second(gap: int) -> Packet:
            return Packet(INTERIM, last.occurred_us + (gap + seconds) * SECOND, seconds, 1, 1, True, None)

        assert relation(after(told), second(gap_s)) is Relation.LATER
        # Backwards nothing but time can tell, and two clocks may differ by twice their tolerance.
        assert relation(first_state(second(gap_s + 661)), last) is Relation.EARLIER

    def test_a_clock_step_inside_the_tolerance_does_not_split_a_growing_session(self) -> None:
        state = after([packet(START, 0), packet(INTERIM, 60, down=10)])
        stepped = packet(INTERIM, 120 + 290, down=20, time_s=120)
        assert relation(state, stepped) is Relation.SAME


def occurred(received_us: int, *, stamp_us: int | None, delay_s: int) -> int:
    return sessions.occurred_at(sessions.sent_at(received_us, delay_s), stamp_us, received_us)


class TestWhenItHappened:
    """Router clocks are believed within five minutes; otherwise reception less the delay."""

    def test_a_credible_stamp_is_used_without_the_delay(self) -> None:
        stamp_us = T0 - 30 * SECOND
        assert occurred(T0, stamp_us=stamp_us, delay_s=30) == stamp_us

    def test_a_router_in_1970_is_not_believed(self) -> None:
        assert occurred(T0, stamp_us=5 * SECOND, delay_s=10) == T0 - 10 * SECOND

    def test_a_router_ahead_of_time_never_reports_from_the_future(self) -> None:
        assert occurred(T0, stamp_us=T0 + 200 * SECOND, delay_s=0) == T0
        assert occurred(T0, stamp_us=T0 + 400 * 86_400 * SECOND, delay_s=0) == T0

    def test_an_absurd_delay_is_capped(self) -> None:
        assert occurred(T0, stamp_us=None, delay_s=2**32 - 1) == T0 - sessions.MAX_DELAY_S * SECOND
