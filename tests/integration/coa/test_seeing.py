"""What is said of a change is what was seen of it: Stops, tables of the router, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from domain.desired import SESSION_TIMEOUT, TOTAL_LIMIT
from domain.retransmission import LOOK_AFTER
from simulator.attributes import Service
from simulator.coa_server import CHANGEABLE
from tests.integration.coa.conftest import now

SECOND = timedelta(seconds=1)
LATER = timedelta(seconds=10)


def outcome(isp: Any, change_id: int) -> tuple[str, str | None]:
    change = isp.change(change_id)
    return change.outcome, change.proved_by


def test_a_routers_yes_is_acknowledged_and_no_more(isp: Any) -> None:
    (change_id,) = isp.ask(isp.online(*isp.router()))
    isp.drain()
    isp.see(after=timedelta(hours=1))
    assert outcome(isp, change_id) == ("acknowledged", None)


def test_a_speed_that_the_routers_queue_shows_is_applied(isp: Any) -> None:
    simulated, nas, _ = isp.router_with_api()
    (change_id,) = isp.ask(isp.online(simulated, nas))
    isp.drain()
    assert outcome(isp, change_id) == ("acknowledged", None)
    assert isp.see().applied == 0, "it is not time to look yet"
    assert isp.see(after=2 * SECOND).applied == 1
    assert outcome(isp, change_id) == ("applied", "api")
    assert isp.change(change_id).result == "applied: read back from the router, or ended as its Stop tells"


def test_a_yes_without_effect_is_found_out_and_the_session_ended(isp: Any) -> None:
    """B19: the state is not lied about, and what was wanted comes to be all the same."""
    simulated, nas, _ = isp.router_with_api()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.without_effect = True
    customer.router.apply((("Mikrotik-Rate-Limit", "1M/1M"),))
    (change_id,) = isp.ask(customer)
    isp.drain()
    isp.see(after=2 * SECOND)
    assert outcome(isp, change_id) == ("acknowledged", None), "a difference must last"
    isp.see(after=LATER)
    assert outcome(isp, change_id) == ("failed", "api")
    (fallback,) = [c for c in isp.latest() if c.kind == "disconnect"]
    assert (fallback.status, fallback.requested_by) == (
        "pending",
        "system: fallback as it was acknowledged without effect",
    )
    simulated.coa_behaviour.without_effect = False
    isp.drain(clock=lambda: now() + LATER)
    assert not customer.router.is_open


def test_a_disconnect_is_applied_when_the_stop_has_come(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (change_id,) = isp.ask(customer, kind="disconnect")
    isp.drain()
    isp.see(after=2 * SECOND)
    assert outcome(isp, change_id) == ("acknowledged", None), "no Stop yet"
    isp.close(customer)
    isp.see(after=LATER)
    assert outcome(isp, change_id) == ("applied", "stop")


def test_a_session_that_we_closed_ourselves_proves_nothing(isp: Any) -> None:
    simulated, nas = isp.router()
    customer = isp.online(simulated, nas)
    (change_id,) = isp.ask(customer, kind="disconnect")
    isp.drain()
    isp.close(customer, cause="Lost")
    for wait in (*LOOK_AFTER, timedelta(hours=1)):
        isp.see(after=wait + timedelta(minutes=6))
    assert outcome(isp, change_id) == ("acknowledged", None)


def test_a_disconnect_is_applied_when_the_router_lists_others_only(isp: Any) -> None:
    simulated, nas, _ = isp.router_with_api()
    customer, _ = isp.online(simulated, nas), isp.online(simulated, nas)
    (change_id,) = isp.ask(customer, kind="disconnect")
    isp.drain()
    isp.see(after=2 * SECOND)
    assert outcome(isp, change_id) == ("applied", "api")


def test_an_empty_list_is_no_proof_that_anybody_is_gone(isp: Any) -> None:
    """R3's other half: empty means unknown, never offline."""
    simulated, nas, api = isp.router_with_api()
    (change_id,) = isp.ask(isp.online(simulated, nas), kind="disconnect")
    isp.drain()
    isp.see(after=2 * SECOND)
    assert api.count("/ppp/active/print") == 1
    assert outcome(isp, change_id) == ("acknowledged", None)


