"""The fast path and the plain policy are the same policy."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.access import AccessProfile
from domain.garden import GARDEN_MARK
from profiles import DEVICES, GOOD_STANDING, moments, profiles
from radius.compiled import decide, moment
from radius.pairs import Pair
from radius.policies.types import Login
from tests.unit.radius.desk import CODES, PLACE, Desk, a_session, request_of

SERVICES = ("pppoe", "vpn", "hotspot", "wireless", "dot1x", "other")
OTHER_DEVICE = "02:00:00:00:00:99"


def spelled(mac: str, spelling: int) -> str:
    return [mac, mac.lower(), mac.replace(":", "-"), mac.replace(":", "").lower()][spelling]


@given(
    profile=profiles(),
    running=st.lists(st.sampled_from([*DEVICES, OTHER_DEVICE]), unique=True, max_size=3),
    attempts=st.lists(
        st.tuples(
            moments,
            st.sampled_from(SERVICES),
            st.one_of(st.none(), st.sampled_from(DEVICES)),
            st.integers(0, 3),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
    blocked=st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(DEVICES))),
)
def test_a_login_from_memory_is_decided_as_the_plain_policy_decides_it(
    profile: AccessProfile,
    running: list[str],
    attempts: list[tuple[datetime, str, str | None, int, bool]],
    blocked: frozenset[str],
) -> None:
    desk = Desk(blocked_macs=blocked)
    sessions = {f"{number:032x}": mac for number, mac in enumerate(running)}
    key = desk.keep(profile, *(a_session(unique, profile.subscription_id, mac) for unique, mac in sessions.items()))
    desk.database.open_sessions[profile.subscription_id] = dict(sessions)

    for now, service, mac, spelling, is_right in sorted(attempts, key=lambda attempt: attempt[0]):
        desk.clock.wall = now.timestamp()
        learned_mac = desk.entry(key).learned_mac(desk.clock.wall) if key in desk.store.entries else None
        request = request_of("budi", service=service, mac=None if mac is None else spelled(mac, spelling))
        code, reply, control = answer = desk.ask(request)

        record = desk.records[-1]
        login = Login(
            profile=profile,
            service=service,
            now=now,
            mac=mac,
            place=PLACE,
            request=dict(request),
            other_sessions=sum(device != mac for device in running),
            learned_mac=learned_mac,
            is_blacklisted=mac in blocked,
            # How long a device waits is another test's subject; here, that it is refused for it in its turn.
            wait_s=float(str((record.details or {}).get("wait_s", 0))),
        )
        refusal, reason, pairs = decide(login)
        if refusal is not None:
            assert (code, reply, control) == (CODES.reject, (), ())
            assert (record.result, record.reason) == ("reject", refusal)
        else:
            assert code == CODES.accept
            assert without_class(reply) == pairs
            assert control == (("Cleartext-Password", "rahasia"),)
            assert (record.result, record.reason) == ("accept", reason)
            if not is_right:
                desk.wrong_password(answer, request)
        # Slots held by earlier logins are another test's subject.
        desk.entry(key).holds.clear()


def without_class(reply: tuple[Pair, ...]) -> tuple[Pair, ...]:
    *pairs, (name, text) = reply
    assert name == "Class"
    assert text.startswith("lts1:")
    return tuple(pairs)


@given(profile=profiles(), now=moments)
def test_the_class_names_the_subscription_the_tier_and_the_decision(profile: AccessProfile, now: datetime) -> None:
    desk = Desk()
    desk.keep(profile)
    desk.clock.wall = now.timestamp()

    code, reply, _ = desk.login(mac=DEVICES[0])

    if code == CODES.accept:
        word, subscription_id, tier, decision_id = reply[-1][1].split(":")
        ended = profile.fup_until is not None and now >= profile.fup_until
        assert word == "lts1"
        assert int(subscription_id) == profile.subscription_id
        assert tier.startswith(GARDEN_MARK) is desk.records[-1].reason.startswith("garden_")
        assert int(tier.removeprefix(GARDEN_MARK)) == (0 if ended else profile.fup_tier)
        assert decision_id == desk.records[-1].decision_id
        assert len(decision_id) <= 32


@given(profile=profiles(), attempts=st.lists(st.tuples(moments, st.sampled_from(SERVICES)), min_size=2, max_size=6))
def test_a_decision_is_compiled_again_only_when_the_clock_changed_it(
    profile: AccessProfile, attempts: list[tuple[datetime, str]]
) -> None:
    # What a family has left is asked anew at each login.
    assume(not any(quota.is_shared for quota in profile.quotas))
    desk = Desk()
    key = desk.keep(profile)
    compiled_at: dict[str, float] = {}

    for now, service in sorted(attempts):
        desk.clock.wall = now.timestamp()
        before = desk.store.entries[key].compiled.get(service) if key in desk.store.entries else None
        desk.login(service=service, mac=DEVICES[0])
        after = desk.entry(key).compiled[service]
        if before is not None and desk.clock.wall < before.valid_until:
            assert after is before
        else:
            assert after is not before
            compiled_at[service] = desk.clock.wall
        assert compiled_at[service] <= desk.clock.wall < after.valid_until


def test_an_accept_within_the_last_second_of_access_still_lasts_a_second() -> None:
    desk = Desk()
    profile = replace(GOOD_STANDING, expires_at=moment(desk.clock.wall + 0.2), grace_days=0)
    desk.keep(profile)

    _, reply, _ = desk.login(mac=DEVICES[0])

    assert ("Session-Timeout", "1") in reply


@pytest.mark.parametrize("broken", ["127.0.0.1", "224.0.0.5", "fe80::1"])
def test_a_login_that_is_refused_anyway_is_refused_for_its_own_reason_whatever_its_reply_would_be(broken: str) -> None:
    desk = Desk()
    desk.keep(replace(GOOD_STANDING, subscription_status="suspended", assigned_ip=broken))

    code, _, _ = desk.login(mac=DEVICES[0])

    assert code == CODES.reject
    assert desk.records[-1].reason == "subscription_suspended"
