"""One conclusion for each fault, and one thing to do about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import REASONS
from domain.diagnosis import (
    ACTIONS,
    CODES,
    SEVERITIES,
    Decision,
    Findings,
    RouterFound,
    Running,
    action_of,
    diagnose,
)
from domain.live_change import OUTCOMES

NOW = datetime(2026, 11, 27, 21, 4, tzinfo=UTC)
MAC, OTHER = "D4:CA:6D:00:00:01", "AA:BB:CC:11:22:33"
ROUTER = RouterFound(accounting_at=NOW - timedelta(minutes=1), skew_s=0)
ONLINE = Running(since=NOW - timedelta(hours=2), mac=MAC)
SILENT = replace(ONLINE, is_silent=True)
QUIET = replace(ROUTER, is_heard=False)
RATE = (5_000_000, 20_000_000)


def refused(reason: str, *, mac: str = MAC, minutes: float = 2) -> Decision:
    return Decision(at=NOW - timedelta(minutes=minutes), is_accepted=False, reason=reason, mac=mac)


def let_in(minutes: float = 2) -> Decision:
    return Decision(at=NOW - timedelta(minutes=minutes), is_accepted=True, reason="accepted", mac=MAC)


def found(**given: Any) -> Findings:
    return Findings(now=NOW, **({"router": ROUTER} | given))


FAULTS: dict[str, tuple[Findings, str, str]] = {
    "suspended": (found(refusals=("subscription_suspended",)), "account", "activate"),
    "suspended for a debt": (found(refusals=("subscription_suspended",), owes=True), "account", "record_payment"),
    "not activated yet": (found(refusals=("subscription_pending",)), "account", "activate"),
    "expired": (found(refusals=("subscription_expired",)), "account", "renew"),
    "quota used up": (found(refusals=("quota_used_up",)), "account", "top_up"),
    "outside the hours": (found(refusals=("outside_hours",)), "account", "change_plan"),
    "over credit": (found(refusals=("over_credit_limit",)), "account", "record_payment"),
    "customer suspended, and that first": (
        found(refusals=("customer_suspended", "subscription_expired")), "account", "activate_customer",
    ),
    "ended for good": (found(refusals=("subscription_terminated",)), "account", "add_subscription"),
    "expired, let into the garden": (
        found(refusals=("subscription_expired",), has_garden=True), "account_garden", "renew",
    ),
    "in the garden": (
        found(refusals=("subscription_expired",), has_garden=True, running=replace(ONLINE, in_garden=True)),
        "in_garden", "renew",
    ),
    "still in the garden after the payment": (
        found(running=replace(ONLINE, in_garden=True)), "left_in_garden", "disconnect",
    ),
    "suspended and still online": (
        found(refusals=("subscription_suspended",), running=ONLINE), "still_online", "disconnect",
    ),
    "wrong password": (found(decision=refused("wrong_password")), "refused", "show_password"),
    "MAC not allowed": (found(decision=refused("wrong_device", mac=OTHER)), "refused", "allow_device"),
    "device waits": (found(decision=refused("device_pending", mac=OTHER)), "refused", "allow_device"),
    "another router's": (found(decision=refused("wrong_place")), "refused", "edit_subscription"),
    "too many tries": (found(decision=refused("too_many_tries")), "refused", "show_password"),
    "refused, mended since": (
        found(decision=refused("wrong_device", mac=OTHER), would_accept=True), "refused_before", "none",
    ),
    "refused for an account that is well again": (
        found(decision=refused("subscription_suspended")), "refused_before", "none",
    ),
    "session limit with a stale session": (
        found(decision=refused("session_limit", mac=OTHER), running=SILENT), "session_blocks", "disconnect",
    ),
    "second device": (
        found(decision=refused("session_limit", mac=OTHER), running=ONLINE), "second_device", "disconnect",
    ),
    "a second device that is not listed": (
        found(decision=refused("wrong_device", mac=OTHER), running=ONLINE), "second_device", "allow_device",
    ),
    "a second device long ago": (
        found(decision=refused("wrong_device", mac=OTHER, minutes=45), running=ONLINE), "well", "none",
    ),
    "router silent": (found(router=QUIET), "router_silent", "open_router"),
    "router silent since he was online": (
        found(router=QUIET, ended_at=NOW - timedelta(hours=1)), "router_silent", "open_router",
    ),
    "router silent under his session": (found(router=QUIET, running=SILENT), "session_silent_router", "open_router"),
    "session silent, router heard": (found(running=SILENT), "session_silent", "disconnect"),
    "router never heard": (
        found(router=replace(QUIET, was_ever_heard=False)), "router_never", "open_router",
    ),
    "router switched off here": (found(router=replace(ROUTER, is_active=False)), "router_off", "open_router"),
    "wrong secret": (found(router=replace(ROUTER, secret_differs=True)), "wrong_secret", "open_router"),
    "wrong secret, so passwords read as wrong": (
        found(router=replace(ROUTER, secret_differs=True), decision=refused("unreadable")),
        "wrong_secret", "open_router",
    ),
    "local secret hides RADIUS": (found(has_local_secret=True), "local_secret", "remove_local_secret"),
    "online by a local secret": (
        found(has_local_secret=True, is_shown=True), "local_login", "remove_local_secret",
    ),
    "online there, and nothing of it was reported": (
        found(has_local_secret=False, is_shown=True), "not_accounted", "open_router",
    ),
    "CoA refused": (found(running=ONLINE, change="failed"), "change_refused", "disconnect"),
    "a change that nobody takes": (
        found(running=ONLINE, change="waiting", stuck_since=NOW - timedelta(minutes=1)), "change_stuck",
        "watch_changes",
    ),
    "a change on its way": (
        found(running=ONLINE, change="waiting", stuck_since=NOW - timedelta(seconds=3)), "well", "none",
    ),
    "CoA silent": (found(running=ONLINE, change="unknown", coa_answers=False), "coa_silent", "open_router"),
    "CoA was silent and answers again": (found(running=ONLINE, change="unknown", coa_answers=True), "well", "none"),
    "CoA port silent, nothing waits for it": (found(running=ONLINE, coa_answers=False), "coa_port", "open_router"),
    "clock": (found(running=ONLINE, router=replace(ROUTER, skew_s=3605)), "clock", "open_router"),
    "speed not as asked": (
        found(running=ONLINE, rate_asked=RATE, rate_shown=(1_000_000, 2_000_000), is_shown=True),
        "rate_differs", "resend_speed",
    ),
    "speed as asked": (found(running=ONLINE, rate_asked=RATE, rate_shown=RATE, is_shown=True), "well", "none"),
    "slowed by fair use": (found(running=ONLINE, slowed_by="fair_use"), "slowed", "lift_fair_use"),
    "slowed by an allowance": (found(running=ONLINE, slowed_by="quota"), "slowed", "top_up"),
    "router does not show the session": (found(running=ONLINE, is_shown=False), "session_gone", "disconnect"),
    "all well": (found(running=ONLINE, coa_answers=True, change="applied"), "well", "none"),
    "let in a moment ago": (found(decision=let_in(0.5)), "beginning", "none"),
    "let in, and the session never began": (
        found(decision=let_in(5), router=replace(ROUTER, accounting_at=NOW)), "never_began", "open_router",
    ),
    "let in, and no accounting comes": (
        found(decision=let_in(5), router=replace(ROUTER, accounting_at=NOW - timedelta(hours=3))),
        "accounting_missing", "open_router",
    ),
    "ended, not tried since": (
        found(decision=let_in(300), ended_at=NOW - timedelta(hours=1)), "ended", "none",
    ),
    "never tried": (found(), "never_tried", "show_password"),
    "never tried, and no router is known": (found(router=None), "never_tried", "show_password"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_in_one_conclusion_and_one_action(name: str) -> None:
    findings, code, action = FAULTS[name]
    told = diagnose(findings)
    assert (told.code, told.action) == (code, action)


def test_every_conclusion_is_reached_by_some_fault() -> None:
    assert {code for _, code, _ in FAULTS.values()} == set(CODES)


def test_every_action_is_a_known_one_and_is_offered_for_something() -> None:
    offered = {action_of(reason, owes=owes) for reason in REASONS for owes in (False, True)}
    offered |= {action for _, _, action in FAULTS.values()}
    assert offered <= set(ACTIONS)
    assert set(ACTIONS) <= offered


MOMENTS = st.integers(0, 10_000).map(lambda minutes: NOW - timedelta(minutes=minutes))
MACS = st.sampled_from([None, MAC, OTHER])
MAYBE = st.sampled_from([None, True, False])
RATES = st.none() | st.tuples(st.integers(0, 10**9), st.integers(0, 10**9))
DECISIONS = st.none() | st.builds(
    Decision, at=MOMENTS, is_accepted=st.booleans(), reason=st.sampled_from(sorted(REASONS)), mac=MACS
)
ROUTERS = st.none() | st.builds(
    RouterFound,
    is_active=st.booleans(), is_heard=st.booleans(), was_ever_heard=st.booleans(), secret_differs=st.booleans(),
    accounting_at=st.none() | MOMENTS, skew_s=st.none() | st.integers(-10_000, 10_000),
)  # fmt: skip
ANYTHING = st.builds(
    Findings,
    now=st.just(NOW),
    refusals=st.lists(st.sampled_from(["subscription_expired", "quota_used_up"]), max_size=2).map(tuple),
    has_garden=st.booleans(), owes=st.booleans(), decision=DECISIONS, would_accept=MAYBE,
    running=st.none() | st.builds(
        Running, since=MOMENTS, mac=MACS, is_silent=st.booleans(), in_garden=st.booleans()
    ),
    ended_at=st.none() | MOMENTS, router=ROUTERS, change=st.none() | st.sampled_from(sorted(OUTCOMES)),
    coa_answers=MAYBE, is_shown=MAYBE, has_local_secret=MAYBE, rate_asked=RATES, rate_shown=RATES,
    stuck_since=st.none() | MOMENTS, slowed_by=st.sampled_from([None, "fair_use", "quota"]),
)  # fmt: skip


@given(ANYTHING)
def test_whatever_was_found_there_is_one_conclusion(findings: Findings) -> None:
    told = diagnose(findings)
    assert told.code in CODES
    assert told.action in ACTIONS
    assert told.severity in SEVERITIES
    assert told.reason == "" or told.reason in REASONS


@given(ANYTHING)
def test_all_is_well_only_with_a_running_session_and_nothing_against_it(findings: Findings) -> None:
    if diagnose(findings).severity == "well":
        assert findings.running is not None
        assert not findings.running.is_silent
        assert findings.refusals == ()
        assert findings.change != "failed"


@given(ANYTHING)
def test_what_is_not_known_is_never_a_fault(findings: Findings) -> None:
    """Without what only the router can tell, nothing is concluded about its tables or its port."""
    blind = replace(findings, is_shown=None, has_local_secret=None, coa_answers=None, rate_shown=None, change=None)
    assert diagnose(blind).code not in (
        "session_gone", "local_secret", "local_login", "rate_differs", "change_refused", "coa_silent", "coa_port",
    )  # fmt: skip
