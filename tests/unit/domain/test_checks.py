"""When a condition that was written by hand is met."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.checks import CHECKED, ELSEWHERE, OPERATORS, failed_check, is_met, pattern_problem

REQUEST = {
    "Calling-Station-Id": "02:00:00:00:00:0A",
    "NAS-Port-Id": "ether3-sfp",
    "NAS-Port": "15728641",
    "Called-Station-Id": "service1",
    "Service-Type": "Framed-User",
}


@pytest.mark.parametrize(
    ("attribute", "op", "value", "met"),
    [
        ("Calling-Station-Id", "==", "02:00:00:00:00:0A", True),
        ("Calling-Station-Id", "==", "02-00-00-00-00-0a", True),
        ("Calling-Station-Id", ":=", "0200.0000.000a", True),
        ("Calling-Station-Id", "==", "02:00:00:00:00:0B", False),
        ("Calling-Station-Id", "!=", "02-00-00-00-00-0a", False),
        ("Calling-Station-Id", "!=", "02:00:00:00:00:0B", True),
        ("Calling-Station-Id", "=~", "^02:00:00:", True),
        ("Calling-Station-Id", "!~", "^02:00:00:", False),
        ("NAS-Port-Id", "==", "ether3-sfp", True),
        ("NAS-Port-Id", "==", "Ether3-SFP", False),
        ("NAS-Port-Id", "=~", "^ether[0-9]", True),
        ("NAS-Port-Id", "=~", "^ether$", False),
        ("NAS-Port-Id", ">", "5", False),
        ("NAS-Port", ">", "15728640", True),
        ("NAS-Port", ">=", "15728641", True),
        ("NAS-Port", "<", "15728641", False),
        ("NAS-Port", "<=", "15728641", True),
        ("NAS-Port", "<", "many", False),
        ("Service-Type", "==", "Framed-User", True),
        # What the router did not send meets no condition, as in FreeRADIUS.
        ("NAS-Port-Type", "!=", "Ethernet", False),
        ("NAS-Port-Type", "!~", "x", False),
        # What this server cannot check is not met either, rather than passed over.
        ("Simultaneous-Use", ":=", "1", False),
        ("NAS-IP-Address", "==", "10.0.0.1", False),
        ("NAS-Port-Id", "=~", "(", False),
        ("NAS-Port-Id", "!~", "(e*)*x", False),
    ],
)
def test_a_condition_is_met_or_not(attribute: str, op: str, value: str, met: bool) -> None:
    assert is_met((attribute, op, value), REQUEST.get(attribute)) is met
    assert (failed_check([(attribute, op, value)], REQUEST) is None) is met


def test_all_conditions_must_be_met_and_the_first_that_is_not_is_named() -> None:
    good = ("NAS-Port-Id", "==", "ether3-sfp")
    bad = ("Called-Station-Id", "==", "service2")

    assert failed_check([], REQUEST) is None
    assert failed_check([good, good], REQUEST) is None
    assert failed_check([good, bad, ("NAS-Port", "==", "1")], REQUEST) == bad


@pytest.mark.parametrize("pattern", ["^ether[0-9]+$", "AA:BB|CC:DD", "^(x|y)z", "a*b*", r"\(\d\)", "[*+?]{", "[(?]"])
def test_a_plain_pattern_is_taken(pattern: str) -> None:
    assert pattern_problem(pattern) is None


@pytest.mark.parametrize(
    "pattern", ["(", "*", "(a+)+$", "(a|a)*", "a?a?a?", "a*a*a*", "(?=a)", r"(a)\1", "(a){2,}", "[a", "a{1000}{2}b+"]
)
def test_a_pattern_whose_cost_could_explode_is_not(pattern: str) -> None:
    assert pattern_problem(pattern) is not None


@pytest.mark.parametrize("pattern", ["[[:digit:]]", "[||]", "[^a||b]", "[a--b]", "[&&]", "[]~~]"])
def test_a_set_that_can_be_read_in_two_ways_is_not_taken(pattern: str) -> None:
    assert "two ways" in (pattern_problem(pattern) or "")


@given(pattern=st.text(alphabet="ab*+?{}()|[]^$.\\1,-&~", max_size=14), actual=st.sampled_from(["a" * 253, "ab" * 126]))
def test_no_pattern_that_is_taken_holds_up_the_server(pattern: str, actual: str) -> None:
    if pattern_problem(pattern) is not None:
        return
    began = time.perf_counter()

    is_met(("NAS-Port-Id", "=~", pattern), actual)

    assert time.perf_counter() - began < 0.25


def test_what_has_a_place_of_its_own_is_not_a_condition() -> None:
    assert not set(CHECKED) & ELSEWHERE.keys()
    assert ":=" not in OPERATORS
