"""What is asked at every login: the place, the device, wrong passwords before, and how many are online."""

from dataclasses import replace
from typing import Any

import pytest

from domain.access import AccessProfile
from profiles import DEVICES, GOOD_STANDING
from radius.authorizer import Answer
from radius.guessing import FREE_DEVICE, FREE_NAME, FREE_OWN, MAX_COUNTS, Attempt, Counts
from radius.store import HOLD_S, LEARN_S
from tests.unit.radius.desk import CODES, Desk, a_session, request_of

FIRST, SECOND, THIRD = DEVICES
UNIQUE = [f"{number:032x}" for number in range(5)]


def desk_of(profile: AccessProfile, **options: Any) -> Desk:
    desk = Desk(**options)
    desk.keep(profile)
    return desk


def reason(desk: Desk, mac: str | None, **request: Any) -> str:
    desk.login(mac=mac, **request)
    return desk.records[-1].reason


def details(desk: Desk) -> dict[str, object]:
    return desk.records[-1].details or {}


def wrong(desk: Desk, mac: str | None, username: str = "budi") -> bool:
    """One try with a wrong password; whether it got as far as the password."""
    request = request_of(username, service="pppoe", mac=mac)
    answer: Answer = desk.ask(request)
    if answer[0] == CODES.accept:
        desk.wrong_password(answer, request)
        return True
    return False


# --- binding ------------------------------------------------------------------------------------------------------


def test_the_first_device_is_learned_and_the_next_is_refused_before_anything_is_stored() -> None:
    desk = desk_of(replace(GOOD_STANDING, mac_binding="learn"))

    assert reason(desk, FIRST) == "accepted"
    assert details(desk) == {"learn": FIRST}
    assert reason(desk, SECOND) == "wrong_device"
    assert reason(desk, FIRST) == "accepted"


def test_a_device_with_a_wrong_password_is_not_learned() -> None:
    desk = desk_of(replace(GOOD_STANDING, mac_binding="learn"))

    wrong(desk, FIRST)

    assert reason(desk, SECOND) == "accepted"
    assert details(desk) == {"learn": SECOND}


def test_a_learned_device_is_remembered_across_a_reading_that_does_not_know_it_yet() -> None:
    desk = desk_of(replace(GOOD_STANDING, mac_binding="learn"))
    desk.login(mac=FIRST)

    desk.store.access_changed("subscription 5")

    assert reason(desk, SECOND) == "wrong_device"


def test_a_device_that_was_learned_and_taken_off_the_list_makes_room_for_the_next() -> None:
    desk = desk_of(replace(GOOD_STANDING, mac_binding="learn"))
    desk.login(mac=FIRST)
    desk.keep(replace(GOOD_STANDING, mac_binding="learn", macs={FIRST: "approved"}))
    desk.store.access_changed("subscription 5")
    assert reason(desk, SECOND) == "wrong_device"

    desk.keep(replace(GOOD_STANDING, mac_binding="learn"))
    desk.store.access_changed("subscription 5")
    desk.clock.sleep(HOLD_S)

    assert reason(desk, SECOND) == "accepted"


def test_a_device_whose_row_is_never_stored_does_not_bind_for_ever() -> None:
    desk = desk_of(replace(GOOD_STANDING, mac_binding="learn"))
    desk.login(mac=FIRST)

    desk.clock.sleep(LEARN_S)

    assert reason(desk, SECOND) == "accepted"


def test_an_unknown_device_asks_for_approval_once() -> None:
    profile = replace(GOOD_STANDING, mac_binding="approval", macs={SECOND: "pending", THIRD: "approved"})
    desk = desk_of(profile)

    assert reason(desk, FIRST) == "device_pending"
    assert details(desk) == {"ask": FIRST}
    assert reason(desk, SECOND) == "device_pending"
    assert details(desk) == {}
    assert reason(desk, THIRD) == "accepted"
    assert reason(desk, None) == "wrong_device"


def test_a_blacklisted_device_is_refused_whatever_the_subscription_says() -> None:
    desk = desk_of(replace(GOOD_STANDING, session_limit=3, macs={FIRST: "approved"}), blocked_macs=frozenset({FIRST}))

    assert reason(desk, FIRST) == "device_blacklisted"
    assert reason(desk, SECOND) == "accepted"
    assert reason(desk, None) == "accepted"


@pytest.mark.parametrize(
    ("bound", "wanted"),
    [
        ({"nas_binding": "nas", "nas_server_id": 7}, "accepted"),
        ({"nas_binding": "nas", "nas_server_id": 8}, "wrong_place"),
        ({"nas_binding": "nas"}, "accepted"),
        ({"nas_binding": "off", "nas_server_id": 8}, "accepted"),
        ({"nas_binding": "group", "nas_group_id": 3, "nas_server_id": 8}, "accepted"),
        ({"nas_binding": "group", "nas_group_id": 4, "nas_server_id": 7}, "wrong_place"),
    ],
)
def test_a_subscription_may_be_bound_to_a_router_or_a_group(bound: dict[str, Any], wanted: str) -> None:
    assert reason(desk_of(replace(GOOD_STANDING, **bound)), FIRST) == wanted


# --- one device more than may be online ---------------------------------------------------------------------------


def test_a_plan_that_replaces_ends_the_session_that_began_first() -> None:
    profile = replace(GOOD_STANDING, session_limit=2, session_limit_action="replace")
    desk = Desk()
    desk.keep(profile, a_session(UNIQUE[1], 5, SECOND), a_session(UNIQUE[0], 5, FIRST))
    desk.database.open_sessions[5] = {UNIQUE[0]: FIRST, UNIQUE[1]: SECOND}

    assert reason(desk, THIRD) == "accepted"
    assert details(desk) == {"other_sessions": 2, "end": [UNIQUE[0]]}


