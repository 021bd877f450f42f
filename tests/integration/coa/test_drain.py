"""The outbox is emptied onto simulated routers, and the books say what happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from coa.report import latency
from db.queries import outbox
from db.queries.live_changes import enqueue_change
from db.queries.outbox import changes_of_subscription
from domain.retransmission import ERROR_CAUSES

FAST = {"Mikrotik-Rate-Limit": "5M/10M"}
SLOW = {"Mikrotik-Rate-Limit": "1M/2M"}


def later(**time: float) -> Any:
    return lambda: datetime.now(UTC) + timedelta(**time)


def test_an_acknowledged_change_is_in_force_and_written_down(isp: Any) -> None:
    customer = isp.online(*isp.router())
    (change_id,) = isp.ask(customer, attributes=FAST)
    counts = isp.drain()
    change = isp.change(change_id)
    assert customer.rate == "5M/10M"
    assert (counts.claimed, counts.ack, counts.more) == (1, 1, False)
    assert (change.status, change.attempts, change.error_cause) == ("ack", 1, None)
    assert change.caused_at <= change.sent_at <= change.finished_at
    assert change.latency_ms is not None
    assert change.result == "acknowledged by the router, not read back"
    assert isp.attempts(change_id) == [("ack", 1, None)]


def test_a_disconnect_ends_the_session_on_the_router_and_leaves_radacct_to_the_stop(isp: Any) -> None:
    customer = isp.online(*isp.router())
    (change_id,) = isp.ask(customer, kind="disconnect")
    isp.drain()
    assert isp.change(change_id).status == "ack"
    assert not customer.router.is_open
    still_open = isp.connection.execute("SELECT count(*) FROM radacct_open WHERE acctstoptime IS NULL").fetchone()
    assert still_open == (1,)


def test_nothing_due_is_nothing_done(isp: Any) -> None:
    assert isp.drain().claimed == 0


def test_only_the_right_one_of_two_sessions_of_a_user_is_hit(isp: Any) -> None:
    simulated, nas = isp.router()
    first = isp.online(simulated, nas)
    second = isp.online(simulated, nas, subscription=first.subscription)
    isp.ask(second, attributes=FAST)
    isp.drain()
    assert (first.rate, second.rate) == ("", "5M/10M")
    isp.ask(first, kind="disconnect")
    isp.drain()
    assert (first.router.is_open, second.router.is_open) == (False, True)


@pytest.mark.parametrize("cause", [401, 405, 407])
def test_a_change_the_router_cannot_make_becomes_a_disconnect(isp: Any, cause: int) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (change_id,) = isp.ask(customer, reason="plan_change")
    simulated.coa_behaviour.nak_cause = cause
    simulated.router.listeners.append(lambda _: setattr(simulated.coa_behaviour, "nak_cause", None))
    counts = isp.drain()
    refused, fallback = reversed(changes_of_subscription(isp.connection, customer.subscription.id))
    assert (refused.id, refused.status) == (change_id, "nak")
    assert refused.error_cause.startswith(str(cause))
    assert (fallback.kind, fallback.status, fallback.reason) == ("disconnect", "ack", "plan_change")
    assert fallback.requested_by == f"system: fallback after NAK {cause}"
    assert fallback.caused_at == refused.caused_at
    assert not customer.router.is_open
    assert (counts.nak, counts.ack) == (1, 1)


def test_an_attribute_routeros_cannot_change_by_coa_becomes_a_disconnect(isp: Any) -> None:
    customer = isp.online(*isp.router())
    isp.ask(customer, attributes={"Mikrotik-Address-List": "blocked"})
    isp.drain()
    assert not customer.router.is_open


@pytest.mark.parametrize("cause", [402, 403, 404, 501, 504, 508])
def test_any_other_refusal_is_kept_with_its_cause_and_not_repeated(isp: Any, cause: int) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.nak_cause = cause
    (change_id,) = isp.ask(customer)
    isp.drain()
    assert isp.change(change_id).status == "nak"
    assert isp.change(change_id).error_cause == outbox_cause(cause)
    assert customer.router.is_open
    assert len(changes_of_subscription(isp.connection, customer.subscription.id)) == 1


def outbox_cause(cause: int) -> str:
    return f"{cause} {ERROR_CAUSES[cause]}"


@pytest.mark.parametrize("cause", [406, 503])
def test_an_unknown_session_is_asked_for_once_more_and_then_refused(isp: Any, cause: int) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.nak_cause = cause
    (change_id,) = isp.ask(customer)
    assert isp.drain().retried == 1
    waiting = isp.change(change_id)
    assert (waiting.status, waiting.finished_at) == ("pending", None)
    assert timedelta(seconds=1) < waiting.next_attempt_at - datetime.now(UTC) <= timedelta(seconds=2)
    assert isp.drain().claimed == 0
    isp.drain(clock=later(seconds=3))
    assert isp.change(change_id).status == "nak"
    assert isp.change(change_id).error_cause == outbox_cause(cause)
    assert [result for result, _, _ in isp.attempts(change_id)] == ["nak", "nak"]


def test_an_unknown_session_whose_stop_arrives_meanwhile_is_gone(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    simulated.router.sessions.clear()
    (change_id,) = isp.ask(customer)
    isp.drain()
    isp.close(customer)
    isp.drain(clock=later(seconds=3))
    assert isp.change(change_id).status == "gone"
    assert len(simulated.coa_records) == 1


def test_an_unknown_session_with_a_later_one_of_the_same_device_is_gone(isp: Any) -> None:
    simulated, nas = isp.router()
    old = isp.online(simulated, nas, acctstarttime=datetime.now(UTC) - timedelta(hours=3))
    simulated.router.sessions.clear()
    isp.online(simulated, nas, subscription=old.subscription, callingstationid=old.row.callingstationid)
    (change_id,) = isp.ask(old)
    isp.drain()
    assert isp.change(change_id).status == "gone"


def test_another_device_of_the_subscription_is_no_successor(isp: Any) -> None:
    simulated, nas = isp.router()
    old = isp.online(simulated, nas, acctstarttime=datetime.now(UTC) - timedelta(hours=3))
    simulated.router.sessions.clear()
    isp.online(simulated, nas, subscription=old.subscription)
    (change_id,) = isp.ask(old)
    isp.drain()
    assert isp.change(change_id).status == "pending"


def test_a_session_that_has_closed_gets_no_packet(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (change_id,) = isp.ask(customer)
    isp.close(customer)
    assert isp.drain().gone == 1
    assert isp.change(change_id).status == "gone"
    assert simulated.coa_records == []


def test_more_closed_sessions_than_fit_into_one_claim_are_all_gone(isp: Any) -> None:
    simulated, nas = isp.router()
    customers = [isp.online(simulated, nas) for _ in range(3)]
    isp.ask(*customers)
    isp.execute(
        "INSERT INTO session_changes (tenant_id, subscription_id, nas_server_id, acctuniqueid, acctsessionid, username,"
        " kind, reason, requested_by, caused_at) SELECT tenant_id, subscription_id, nas_server_id, 'closed-' || n, 's',"
        " 'u', 'coa', 'staff', 'a test', now()"
        " FROM (SELECT * FROM session_changes LIMIT 1) c, generate_series(1, 500) n"
    )
    counts = isp.drain()
    assert (counts.gone, counts.ack) == (500, 3)


def test_silence_is_retried_later_and_later_and_given_up_after_an_hour(isp: Any, quick: None) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.drop = True
    (change_id,) = isp.ask(customer)
    isp.drain()
    change = isp.change(change_id)
    assert (change.status, change.attempts) == ("pending", 1)
    assert timedelta(seconds=3) < change.next_attempt_at - datetime.now(UTC) <= timedelta(seconds=5)
    for elapsed in (6, 40, 180, 1000, 2000, 3000):
        isp.drain(clock=later(seconds=elapsed))
    assert isp.change(change_id).status == "timeout"
    assert {(result, sends) for result, sends, _ in isp.attempts(change_id)} == {("timeout", 5)}


def test_a_router_that_comes_back_gets_the_change(isp: Any, quick: None) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.drop = True
    (change_id,) = isp.ask(customer, attributes=FAST)
    isp.drain()
    simulated.coa_behaviour.drop = False
    isp.drain(clock=later(seconds=6))
    assert (isp.change(change_id).status, customer.rate) == ("ack", "5M/10M")
    assert [result for result, _, _ in isp.attempts(change_id)] == ["timeout", "ack"]


def test_a_session_that_closes_while_its_router_is_silent_is_gone(isp: Any, quick: None) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.drop = True
    (change_id,) = isp.ask(customer)
    isp.drain()
    isp.close(customer)
    isp.drain(clock=later(seconds=6))
    assert isp.change(change_id).status == "gone"


def test_a_lost_request_is_sent_again_at_once(isp: Any, quick: None) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.drop_next = 2
    (change_id,) = isp.ask(customer)
    isp.drain()
    assert isp.attempts(change_id) == [("ack", 3, None)]


def test_a_lost_reply_applies_the_change_once(isp: Any, quick: None) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    # The router answers late, so requests two and three are repetitions to it.
    simulated.coa_behaviour.delay_ms = 75
    (change_id,) = isp.ask(customer, attributes=FAST)
    isp.drain()
    assert [record.outcome for record in simulated.coa_records] == ["ack", "duplicate", "duplicate"]
    assert isp.change(change_id).status == "ack"


@pytest.mark.parametrize("side", ["router signs with another secret", "our secret is wrong"])
def test_a_wrong_secret_is_silence_and_never_an_ack(isp: Any, quick: None, side: str) -> None:
    ours_wrong = side == "our secret is wrong"
    simulated, nas = isp.router(stored_secret="quite-another-secret" if ours_wrong else None)
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.wrong_secret = not ours_wrong
    (change_id,) = isp.ask(customer)
    isp.drain()
    assert isp.change(change_id).status == "pending"
    assert isp.attempts(change_id) == [("timeout", 5, None)]


def test_a_secret_that_cannot_be_decrypted_is_an_error_and_is_retried(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    other = isp.online(*isp.router())
    isp.execute("UPDATE nas_servers SET radius_secret_enc = 'nonsense' WHERE id = %s", nas.id)
    broken, fine = isp.ask(customer, other)
    isp.drain()
    assert isp.statuses([broken, fine]) == ["pending", "ack"]
    ((result, sends, note),) = isp.attempts(broken)
    assert (result, sends) == ("error", 0)
    assert "secret" in note


def test_an_attribute_nobody_knows_is_refused_with_its_name(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (change_id,) = isp.ask(customer, attributes={"No-Such-Attribute": "1"})
    isp.drain()
    assert isp.change(change_id).status == "nak"
    assert "No-Such-Attribute" in isp.change(change_id).error_cause
    assert simulated.coa_records == []


def test_a_removed_router_is_sent_nothing(isp: Any) -> None:
    simulated, nas = isp.router()
    (change_id,) = isp.ask(isp.online(simulated, nas))
    isp.execute("UPDATE nas_servers SET deleted_at = now() WHERE id = %s", nas.id)
    isp.drain()
    assert isp.change(change_id).status == "gone"
    assert simulated.coa_records == []


def test_a_waiting_change_is_replaced_by_a_later_one(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (old,) = isp.ask(customer, attributes=SLOW)
    (new,) = isp.ask(customer, attributes=FAST)
    isp.drain()
    assert isp.statuses([old, new]) == ["superseded", "ack"]
    assert customer.rate == "5M/10M"
    assert len(simulated.coa_records) == 1


def test_a_later_change_wins_even_when_the_earlier_one_was_left_waiting(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (old,) = isp.ask(customer, attributes=SLOW)
    isp.execute("UPDATE session_changes SET status = 'sending', claimed_until = now() + interval '1 minute'")
    (new,) = isp.ask(customer, attributes=FAST)
    assert isp.drain().claimed == 0, "one change of a session at a time"
    isp.sweep(clock=later(minutes=2))
    assert isp.statuses([old, new]) == ["superseded", "ack"]
    assert customer.rate == "5M/10M"
    assert len(simulated.coa_records) == 1


def test_an_earlier_change_is_not_applied_after_a_later_one_was(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (old,) = isp.ask(customer, attributes=SLOW)
    isp.execute("UPDATE session_changes SET status = 'sending'")
    isp.ask(customer, attributes=FAST)
    isp.execute("UPDATE session_changes SET status = 'superseded' WHERE id = %s", old)
    isp.drain()
    isp.execute("UPDATE session_changes SET status = 'pending' WHERE id = %s", old)
    isp.drain()
    assert isp.change(old).status == "superseded"
    assert customer.rate == "5M/10M"


def test_a_change_waits_for_the_one_that_is_on_its_way(isp: Any, quick: None) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.drop = True
    (old,) = isp.ask(customer, attributes=SLOW)
    asked: list[int] = []

    def on_arrival(_: Any) -> None:
        if not asked:
            with psycopg.connect(isp.connection.info.dsn, password=isp.connection.info.password) as other:
                asked.extend(enqueue(other, customer))

    simulated.router.listeners.append(on_arrival)
    simulated.router.listeners.append(lambda event: setattr(simulated.coa_behaviour, "drop", not last(simulated)))
    isp.drain()
    assert isp.statuses([old, *asked]) == ["superseded", "ack"]
    assert customer.rate == "5M/10M"


def last(simulated: Any) -> bool:
    """True once the first change's five packets were all ignored."""
    return len(simulated.coa_records) >= 5