@pytest.mark.parametrize("fault", ["is_refusing", "is_silent", "fatal"])
def test_a_router_that_cannot_be_read_has_shown_nothing(isp: Any, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coa.seeing.DEADLINE_S", 0.6)
    simulated, nas, api = isp.router_with_api()
    (change_id,) = isp.ask(isp.online(simulated, nas))
    isp.drain()
    setattr(api.faults, fault, True if fault != "fatal" else "no")
    isp.see(after=2 * SECOND)
    assert outcome(isp, change_id) == ("acknowledged", None)
    assert isp.change(change_id).proof is None


def test_a_refused_disconnect_is_done_through_the_api(isp: Any) -> None:
    """COA-04: the ladder goes on, and its end is told truthfully."""
    simulated, nas, api = isp.router_with_api()
    customer, other = isp.online(simulated, nas), isp.online(simulated, nas)
    simulated.coa_behaviour.nak_cause = 405
    (change_id,) = isp.ask(customer, kind="disconnect")
    isp.drain()
    assert (isp.change(change_id).status, isp.change(change_id).via) == ("pending", "api")
    assert isp.see().carried_out == 1
    assert outcome(isp, change_id) == ("applied", "api")
    assert (customer.router.is_open, other.router.is_open) == (False, True)
    assert api.count("/ppp/active/remove") == 1
    assert [result for result, _, _ in isp.attempts(change_id)] == ["nak", "ack"]


def test_a_disconnect_that_met_silence_is_done_through_the_api_at_once(isp: Any, quick: None) -> None:
    simulated, nas, _ = isp.router_with_api()
    customer, _ = isp.online(simulated, nas), isp.online(simulated, nas)
    simulated.coa_behaviour.drop = True
    (change_id,) = isp.ask(customer, kind="disconnect")
    isp.drain()
    isp.see()
    assert outcome(isp, change_id) == ("applied", "api")
    assert not customer.router.is_open


def test_a_speed_that_coa_cannot_change_is_set_in_a_queue_that_staff_made(isp: Any) -> None:
    simulated, nas, api = isp.router_with_api()
    customer = isp.online(simulated, nas)
    api.tables.put(
        "/queue/simple",
        {"name": "budi", "target": f"{customer.router.framed_ip}/32", "max-limit": "1M/1M", "dynamic": "false"},
    )
    simulated.coa_behaviour.nak_cause = 401
    (change_id,) = isp.ask(customer)
    isp.drain()
    isp.see()
    assert outcome(isp, change_id) == ("applied", "api")
    assert api.tables.named("/queue/simple", "budi")["max-limit"] == "5000000/10000000"
    assert customer.router.is_open


def test_a_speed_that_only_a_new_login_can_bring_ends_the_session(isp: Any) -> None:
    simulated, nas, _ = isp.router_with_api()
    customer = isp.online(simulated, nas)
    customer.router.apply((("Mikrotik-Rate-Limit", "1M/1M"),))
    simulated.coa_behaviour.nak_cause = 401
    (change_id,) = isp.ask(customer)
    isp.drain()
    isp.see()
    assert (isp.change(change_id).status, isp.change(change_id).outcome) == ("nak", "failed")
    (fallback,) = [c for c in isp.latest() if c.kind == "disconnect"]
    simulated.coa_behaviour.nak_cause = None
    isp.drain()
    assert isp.change(fallback.id).status == "ack"
    assert not customer.router.is_open


def test_what_is_so_already_is_not_written_again(isp: Any, quick: None) -> None:
    """R2: only the answer was lost, and the API sees that the speed is in force."""
    simulated, nas, api = isp.router_with_api()
    customer = isp.online(simulated, nas)
    customer.router.apply((("Mikrotik-Rate-Limit", "5M/10M"),))
    simulated.coa_behaviour.nak_cause = 401
    (change_id,) = isp.ask(customer)
    isp.drain()
    isp.see()
    assert outcome(isp, change_id) == ("applied", "api")
    assert not [command for command in api.commands if not command.endswith("/print") and command != "/login"]


def test_a_dead_api_sends_the_change_back_to_radius_with_a_rest(isp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coa.seeing.DEADLINE_S", 0.6)
    simulated, nas, api = isp.router_with_api()
    api.faults.is_refusing = True
    simulated.coa_behaviour.nak_cause = 504
    (change_id,) = isp.ask(isp.online(simulated, nas), kind="disconnect")
    isp.drain()
    isp.see()
    change = isp.change(change_id)
    assert (change.status, change.via) == ("pending", "radius")
    assert change.next_attempt_at > change.created_at + SECOND
    assert change.outcome == "waiting"


def test_one_dead_api_holds_up_no_other(isp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coa.seeing.DEADLINE_S", 0.6)
    dead, dead_nas, dead_api = isp.router_with_api()
    fine, fine_nas, _ = isp.router_with_api()
    first, second = isp.ask(isp.online(dead, dead_nas)), isp.ask(isp.online(fine, fine_nas))
    isp.drain()
    dead_api.faults.is_silent = True
    isp.see(after=2 * SECOND)
    assert outcome(isp, second[0]) == ("applied", "api")
    assert outcome(isp, first[0]) == ("acknowledged", None)


HOUR = {SESSION_TIMEOUT: "3600"}


def test_a_time_limit_that_the_hotspot_shows_is_applied(isp: Any) -> None:
    """It counts from the start of the session, and the router shows what is left of it."""
    simulated, nas, _ = isp.router_with_api()
    customer = isp.online(simulated, nas, service=Service.HOTSPOT)
    customer.router.age_seconds = 600
    (change_id,) = isp.ask(customer, attributes=HOUR, reason="limits")
    isp.drain()
    isp.see(after=2 * SECOND)
    assert outcome(isp, change_id) == ("applied", "api")


@pytest.fixture
def changes_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that takes by CoA what RouterOS's manual does not say that it does."""
    monkeypatch.setattr("simulator.coa_server.CHANGEABLE", CHANGEABLE | {TOTAL_LIMIT, "Mikrotik-Address-List"})


def test_a_volume_limit_that_the_hotspot_shows_is_applied(isp: Any, changes_more: None) -> None:
    simulated, nas, _ = isp.router_with_api()
    customer = isp.online(simulated, nas, service=Service.HOTSPOT)
    (change_id,) = isp.ask(customer, attributes={TOTAL_LIMIT: str(1 << 30)}, reason="limits")
    isp.drain()
    isp.see(after=2 * SECOND)
    assert outcome(isp, change_id) == ("applied", "api")


def test_a_time_limit_of_a_ppp_session_stays_acknowledged_and_says_why(isp: Any) -> None:
    simulated, nas, _ = isp.router_with_api()
    customer = isp.online(simulated, nas)
    (change_id,) = isp.ask(customer, attributes=HOUR | {"Mikrotik-Rate-Limit": "5M/10M"}, reason="limits")
    isp.drain()
    isp.see(after=2 * SECOND)
    assert outcome(isp, change_id) == ("acknowledged", None)
    assert isp.change(change_id).error_cause == "RouterOS does not show the session's time limit"
    assert isp.change(change_id).proof == "unknown", "one look is enough: another would show no more"


def test_what_waits_for_the_next_login_does_not_keep_the_rest_from_being_applied(isp: Any) -> None:
    simulated, nas, _ = isp.router_with_api()
    customer = isp.online(simulated, nas)
    wanted = {"Mikrotik-Rate-Limit": "5M/10M", TOTAL_LIMIT: "1000000"}
    (change_id,) = isp.ask(customer, attributes=wanted, reason="limits")
    isp.drain()
    isp.drain(clock=lambda: now() + LATER)
    assert isp.change(change_id).error_cause == f"without {TOTAL_LIMIT}: at the next login"
    isp.see(after=2 * LATER)
    assert outcome(isp, change_id) == ("applied", "api")


def test_a_limit_without_effect_is_found_out_and_nobody_thrown_out(isp: Any) -> None:
    """Whoever counts ends the session in time; the router is not asked for this limit again for a while."""
    simulated, nas, _ = isp.router_with_api()
    customer = isp.online(simulated, nas, service=Service.HOTSPOT)
    simulated.coa_behaviour.without_effect = True
    (change_id,) = isp.ask(customer, attributes=HOUR, reason="limits")
    isp.drain()
    isp.see(after=2 * SECOND)
    isp.see(after=LATER)
    assert outcome(isp, change_id) == ("failed", "api")
    assert isp.change(change_id).error_cause == "the router shows another time limit"
    assert [change.kind for change in isp.latest()] == ["coa"]
    ((what, cause),) = isp.connection.execute("SELECT what, error_cause FROM nas_refusals").fetchall()
    assert (what, cause) == (SESSION_TIMEOUT, "acknowledged without effect")


@pytest.mark.parametrize(("has_entry", "expected"), [(True, "applied"), (False, "failed")])
def test_an_address_list_is_read_back_by_the_sessions_address(
    isp: Any, changes_more: None, has_entry: bool, expected: str
) -> None:
    simulated, nas, _ = isp.router_with_api()
    customer = isp.online(simulated, nas)
    simulated.coa_behaviour.without_effect = not has_entry
    (change_id,) = isp.ask(customer, attributes={"Mikrotik-Address-List": "isolir"})
    isp.drain()
    isp.see(after=2 * SECOND)
    isp.see(after=LATER)
    assert outcome(isp, change_id)[0] == expected
