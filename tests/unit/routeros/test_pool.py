"""Connections are used again, a dead router rests, and many threads get no more than a router takes."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from routeros import Broken, LoginRefused, Pool, Refused, Resting, RouterApiError, Target, TimedOut, Unreachable
from routeros import pool as pool_of_process
from simulator import ApiServer

pooling = sys.modules[Pool.__module__]


def identity(pool: Pool, target: Target, deadline_s: float = 2) -> str:
    with pool.open(target, deadline_s=deadline_s) as router:
        return router.identity()


def test_a_second_conversation_uses_the_first_ones_connection(api: ApiServer, pool: Pool, target: Target) -> None:
    for _ in range(20):
        identity(pool, target)

    assert api.logins == 1


def test_another_account_gets_a_connection_of_its_own(api: ApiServer, pool: Pool, target: Target) -> None:
    identity(pool, target)

    with pytest.raises(LoginRefused):
        identity(pool, replace(target, password="another"))


def test_a_refusal_keeps_the_connection_and_a_cut_does_not(api: ApiServer, pool: Pool, target: Target) -> None:
    with pytest.raises(Refused), pool.open(target, deadline_s=2) as router:
        router.traffic("ether99")
    identity(pool, target)
    assert api.logins == 1

    api.faults.cut_before_command = 1
    with pytest.raises(Broken):
        identity(pool, target)
    identity(pool, target)
    assert api.logins == 2


def test_a_timeout_that_the_caller_forgives_still_ends_the_connection(
    api: ApiServer, pool: Pool, target: Target
) -> None:
    with pool.open(target, deadline_s=0.3) as router:
        api.faults.delay_s = 0.4
        with pytest.raises(TimedOut):
            router.ppp_secrets()
    api.faults.delay_s = 0

    assert identity(pool, target) == "MikroTik"
    assert api.logins == 2


def test_a_connection_that_the_router_ended_meanwhile_is_not_used(api: ApiServer, pool: Pool, target: Target) -> None:
    identity(pool, target)
    api.drop_connections()
    time.sleep(0.05)

    assert identity(pool, target) == "MikroTik"
    assert api.logins == 2


def test_an_old_connection_is_asked_first_whether_it_stands(
    api: ApiServer, pool: Pool, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "ASK_AFTER_S", 0.0)
    identity(pool, target)
    # The router went away without a word, and another machine took its place.
    api.faults.cut_before_command = 1

    assert identity(pool, target) == "MikroTik"
    assert api.logins == 2


def test_a_dead_router_is_not_asked_again_for_some_seconds(api: ApiServer, pool: Pool, target: Target) -> None:
    api.faults.is_silent = True
    with pytest.raises(TimedOut):
        identity(pool, target, 0.5)

    begun = time.monotonic()
    for _ in range(50):
        with pytest.raises(Resting, match="asked again in"):
            identity(pool, target, 0.5)

    assert time.monotonic() - begun < 0.1
    assert api.connections == 1


def test_a_person_may_ask_a_resting_router_all_the_same(api: ApiServer, pool: Pool, target: Target) -> None:
    api.faults.is_silent = True
    with pytest.raises(TimedOut):
        identity(pool, target, 0.5)
    api.faults.is_silent = False

    with pool.open(target, deadline_s=2, even_if_resting=True) as router:
        assert router.identity() == "MikroTik"
    assert identity(pool, target) == "MikroTik"


def test_rest_grows_and_after_it_one_caller_tries_while_the_others_are_told(target: Target) -> None:
    now = [0.0]
    tries: list[float] = []

    def connect(_: Target, *, until: float) -> None:
        tries.append(now[0])
        raise Unreachable("nobody there")

    pool = Pool(clock=lambda: now[0], connect=connect)  # type: ignore[arg-type]
    for second in range(200):
        now[0] = float(second)
        for _ in range(3):
            with pytest.raises(Unreachable), pool.open(target, deadline_s=1):
                pass

    assert tries == [0, 5, 15, 35, 75, 135, 195]


def test_a_caller_in_a_hurry_puts_nobody_to_rest(api: ApiServer, pool: Pool, target: Target) -> None:
    api.faults.delay_s = 0.2
    with pytest.raises(TimedOut):
        identity(pool, target, 0.1)
    api.faults.delay_s = 0

    assert identity(pool, target) == "MikroTik"


def test_many_threads_share_few_connections(api: ApiServer, pool: Pool, target: Target) -> None:
    api.faults.delay_s = 0.01
    with ThreadPoolExecutor(24) as threads:
        names = list(threads.map(lambda _: identity(pool, target, 10), range(96)))

    assert names == ["MikroTik"] * 96
    assert api.most_connections <= 4


def test_a_dead_router_delays_no_other(pool: Pool, api: ApiServer, target: Target) -> None:
    with ApiServer() as dead:
        dead.faults.is_silent = True
        lost = replace(target, port=dead.port)
        waiting = [threading.Thread(target=ask_quietly, args=(pool, lost)) for _ in range(8)]
        for thread in waiting:
            thread.start()

        took = []
        for _ in range(50):
            begun = time.monotonic()
            identity(pool, target)
            took.append(time.monotonic() - begun)
        for thread in waiting:
            thread.join(5)

    assert max(took) < 0.2


def ask_quietly(pool: Pool, target: Target) -> None:
    try:
        identity(pool, target, 1)
    except RouterApiError:
        return


def test_what_a_forked_process_inherits_it_does_not_use(api: ApiServer, target: Target) -> None:
    identity(pool_of_process, target)
    pool_of_process.forget()

    assert identity(pool_of_process, target) == "MikroTik"
    assert api.logins == 2
    pool_of_process.close()
