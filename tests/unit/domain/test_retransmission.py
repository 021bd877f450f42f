"""The tables of retransmission and of what follows from each answer."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.live_change import CHANGE_STATUSES, OUTCOMES, PROOFS, outcome_of, ways_to
from domain.retransmission import (
    ERROR_CAUSES,
    MAX_AGE,
    RESULTS,
    Outcome,
    Verdict,
    cause_text,
    judge,
    longest_exchange,
    retry_after,
    says_unknown_session,
    waits_ms,
)

HOUR = timedelta(hours=1)


def after(seconds: float) -> Verdict:
    return Verdict(status="pending", retry_after=timedelta(seconds=seconds))


ACK, NAK, TIMEOUT = Verdict(status="ack"), Verdict(status="nak"), Verdict(status="timeout")
GONE, SUPERSEDED = Verdict(status="gone"), Verdict(status="superseded")
DISCONNECT = Verdict(status="nak", disconnect=True)

TABLE = [
    ("an ACK ends it", {"result": "ack"}, ACK),
    ("an ACK counts even when the session has closed", {"result": "ack", "session_open": False}, ACK),
    ("an unsupported attribute means a reconnect", {"result": "nak", "cause": 401}, DISCONNECT),
    ("an unsupported service means a reconnect", {"result": "nak", "cause": 405}, DISCONNECT),
    ("an invalid value means a reconnect", {"result": "nak", "cause": 407}, DISCONNECT),
    ("a refused Disconnect has no fallback", {"result": "nak", "cause": 401, "kind": "disconnect"}, NAK),
    ("a later change gets its chance first", {"result": "nak", "cause": 401, "newer_waiting": True}, NAK),
    ("nobody is left to disconnect", {"result": "nak", "cause": 401, "session_open": False}, NAK),
    ("406 for a closed session", {"result": "nak", "cause": 406, "session_open": False}, GONE),
    ("503 for a closed session", {"result": "nak", "cause": 503, "session_open": False}, GONE),
    ("406 when the device has a later session", {"result": "nak", "cause": 406, "has_successor": True}, GONE),
    ("406 for an open session is asked again", {"result": "nak", "cause": 406}, after(2)),
    ("503 for an open session is asked again", {"result": "nak", "cause": 503}, after(2)),
    ("503 for a Disconnect is asked again", {"result": "nak", "cause": 503, "kind": "disconnect"}, after(2)),
    ("but only once", {"result": "nak", "cause": 406, "asked_again": True}, NAK),
    ("406 with a later change waiting", {"result": "nak", "cause": 406, "newer_waiting": True}, SUPERSEDED),
    ("a busy router is asked later", {"result": "nak", "cause": 506}, after(5)),
    ("a router busy for an hour refuses", {"result": "nak", "cause": 506, "age": HOUR}, NAK),
    ("missing attribute", {"result": "nak", "cause": 402}, NAK),
    ("wrong NAS", {"result": "nak", "cause": 403}, NAK),
    ("invalid request", {"result": "nak", "cause": 404}, NAK),
    ("prohibited", {"result": "nak", "cause": 501}, NAK),
    ("not removable", {"result": "nak", "cause": 504}, NAK),
    ("several sessions", {"result": "nak", "cause": 508}, NAK),
    ("a NAK without a cause", {"result": "nak"}, NAK),
    ("a cause nobody knows", {"result": "nak", "cause": 999}, NAK),
    ("silence, first time", {"result": "timeout"}, after(5)),
    ("silence, second time", {"result": "timeout", "tries": 2}, after(30)),
    ("silence, third time", {"result": "timeout", "tries": 3}, after(120)),
    ("silence, fourth time", {"result": "timeout", "tries": 4}, after(600)),
    ("silence, ninth time", {"result": "timeout", "tries": 9}, after(600)),
    ("silence up to the hour", {"result": "timeout", "tries": 4, "age": timedelta(minutes=50)}, after(600)),
    ("silence past the hour", {"result": "timeout", "tries": 4, "age": timedelta(minutes=51)}, TIMEOUT),
    ("silence without end", {"result": "timeout", "tries": 20}, TIMEOUT),
    ("silence about a closed session", {"result": "timeout", "session_open": False}, GONE),
    ("silence with a later change waiting", {"result": "timeout", "newer_waiting": True}, SUPERSEDED),
    ("a later session does not explain silence", {"result": "timeout", "has_successor": True}, after(5)),
    ("no way to the router", {"result": "error"}, after(5)),
    ("no way to the router for an hour", {"result": "error", "age": HOUR}, TIMEOUT),
    ("what cannot be packed is not tried again", {"result": "unsendable"}, NAK),
]


@pytest.mark.parametrize(("seen", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_answer_has_its_consequence(seen: dict[str, object], verdict: Verdict) -> None:
    assert judge(Outcome(**{"kind": "coa"} | seen)) == verdict


@given(
    st.builds(
        Outcome,
        kind=st.sampled_from(["coa", "disconnect"]),
        result=st.sampled_from(RESULTS),
        cause=st.one_of(st.none(), st.sampled_from(sorted(ERROR_CAUSES))),
        tries=st.integers(1, 30),
        age=st.timedeltas(min_value=timedelta(0), max_value=2 * MAX_AGE),
        asked_again=st.booleans(),
        session_open=st.booleans(),
        has_successor=st.booleans(),
        newer_waiting=st.booleans(),
    )
)
def test_a_verdict_is_always_a_status_and_only_waiting_has_a_time(outcome: Outcome) -> None:
    verdict = judge(outcome)
    assert verdict.status in CHANGE_STATUSES
    assert (verdict.status == "pending") == (verdict.retry_after is not None)
    assert verdict.status != "ack" or outcome.result == "ack"
    assert not verdict.disconnect or (outcome.kind == "coa" and outcome.session_open)


def test_an_unknown_result_is_an_error() -> None:
    with pytest.raises(ValueError, match="maybe"):
        judge(Outcome(kind="coa", result="maybe"))


def test_the_same_bytes_leave_five_times_within_five_seconds() -> None:
    waits = waits_ms(lambda: 0)
    assert [sum(waits[:n]) for n in range(len(waits))] == [0, 400, 1200, 2800, 5000]


@given(st.floats(-1, 1))
def test_no_wait_varies_by_more_than_a_tenth(variation: float) -> None:
    for wait, plain in zip(waits_ms(lambda: variation), waits_ms(lambda: 0), strict=True):
        assert abs(wait - plain) <= plain / 10 + 1e-9
    assert timedelta(milliseconds=sum(waits_ms(lambda: variation))) <= longest_exchange()


def test_all_tries_fit_into_the_hour_with_room() -> None:
    rests = [retry_after(n) for n in range(1, 9)]
    assert rests == sorted(rests)
    assert sum(rests[:4], timedelta(0)) < MAX_AGE


@pytest.mark.parametrize(
    ("cause", "text", "unknown"),
    [
        (406, "406 Unsupported-Extension", True),
        (503, "503 Session-Context-Not-Found", True),
        (401, "401 Unsupported-Attribute", False),
        (999, "999 unknown cause", False),
    ],
)
def test_a_cause_is_kept_as_number_and_name(cause: int, text: str, unknown: bool) -> None:
    assert cause_text(cause) == text
    assert says_unknown_session(text) is unknown


@pytest.mark.parametrize("text", [None, "", "port unreachable", "router's secret: 406"])
def test_a_note_is_no_cause(text: str | None) -> None:
    assert not says_unknown_session(text)


@pytest.mark.parametrize("status", CHANGE_STATUSES)
@pytest.mark.parametrize("proof", [None, *PROOFS])
def test_every_status_has_an_outcome_and_only_what_was_seen_is_applied(status: str, proof: str | None) -> None:
    outcome = outcome_of(status, proof)
    assert outcome in OUTCOMES
    assert (outcome == "applied") == (proof == "applied" and status in ("ack", "nak", "timeout"))


def test_every_way_to_an_outcome_is_found_again() -> None:
    ways = {outcome: ways_to(outcome) for outcome in OUTCOMES}
    assert all(outcome_of(*way) == outcome for outcome, found in ways.items() for way in found)
    assert sum(map(len, ways.values())) == len(CHANGE_STATUSES) * (len(PROOFS) + 1)
    assert all(ways.values())