def test_a_login_whose_session_has_not_begun_cannot_be_replaced() -> None:
    desk = desk_of(replace(GOOD_STANDING, session_limit_action="replace"))
    desk.login(mac=FIRST)

    assert reason(desk, SECOND) == "session_limit"
    desk.clock.sleep(HOLD_S)
    assert reason(desk, SECOND) == "accepted"


def test_without_the_database_nothing_is_ended() -> None:
    desk = Desk()
    desk.keep(replace(GOOD_STANDING, session_limit_action="replace"), a_session(UNIQUE[0], 5, FIRST))
    desk.login(mac=FIRST)
    desk.database.is_up = False

    assert reason(desk, SECOND) == "accepted"
    assert "end" not in details(desk)


# --- wrong passwords ----------------------------------------------------------------------------------------------


def test_a_device_that_keeps_guessing_has_to_wait_and_a_right_password_does_not_help() -> None:
    desk = desk_of(GOOD_STANDING)

    tried = [wrong(desk, FIRST) for _ in range(20)]

    assert tried == [True] * FREE_OWN + [False] * (20 - FREE_OWN)
    assert reason(desk, FIRST) == "too_many_tries"
    assert details(desk) == {"wait_s": 1.0}
    desk.clock.sleep(1.1)
    assert reason(desk, FIRST) == "accepted"


def test_a_device_may_not_try_twice_in_a_turn() -> None:
    desk = desk_of(GOOD_STANDING)
    for _ in range(FREE_OWN):
        wrong(desk, FIRST)
    desk.clock.sleep(1.1)

    assert [reason(desk, FIRST) for _ in range(3)] == ["accepted", "too_many_tries", "too_many_tries"]


def test_a_right_password_clears_the_devices_own_count() -> None:
    desk = desk_of(GOOD_STANDING)
    for _ in range(FREE_OWN):
        wrong(desk, FIRST)
    desk.clock.sleep(1.1)
    assert reason(desk, FIRST) == "accepted"
    desk.clock.sleep(3)

    assert [wrong(desk, FIRST) for _ in range(FREE_OWN)] == [True] * FREE_OWN


@pytest.mark.parametrize("how", ["approved", "online", "recent"])
def test_a_thousand_tries_from_as_many_devices_do_not_keep_the_customers_own_device_out(how: str) -> None:
    desk = Desk()
    profile = replace(GOOD_STANDING, session_limit=2, macs={FIRST: "approved"} if how == "approved" else {})
    desk.keep(profile, *([a_session(UNIQUE[0], 5, FIRST)] if how == "online" else []))
    desk.database.open_sessions[5] = {UNIQUE[0]: FIRST} if how == "online" else {}
    desk.database.recent_devices[5] = [FIRST] if how == "recent" else []

    reached = 0
    for number in range(1000):
        desk.clock.sleep(0.01)
        reached += wrong(desk, f"02:00:00:01:{number // 256:02X}:{number % 256:02X}")

    assert reached <= FREE_NAME + 5
    assert desk.records[-1].reason == "too_many_tries"
    assert reason(desk, FIRST) == "accepted"
    assert reason(desk, SECOND) == "too_many_tries"
    # What the customer's own devices were was read once, not once a try.
    assert desk.database.reads.count("recent_devices") <= 1


def test_the_customer_at_another_router_is_not_concerned() -> None:
    desk = desk_of(GOOD_STANDING)
    desk.authorizer._routers.by_number["8"] = replace(desk.authorizer._routers.by_number["7"], nas_server_id=8)
    for number in range(100):
        wrong(desk, f"02:00:00:01:00:{number:02X}")

    desk.ask((*request_of("budi", service="pppoe", mac=SECOND)[:-1], ("Tmp-String-1", "8")))

    assert desk.records[-1].reason == "accepted"


def test_codes_are_not_guessed_from_one_device() -> None:
    desk = desk_of(GOOD_STANDING)

    reasons = [reason(desk, SECOND, username=f"code{number}") for number in range(FREE_DEVICE + 10)]

    assert reasons == ["unknown_user"] * FREE_DEVICE + ["too_many_tries"] * 10
    # Also the code that would have been right is not tried.
    assert reason(desk, SECOND) == "too_many_tries"
    assert reason(desk, FIRST) == "accepted"


def test_a_device_that_waits_to_be_registered_does_not_guess() -> None:
    desk = desk_of(GOOD_STANDING)

    reasons = {reason(desk, SECOND, username=SECOND, service="dhcp") for _ in range(FREE_DEVICE + 10)}

    assert reasons == {"unknown_user"}


def test_an_outage_makes_nobody_wait_for_what_another_did() -> None:
    desk = desk_of(GOOD_STANDING)
    desk.login(mac=FIRST)
    desk.database.is_up = False
    for number in range(100):
        wrong(desk, f"02:00:00:01:00:{number:02X}")

    assert reason(desk, SECOND) == "accepted"


def test_wrong_passwords_are_forgotten_and_a_login_then_asks_for_nothing() -> None:
    desk = desk_of(GOOD_STANDING)
    for _ in range(FREE_OWN):
        wrong(desk, FIRST)
    assert not desk.authorizer._guesses.is_quiet

    desk.clock.sleep(700)
    desk.login(mac=SECOND)

    assert desk.authorizer._guesses.is_quiet


def test_the_counts_are_bounded() -> None:
    counts = Counts(free=5)

    for number in range(MAX_COUNTS + 10):
        counts.wrong(Attempt(7, f"user{number}", FIRST), 100.0)

    assert len(counts) == MAX_COUNTS
    assert Attempt(7, "user9", FIRST) not in counts
    assert Attempt(7, f"user{MAX_COUNTS + 9}", FIRST) in counts
