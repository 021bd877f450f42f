"""What is left of an allowance is true at login: memory is believed only while nothing can be using it up."""

import json
from dataclasses import replace

import pytest

from domain.access import AccessProfile
from domain.live_change import LiveSession
from domain.quota import DayUsage, Quota
from profiles import DEVICES, GOOD_STANDING, NOW
from tests.unit.radius.desk import CODES, Desk

QUOTA = Quota(
    quota_id=1, kind="data", period="total", counts="total", limit=1000, action="reject", throttle=None
)  # fmt: skip
METERED = replace(GOOD_STANDING, quotas=(QUOTA,), session_limit=3)


def used(profile: AccessProfile, amount: int) -> AccessProfile:
    return replace(profile, days=(DayUsage(day=NOW.date(), download_bytes=amount, upload_bytes=0, seconds=0),))


def running(mac: str = DEVICES[0]) -> LiveSession:
    return LiveSession(
        acctuniqueid="a" * 32,
        acctsessionid="81000001",
        subscription_id=GOOD_STANDING.subscription_id,
        nas_server_id=1,
        username="budi",
        mac=mac,
        framed_ip=None,
    )


def sessions_notice(sign: str) -> str:
    rest = [DEVICES[0], 1, None, None] if sign == "+" else []
    return json.dumps([[sign, "a" * 32, GOOD_STANDING.subscription_id, *rest]])


def reads_of(profile: AccessProfile, *sessions: LiveSession, logins: int = 3) -> int:
    """How often the database is asked for a profile in so many logins."""
    desk = Desk()
    desk.keep(profile, *sessions)
    for _ in range(logins):
        desk.login(mac=DEVICES[0])
    return desk.database.reads.count("profile")


@pytest.mark.parametrize(
    ("profile", "sessions", "reads"),
    [
        (GOOD_STANDING, (), 1),
        (GOOD_STANDING, (running(),), 1),
        (METERED, (), 1),
        (METERED, (running(),), 3),
        (replace(METERED, quotas=(replace(QUOTA, is_shared=True),)), (), 3),
    ],
)
def test_a_profile_is_read_anew_only_while_its_allowance_is_being_used(
    profile: AccessProfile, sessions: tuple[LiveSession, ...], reads: int
) -> None:
    assert reads_of(profile, *sessions) == reads


def test_the_next_login_knows_what_the_session_used_that_runs() -> None:
    desk = Desk()
    key = desk.keep(METERED)
    _, reply, _ = desk.login(mac=DEVICES[0])
    assert ("Mikrotik-Total-Limit", "1000") in reply

    desk.store.session_changed(sessions_notice("+"))
    desk.database.rows[key] = (used(METERED, 400), (running(),))
    _, reply, _ = desk.login(mac=DEVICES[1])
    assert ("Mikrotik-Total-Limit", "600") in reply
    desk.database.rows[key] = (used(METERED, 1000), (running(),))

    assert desk.login(mac=DEVICES[1])[0] == CODES.reject
    assert desk.records[-1].reason == "quota_used_up"


def test_the_login_after_a_session_knows_all_that_it_used() -> None:
    desk = Desk()
    key = desk.keep(METERED, running())
    desk.login(mac=DEVICES[0])
    desk.database.rows[key] = (used(METERED, 900), ())
    desk.store.session_changed(sessions_notice("-"))

    _, reply, _ = desk.login(mac=DEVICES[0])

    assert ("Mikrotik-Total-Limit", "100") in reply
    assert not desk.entry(key).dirty


def test_without_the_database_the_customer_is_let_in_with_what_was_last_known() -> None:
    desk = Desk()
    desk.keep(METERED, running())
    desk.login(mac=DEVICES[0])
    desk.database.is_up = False

    code, reply, _ = desk.login(mac=DEVICES[0])

    assert code == CODES.accept
    assert ("Mikrotik-Total-Limit", "1000") in reply