def enqueue(connection: Any, customer: Any) -> list[int]:
    return enqueue_change(
        connection,
        kind="coa",
        reason="staff",
        requested_by="a test",
        now=datetime.now(UTC),
        sessions=[customer.row.acctuniqueid],
        attributes=FAST,
    )


def test_what_was_replaced_between_claim_and_sending_is_not_sent(isp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (old,) = isp.ask(customer, attributes=SLOW)
    real = outbox.claim_due
    asked: list[int] = []

    def claim_then_replace(connection: Any, **values: Any) -> Any:
        claims = real(connection, **values)
        if claims and not asked:
            asked.extend(enqueue(connection, customer))
        return claims

    monkeypatch.setattr(outbox, "claim_due", claim_then_replace)
    isp.drain()
    assert isp.statuses([old, *asked]) == ["superseded", "ack"]
    assert [record.first("Mikrotik-Rate-Limit") for record in simulated.coa_records] == ["5M/10M"]


def test_a_disconnect_makes_a_waiting_speed_change_needless(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (speed,) = isp.ask(customer)
    (end,) = isp.ask(customer, kind="disconnect")
    isp.execute("UPDATE session_changes SET status = 'pending' WHERE id = %s", speed)
    isp.drain()
    assert isp.statuses([speed, end]) == ["superseded", "ack"]
    assert [record.is_disconnect for record in simulated.coa_records] == [True]


def test_who_lost_its_claim_changes_nothing_any_more(isp: Any) -> None:
    simulated, nas = isp.router()
    (change_id,) = isp.ask(isp.online(simulated, nas))
    now = datetime.now(UTC)
    (claim,) = claim_all(isp, now)
    outbox.release_expired(isp.connection, now=now + timedelta(minutes=1), most_claims=20)
    late = outbox.Outcome(id=claim.id, claimed_until=claim.claimed_until, status="nak", error_cause="x", sent_at=now)
    assert outbox.finish(isp.connection, [late]) == set()
    assert isp.change(change_id).status == "pending"


PLENTY = outbox.Room(soon=200, later=200)


def claim_all(isp: Any, now: datetime) -> Any:
    return outbox.claim_due(
        isp.connection, now=now, lease=timedelta(seconds=30), room=PLENTY, rooms={}, most_routers=100
    )


def test_a_change_whose_senders_all_die_is_given_up_in_the_end(isp: Any) -> None:
    (change_id,) = isp.ask(isp.online(*isp.router()))
    now = datetime.now(UTC)
    for _ in range(3):
        assert len(claim_all(isp, now)) == 1
        now += timedelta(minutes=1)
        assert outbox.release_expired(isp.connection, now=now, most_claims=3) == 1
    assert isp.change(change_id).status == "timeout"


def test_a_claim_never_takes_more_than_there_is_room_for(isp: Any) -> None:
    simulated, first = isp.router()
    other, second = isp.router()
    isp.ask(*[isp.online(simulated, first) for _ in range(5)], *[isp.online(other, second) for _ in range(5)])
    claims = outbox.claim_due(
        isp.connection,
        now=datetime.now(UTC),
        lease=timedelta(seconds=30),
        room=outbox.Room(soon=4, later=4),
        rooms={first.id: outbox.Room(soon=2, later=2)},
        most_routers=100,
    )
    assert [c.nas_server_id for c in claims].count(first.id) == 2
    assert [c.nas_server_id for c in claims].count(second.id) == 4
    full = dict.fromkeys((first.id, second.id), outbox.Room(soon=0, later=0))
    now = datetime.now(UTC)
    assert not outbox.claim_due(
        isp.connection, now=now, lease=timedelta(seconds=30), room=PLENTY, rooms=full, most_routers=9
    )


def test_a_subscription_deleted_while_its_change_is_on_its_way_stops_nobody_else(isp: Any) -> None:
    simulated, nas = isp.router()
    gone, stays = isp.online(simulated, nas), isp.online(simulated, nas)
    ids = isp.ask(gone, stays)
    simulated.coa_behaviour.delay_ms = 50
    deleted: list[bool] = []

    def delete(_: Any) -> None:
        if not deleted:
            deleted.append(True)
            with psycopg.connect(isp.connection.info.dsn, password=isp.connection.info.password) as other:
                other.execute("DELETE FROM session_changes WHERE id = %s", [ids[0]])

    simulated.router.listeners.append(delete)
    isp.drain()
    assert isp.statuses(ids) == ["ack"]


def test_old_changes_are_deleted_with_their_attempts_and_waiting_ones_are_not(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    isp.ask(customer)
    isp.drain()
    (waiting,) = isp.ask(customer)
    later_than_all = datetime.now(UTC) + timedelta(days=1)
    assert outbox.purge_finished(isp.connection, before=later_than_all) == 1
    assert isp.statuses([waiting]) == ["pending"]


def test_the_report_counts_and_times_the_changes_of_a_window(isp: Any) -> None:
    simulated, nas = isp.router()
    since = datetime.now(UTC) - timedelta(minutes=1)
    isp.ask(*[isp.online(simulated, nas) for _ in range(10)])
    isp.drain()
    simulated.coa_behaviour.nak_cause = 402
    isp.ask(isp.online(simulated, nas))
    isp.drain()
    figures = latency(isp.connection, since=since, until=datetime.now(UTC) + timedelta(minutes=1))
    assert (figures.changes, figures.acks, figures.naks, figures.waiting) == (11, 10, 1, 0)
    assert 0 < figures.sent_p50_ms <= figures.ack_p50_ms <= figures.ack_p95_ms
    empty = latency(isp.connection, since=since - timedelta(days=1), until=since)
    assert (empty.changes, empty.ack_p50_ms) == (0, None)


def test_a_secret_reaches_neither_books_nor_counts(isp: Any, caplog: pytest.LogCaptureFixture) -> None:
    simulated, nas = isp.router(secret="do-not-show-this-secret")
    customer = isp.online(simulated, nas)
    isp.ask(customer, attributes={"No-Such-Attribute": "1"})
    counts = isp.drain()
    isp.ask(customer)
    isp.drain()
    views = changes_of_subscription(isp.connection, customer.subscription.id)
    assert "do-not-show" not in f"{views} {counts.as_dict()} {caplog.text}"


def test_another_makers_router_is_told_the_speed_in_its_own_attributes(isp: Any) -> None:
    simulated, nas = isp.router(type="ubiquiti")
    simulated.router.coa.changeable |= {"WISPr-Bandwidth-Max-Up", "WISPr-Bandwidth-Max-Down"}
    simulated.router.coa.changeable -= {"Mikrotik-Rate-Limit"}
    customer = isp.online(simulated, nas)
    told: list[dict[str, object]] = []
    simulated.router.listeners.append(lambda event: told.append(event.detail))

    (change_id,) = isp.ask(customer)
    isp.drain()

    assert isp.change(change_id).status == "ack"
    assert customer.router.is_open
    assert "10000000" in str(told)
