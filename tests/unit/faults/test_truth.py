"""What counts as a login answered, as service back, as a record acknowledged."""

import pytest

from faults.truth import (
    Ask,
    Caller,
    Key,
    SessionTruth,
    Truth,
    availability,
    false_accepts,
    false_rejects,
    not_let_in,
    recovery_s,
)


def ask(at: float, took_s: float | None = 0.01, *, accepted: bool = True, caller: Caller = Caller.CUSTOMER) -> Ask:
    if took_s is None:
        return Ask(caller=caller, username="a", asked_at=at)
    return Ask(caller=caller, username="a", asked_at=at, answered_at=at + took_s, accepted=accepted)


def test_a_customer_who_was_let_in_late_or_refused_or_not_answered_was_not_served() -> None:
    logins = [ask(1.0), ask(2.0, 3.5), ask(3.0, accepted=False), ask(4.0, None), ask(9.0)]

    assert availability(logins, since=0.0, until=5.0) == 0.25
    assert availability(logins, since=20.0, until=30.0) is None
    assert [one.asked_at for one in not_let_in(logins, since=0.0, until=5.0)] == [2.0, 3.0, 4.0]


def test_strangers_who_are_refused_or_not_answered_cost_no_availability() -> None:
    logins = [ask(1.0), ask(1.0, accepted=False, caller=Caller.STRANGER), ask(1.0, None, caller=Caller.STRANGER)]

    assert availability(logins, since=0.0, until=5.0) == 1.0
    assert false_rejects(logins) == []
    assert false_accepts(logins) == []


def test_a_refused_customer_and_a_stranger_who_got_in_are_named() -> None:
    refused, let_in = ask(1.0, accepted=False), ask(1.0, caller=Caller.STRANGER)

    assert false_rejects([refused, let_in]) == [refused]
    assert false_accepts([refused, let_in]) == [let_in]


@pytest.mark.parametrize(
    ("logins", "back_after"),
    [
        ([ask(9.5), *(ask(10 + n / 10) for n in range(20))], 0.0),
        ([ask(9.5, None), *(ask(10.5 + n / 10) for n in range(20))], 0.51),
        ([ask(9.5, None), ask(10.0, None), ask(11.0, None), *(ask(12 + n / 10) for n in range(20))], 2.01),
        ([ask(10.0 + n / 10, None if n % 5 == 0 else 0.01) for n in range(50)], None),
        ([ask(9.0)], None),
    ],
    ids=["never away", "back with the first", "two failed first", "never steady", "nobody asked"],
)
def test_service_is_back_with_the_first_of_many_good_answers_in_a_row(
    logins: list[Ask], back_after: float | None
) -> None:
    found = recovery_s(logins, healed_at=10.0, steady=10)

    assert found == (None if back_after is None else pytest.approx(back_after))


def test_acknowledgements_in_any_order_add_up_to_the_greatest_report() -> None:
    session = SessionTruth(
        router="127.0.0.1", session_id="81000001", class_text="", subscription_id=1, username="a", began_at=0.0
    )

    session.acknowledge("Stop", 50, 500, 60, at=60.0)
    session.acknowledge("Interim-Update", 20, 200, 30, at=30.0)

    assert (session.acked_upload_bytes, session.acked_download_bytes, session.acked_session_s) == (50, 500, 60)
    assert (session.records_acked, session.stop_acked, session.last_acked_at) == (2, True, 60.0)


def test_what_nobody_was_promised_is_taken_back_from_its_session_and_from_no_other() -> None:
    first, other = (
        SessionTruth(
            router="r", session_id=name, class_text="c", subscription_id=1, username="a", began_at=0.0, records_acked=2,
            acked_download_bytes=90, acked_session_s=9, stop_acked=True,
        )
        for name in ("1", "2")
    )  # fmt: skip
    kept, gone = Key("r", "1", "c", "Interim-Update", 0, 40, 4), Key("r", "1", "c", "Stop", 0, 90, 9)

    Truth(sessions=[first, other], acked=[kept, gone]).forget([gone])

    assert (first.records_acked, first.acked_download_bytes, first.acked_session_s, first.stop_acked) == (
        1,
        40,
        4,
        False,
    )
    assert (other.records_acked, other.acked_download_bytes, other.stop_acked) == (2, 90, True)
