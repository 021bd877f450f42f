"""What a router shows beside what was wanted, and what the counts of a change to many mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.attributes import MAX_SESSION_TIMEOUT_S, split_limit
from domain.bulk import TAKEN_BACK, Tally, report_of
from domain.desired import NO_VOLUME_LIMIT, SESSION_TIMEOUT, TOTAL_LIMIT
from domain.live_change import OUTCOMES
from domain.shown import Proof, Shown, proof_of, same_rate

FAST = {"Mikrotik-Rate-Limit": "5M/10M 6M/12M 4M/8M 16/16 8"}
IN_BPS = (5_000_000, 10_000_000)
HOUR, NO_TIME_LIMIT = {SESSION_TIMEOUT: "3600"}, {SESSION_TIMEOUT: str(MAX_SESSION_TIMEOUT_S)}
FIVE_GIB, NO_VOLUME = dict(split_limit(TOTAL_LIMIT, str(5 << 30))), dict(split_limit(TOTAL_LIMIT, str(NO_VOLUME_LIMIT)))


@pytest.mark.parametrize(
    ("kind", "attributes", "shown", "proof"),
    [
        ("coa", FAST, Shown(is_there=True, rate_bps=IN_BPS), "applied"),
        ("coa", FAST, Shown(is_there=True, rate_bps=(1, 1)), "differs"),
        ("coa", FAST, Shown(is_there=True, rate_bps=IN_BPS[::-1]), "differs"),
        ("coa", FAST, Shown(is_there=True), "unknown"),
        ("coa", FAST, Shown(is_there=False, rate_bps=IN_BPS), "unknown"),
        ("coa", FAST, Shown(is_there=None), "unknown"),
        ("coa", {"Mikrotik-Rate-Limit": "0/0"}, Shown(is_there=True, rate_bps=(0, 0)), "applied"),
        ("coa", {"Session-Timeout": "5"}, Shown(is_there=True, rate_bps=IN_BPS), "unknown"),
        ("coa", FAST | {"Session-Timeout": "5"}, Shown(is_there=True, rate_bps=IN_BPS), "unknown"),
        ("coa", FAST | HOUR, Shown(is_there=True, rate_bps=IN_BPS, limits={SESSION_TIMEOUT: 3599}), "applied"),
        ("coa", FAST | HOUR, Shown(is_there=True, rate_bps=IN_BPS, limits={SESSION_TIMEOUT: 7200}), "differs"),
        ("coa", FAST | HOUR, Shown(is_there=True, limits={SESSION_TIMEOUT: 3600}), "unknown"),
        ("coa", FAST | HOUR, Shown(is_there=True, limits={SESSION_TIMEOUT: 7200}), "differs"),
        ("coa", HOUR, Shown(is_there=True, limits={SESSION_TIMEOUT: 0}), "differs"),
        ("coa", NO_TIME_LIMIT, Shown(is_there=True, limits={SESSION_TIMEOUT: 0}), "applied"),
        ("coa", FIVE_GIB, Shown(is_there=True, limits={TOTAL_LIMIT: 5 << 30}), "applied"),
        ("coa", FIVE_GIB, Shown(is_there=True, limits={TOTAL_LIMIT: 1 << 30}), "differs"),
        ("coa", FIVE_GIB, Shown(is_there=True), "unknown"),
        ("coa", NO_VOLUME, Shown(is_there=True, limits={TOTAL_LIMIT: 0}), "applied"),
        ("coa", {"Mikrotik-Address-List": "slow"}, Shown(is_there=True, address_lists=frozenset({"slow"})), "applied"),
        ("coa", {"Mikrotik-Address-List": "slow"}, Shown(is_there=True, address_lists=frozenset()), "differs"),
        ("coa", {"Mikrotik-Address-List": "slow"}, Shown(is_there=True), "unknown"),
        ("coa", {"Idle-Timeout": "60"}, Shown(is_there=True, limits={SESSION_TIMEOUT: 60}), "unknown"),
        ("disconnect", {}, Shown(is_there=False), "applied"),
        ("disconnect", {}, Shown(is_there=True), "differs"),
        ("disconnect", {}, Shown(is_there=None), "unknown"),
    ],
)
def test_only_what_was_seen_is_a_proof(kind: str, attributes: dict[str, str], shown: Shown, proof: str) -> None:
    assert proof_of(kind, attributes, shown).word == proof


def test_what_was_left_out_of_a_request_is_not_looked_for() -> None:
    shown = Shown(is_there=True, rate_bps=IN_BPS)
    assert proof_of("coa", FAST | FIVE_GIB, shown, left_out=[TOTAL_LIMIT]).word == "applied"
    assert proof_of("coa", FAST | FIVE_GIB, shown) == Proof(word="unknown", about=(TOTAL_LIMIT,), is_final=True)


def test_a_queue_may_appear_later_and_a_limit_of_a_ppp_session_never_does() -> None:
    assert not proof_of("coa", FAST | HOUR, Shown(is_there=True)).is_final
    assert proof_of("coa", HOUR, Shown(is_there=True)).is_final


@given(
    st.fixed_dictionaries({}, optional={"Mikrotik-Rate-Limit": st.just("5M/10M"), SESSION_TIMEOUT: st.just("3600")}),
    st.sampled_from([None, IN_BPS, (1, 1)]),
    st.sampled_from([{}, {SESSION_TIMEOUT: 3600}, {SESSION_TIMEOUT: 60}]),
)
def test_applied_is_said_only_when_all_that_was_asked_was_seen(
    attributes: dict[str, str], rate: tuple[int, int] | None, limits: dict[str, int]
) -> None:
    shown = Shown(is_there=True, rate_bps=rate, limits=limits)
    proof = proof_of("coa", attributes, shown)
    seen = {"Mikrotik-Rate-Limit": rate == IN_BPS, SESSION_TIMEOUT: limits.get(SESSION_TIMEOUT) == 3600}
    assert (proof.word == "applied") == (bool(attributes) and all(seen[name] for name in attributes))


@given(st.sampled_from(["coa", "disconnect"]), st.sampled_from([FAST, {}, {"Session-Timeout": "1"}]))
def test_a_router_that_showed_nothing_proves_nothing(kind: str, attributes: dict[str, str]) -> None:
    assert proof_of(kind, attributes, Shown(is_there=None)).word == "unknown"


def test_a_number_that_the_router_shortened_is_the_same() -> None:
    assert same_rate((1_000_000, 33_333_000), (1_000_000, 33_300_000))
    assert not same_rate((1_000_000, 33_333_000), (1_000_000, 30_000_000))


tallies = st.builds(
    Tally,
    nas_server_id=st.integers(1, 3),
    router=st.integers(1, 3).map(str),
    outcome=st.sampled_from(sorted(OUTCOMES)),
    cause=st.one_of(st.none(), st.sampled_from(["401 Unsupported-Attribute", TAKEN_BACK])),
    count=st.integers(1, 1000),
    tries=st.integers(0, 5),
)


@given(st.lists(tallies, max_size=20))
def test_every_session_asked_is_counted_once(found: list[Tally]) -> None:
    report = report_of(found)
    parts = (report.done, report.waiting, report.failed, report.unknown, report.gone, report.taken_back)
    assert sum(parts) == report.asked == sum(tally.count for tally in found)
    assert sum(count for _, count in report.failed_by_cause) == report.failed


def test_a_router_is_dead_that_was_asked_and_answered_nothing() -> None:
    def tally(router: int, outcome: str, count: int, tries: int = 1) -> Tally:
        return Tally(nas_server_id=router, router=f"r{router}", outcome=outcome, cause=None, count=count, tries=tries)

    report = report_of(
        [
            tally(1, "acknowledged", 5),
            tally(1, "unknown", 1),
            tally(2, "waiting", 9),
            tally(3, "waiting", 9, tries=0),
            tally(4, "unknown", 2),
            tally(5, "failed", 2),
        ]
    )
    assert report.dead_routers == (("r2", 9), ("r4", 2))
