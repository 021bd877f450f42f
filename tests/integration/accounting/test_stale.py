"""A session that falls silent: its router is asked, and what it says or does not say decides."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounting import jobs
from coa.check import check_due
from factories import make_subscription
from simulator.attributes import Service
from tests.integration.coa.conftest import Isp, Online, isp  # noqa: F401 - the fixture of simulated routers

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
Network = Isp


@pytest.fixture
def network(isp: Isp) -> Isp:  # noqa: F811
    return isp


def silent_for(network: Network, simulated: Any, nas: Any, how_long: timedelta) -> Online:
    """A customer online on the router, of whom nothing was heard for so long."""
    heard_at = NOW - how_long
    values = {"acctstarttime": heard_at - HOUR, "acctupdatetime": heard_at, "acctsessiontime": 3600}
    return network.online(simulated, nas, **values)


def sweep(network: Network, after: timedelta = timedelta(0)) -> int:
    return jobs.close_stale_sessions(network.connection, NOW + after).changed


def ask(network: Network, after: timedelta = timedelta(0)) -> int:
    return check_due(network.connection, clock=lambda: NOW + after)


def row(network: Network, customer: Online) -> tuple[Any, ...]:
    found = network.connection.execute(
        "SELECT acctstoptime, acctterminatecause, acctsessiontime FROM radacct WHERE acctuniqueid = %s",
        [customer.row.acctuniqueid],
    ).fetchone()
    assert found is not None
    return tuple(found)


def answer(network: Network, customer: Online) -> str | None:
    found = network.connection.execute(
        "SELECT answer FROM session_checks WHERE acctuniqueid = %s", [customer.row.acctuniqueid]
    ).fetchone()
    return None if found is None else found[0]


def test_who_the_router_does_not_know_ends_when_he_was_last_seen(network: Network) -> None:
    simulated, nas = network.router()
    gone, alive = silent_for(network, simulated, nas, HOUR), silent_for(network, simulated, nas, HOUR)
    heard = network.online(simulated, nas)
    del simulated.router.sessions[gone.router.session_id]

    assert sweep(network) == 0
    assert ask(network) == 2
    # RouterOS's "406" may mean something else, so it is heard twice.
    assert (answer(network, gone), answer(network, alive), answer(network, heard)) == (None, "alive", None)
    assert ask(network, timedelta(seconds=5)) == 0
    assert ask(network, timedelta(seconds=31)) == 1
    assert sweep(network, timedelta(seconds=32)) == 1

    assert row(network, gone) == (NOW - HOUR, "Lost", 3600)
    assert row(network, alive)[0] is None
    assert alive.rate == ""
    assert sweep(network, timedelta(minutes=5)) == 0


def test_one_that_is_alive_is_asked_about_again_later_and_never_ended(network: Network) -> None:
    simulated, nas = network.router()
    alive = silent_for(network, simulated, nas, HOUR)
    asked = 0
    for hours in range(30):
        assert sweep(network, timedelta(hours=hours)) == 0
        asked += ask(network, timedelta(hours=hours))
    assert asked == 30
    assert row(network, alive)[0] is None


@pytest.mark.parametrize("over", [{"coa_port": 9}, {"stored_secret": "another-secret-entirely"}])
def test_silence_ends_a_session_only_after_much_longer_and_at_the_last_evidence(
    network: Network, over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coa.check.WITHIN_S", 0.3)
    simulated, nas = network.router(**over)
    customer = silent_for(network, simulated, nas, HOUR)
    for hours in (0, 6, 12, 22):
        assert sweep(network, timedelta(hours=hours)) == 0
        assert ask(network, timedelta(hours=hours)) == 1
        assert answer(network, customer) == "unknown"
        assert sweep(network, timedelta(hours=hours, seconds=1)) == 0
    assert sweep(network, timedelta(hours=23, seconds=1)) == 1
    assert row(network, customer) == (NOW - HOUR, "Lost", 3600)


def test_how_long_is_a_setting(network: Network) -> None:
    simulated, nas = network.router(is_active=False)
    silent_for(network, simulated, nas, HOUR)
    assert sweep(network) == 0
    network.connection.execute("INSERT INTO settings (key, value) VALUES ('stale_sessions.unknown_after_hours', '1')")
    assert sweep(network, timedelta(minutes=20)) == 1


def test_a_session_heard_again_is_left_alone_whatever_was_asked(network: Network) -> None:
    simulated, nas = network.router()
    customer = silent_for(network, simulated, nas, HOUR)
    del simulated.router.sessions[customer.router.session_id]
    sweep(network)
    network.connection.execute("UPDATE radacct_open SET acctupdatetime = %s", [NOW + timedelta(seconds=1)])
    assert ask(network, timedelta(seconds=2)) == 0
    assert sweep(network, timedelta(seconds=3)) == 0
    # A new silence begins with a new question, not with the old answer.
    network.connection.execute("UPDATE session_checks SET answer = 'gone', answered_at = %s", [NOW])
    assert sweep(network, HOUR) == 0
    assert row(network, customer)[0] is None
    assert answer(network, customer) is None


def test_a_router_that_rebooted_without_saying_so_loses_its_sessions_within_three_intervals(network: Network) -> None:
    simulated, nas = network.router()
    lost = [silent_for(network, simulated, nas, timedelta(minutes=16)) for _ in range(120)]
    simulated.router.sessions.clear()
    sweep(network)
    for seconds in range(1, 80, 10):
        ask(network, timedelta(seconds=seconds))
    assert sweep(network, timedelta(seconds=90)) == len(lost)
    for customer in lost[:5]:
        assert row(network, customer) == (NOW - timedelta(minutes=16), "Lost", 3600)


def test_a_dead_router_is_asked_a_few_times_and_delays_no_other(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coa.check.WITHIN_S", 0.5)
    dead, dead_nas = network.router(coa_port=9)
    well, well_nas = network.router()
    for _ in range(200):
        silent_for(network, dead, dead_nas, HOUR)
    alive = silent_for(network, well, well_nas, HOUR)
    sweep(network)
    assert ask(network) == 51
    assert answer(network, alive) == "alive"
    assert ask(network) == 0


def test_a_router_with_an_api_is_read_once_for_all_of_its_sessions(network: Network) -> None:
    simulated, nas, api = network.router_with_api()
    silent = [silent_for(network, simulated, nas, HOUR) for _ in range(120)]
    gone, alive = silent[:60], silent[60:]
    for customer in gone:
        del simulated.router.sessions[customer.router.session_id]
    sweep(network)

    assert ask(network) == 120

    assert {answer(network, customer) for customer in gone} == {"gone"}
    assert {answer(network, customer) for customer in alive} == {"alive"}
    assert (api.count("/ppp/active/print"), api.count("/ip/hotspot/active/print")) == (1, 0)
    assert all(customer.rate == "" for customer in alive), "no packet was sent"
    assert sweep(network, timedelta(seconds=1)) == 60
    assert row(network, gone[0]) == (NOW - HOUR, "Lost", 3600)
    cause = network.connection.execute("SELECT DISTINCT error_cause FROM session_checks WHERE answer = 'gone'")
    assert cause.fetchall() == [("the router's API does not show it",)]


def test_an_empty_table_proves_nothing_and_the_packet_asks(network: Network) -> None:
    simulated, nas, api = network.router_with_api()
    lost = silent_for(network, simulated, nas, HOUR)
    simulated.router.sessions.clear()
    sweep(network)

    assert ask(network) == 1

    assert api.count("/ppp/active/print") == 1
    # The packet's refusal is heard twice before it is believed.
    assert answer(network, lost) is None
    assert ask(network, timedelta(seconds=31)) == 1
    assert answer(network, lost) == "gone"


@pytest.mark.parametrize("fault", ["is_silent", "is_refusing"])
def test_an_api_that_fails_leaves_the_question_to_the_packet(
    network: Network, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coa.tables.DEADLINE_S", 0.5)
    simulated, nas, api = network.router_with_api()
    alive = silent_for(network, simulated, nas, HOUR)
    setattr(api.faults, fault, True)
    sweep(network)

    assert ask(network) == 1
    assert answer(network, alive) == "alive"


def test_a_router_dead_in_both_ways_delays_no_other_and_stays_unknown(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coa.tables.DEADLINE_S", 0.5)
    monkeypatch.setattr("coa.check.WITHIN_S", 0.5)
    dead, dead_nas, dead_api = network.router_with_api(coa_port=9)
    dead_api.faults.is_silent = True
    well, well_nas, _ = network.router_with_api()
    plain, plain_nas = network.router()
    lost = [silent_for(network, dead, dead_nas, HOUR) for _ in range(60)]
    alive = [silent_for(network, well, well_nas, HOUR), silent_for(network, plain, plain_nas, HOUR)]
    sweep(network)
    begun_at = time.monotonic()

    # Of a dead router's sessions some are asked about by packets, and what these bring holds for all.
    assert ask(network) == 52
    assert time.monotonic() - begun_at < 4

    assert [answer(network, customer) for customer in alive] == ["alive", "alive"]
    assert {answer(network, customer) for customer in lost} == {"unknown"}
    assert sweep(network, timedelta(seconds=1)) == 0


def test_a_hotspot_session_is_told_from_a_later_one_of_the_same_user(network: Network) -> None:
    simulated, nas, _ = network.router_with_api()
    hotspot = make_subscription(network.db, connection_type="hotspot")
    heard_at = NOW - HOUR
    values = {"acctstarttime": heard_at - HOUR, "acctupdatetime": heard_at, "acctsessiontime": 3600}
    customers = [
        network.online(simulated, nas, subscription=hotspot, service=Service.HOTSPOT, **values) for _ in range(2)
    ]
    # The simulated sessions began now: each is a later login than the one that fell silent.
    gone = network.online(simulated, nas, subscription=hotspot, service=Service.HOTSPOT, **values)
    del simulated.router.sessions[gone.router.session_id]
    sweep(network)

    assert ask(network) == 3
    assert [answer(network, customer) for customer in (*customers, gone)] == ["gone"] * 3
