"""Billing periods that follow each other without a gap, prorating, what a paid term does, and when to cut off."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dunning import Action, Breaker, Debt, decide
from domain.entitlement import extended
from domain.period import clamp_day, local_midnight
from domain.proration import prorate
from domain.term import BILLING_CYCLES, Cycle, anchor_day_of, daily_rate, end_of_term, price_of_days

# Zones of the field, one whose clock changes skip midnight, one that moves by half an hour, and none at all.
ZONES = (
    "Asia/Jakarta",
    "Asia/Makassar",
    "Asia/Jayapura",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "UTC",
)
MONTHLY = Cycle(name="monthly", validity_days=30, anchor_day=31)


@pytest.mark.parametrize("anchor_day", range(1, 32))
@pytest.mark.parametrize("zone", ZONES)
def test_48_months_from_any_anchor_are_contiguous_and_never_drift(anchor_day: int, zone: str) -> None:
    cycle = Cycle(name="monthly", validity_days=30, anchor_day=anchor_day)
    day = date(2024, 1, anchor_day)
    end = local_midnight(day, ZoneInfo(zone))
    for _ in range(48):
        after = cycle.after(day)
        assert after == clamp_day(after.year, after.month, anchor_day)
        assert (after.year * 12 + after.month) - (day.year * 12 + day.month) == 1
        start, end = end, local_midnight(after, ZoneInfo(zone))
        # Half-open and one after the other; as many days as the calendar has.
        assert round((end - start) / timedelta(days=1)) == (after - day).days
        assert anchor_day_of(after, anchor_day) == anchor_day
        day = after


def test_the_31st_is_the_last_day_of_shorter_months_and_comes_back() -> None:
    day, seen = date(2027, 1, 31), []
    for _ in range(3):
        day = MONTHLY.after(day)
        seen.append(day)

    assert seen == [date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]


@given(
    st.integers(1_577_836_800, 2_840_140_800).map(lambda epoch_s: datetime.fromtimestamp(epoch_s, UTC)),
    st.sampled_from(ZONES),
    st.sampled_from(BILLING_CYCLES),
    st.integers(1, 365),
    st.integers(1, 12),
)
def test_terms_paid_together_end_where_terms_paid_one_by_one_do(
    now: datetime, zone: str, cycle_name: str, validity_days: int, terms: int
) -> None:
    place = ZoneInfo(zone)
    anchor = now.astimezone(place).day
    cycle = Cycle(name=cycle_name, validity_days=validity_days, anchor_day=anchor)
    ends = now + timedelta(days=3)

    together = extended(
        status="active", expires_at=ends, cycle=cycle, zone=place, now=now, keeps_days=False, terms=terms
    ).expires_at
    step = ends
    for _ in range(terms):
        step = end_of_term(step, cycle=cycle, zone=place)

    assert together == step > ends


@pytest.mark.parametrize(
    ("status", "days_over", "keeps_days", "end"),
    [
        ("active", -5, False, "2026-12-15T10:00+07:00"),
        # In its grace it is in service still: no days are given away, and none are lost.
        ("active", 3, False, "2026-12-07T10:00+07:00"),
        ("expired", 3, False, "2026-12-10T10:00+07:00"),
        ("suspended", 3, False, "2026-12-10T10:00+07:00"),
        ("suspended", 3, True, "2026-12-07T10:00+07:00"),
        ("suspended", -5, False, "2026-12-15T10:00+07:00"),
    ],
)
def test_a_new_term_begins_where_the_old_one_ended_or_where_service_begins_again(
    status: str, days_over: int, keeps_days: bool, end: str
) -> None:
    now = datetime.fromisoformat("2026-11-10T10:00+07:00")
    expires_at = now - timedelta(days=days_over)
    zone = ZoneInfo("Asia/Jakarta")
    cycle = Cycle(name="monthly", validity_days=30, anchor_day=expires_at.astimezone(zone).day)

    extension = extended(status=status, expires_at=expires_at, cycle=cycle, zone=zone, now=now, keeps_days=keeps_days)

    assert extension.expires_at == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("old", "new", "days_left", "net"),
    [
        (150000, 250000, 15, 50000),
        (250000, 150000, 15, -50000),
        (150000, 150000, 15, 0),
        (150000, 250000, 0, 0),
        (150000, 250000, 30, 100000),
        (150000, 250000, 1, 3333),
    ],
)
def test_a_change_of_plan_costs_the_difference_for_the_days_left(old: int, new: int, days_left: int, net: int) -> None:
    cycle = Cycle(name="monthly", validity_days=30, anchor_day=1)
    period = (date(2026, 11, 1), date(2026, 12, 1))

    change = prorate(
        old_price=Decimal(old), new_price=Decimal(new), old_cycle=cycle, new_cycle=cycle, period=period,
        today=period[1] - timedelta(days=days_left), currency="IDR",
    )  # fmt: skip

    assert change.net == net


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(-5, 40))
def test_changing_there_and_back_on_one_day_costs_nothing(old: int, new: int, offset: int) -> None:
    cycle = Cycle(name="monthly", validity_days=30, anchor_day=1)
    period = (date(2026, 11, 1), date(2026, 12, 1))

    def change(first: int, second: int) -> Decimal:
        return prorate(
            old_price=Decimal(first), new_price=Decimal(second), old_cycle=cycle, new_cycle=cycle, period=period,
            today=period[0] + timedelta(days=offset), currency="IDR",
        ).net  # fmt: skip

    assert change(old, new) + change(new, old) == 0


def test_cycles_of_different_lengths_are_compared_by_the_day() -> None:
    yearly = Cycle(name="yearly", validity_days=30, anchor_day=1)
    monthly = Cycle(name="monthly", validity_days=30, anchor_day=1)

    change = prorate(
        old_price=Decimal(300000), new_price=Decimal(3650000), old_cycle=monthly, new_cycle=yearly,
        period=(date(2026, 11, 1), date(2026, 12, 1)), today=date(2026, 11, 21), currency="IDR",
    )  # fmt: skip

    assert daily_rate(Decimal(3650000), yearly) == 10000
    assert (change.credit, change.charge) == (100000, 100000)


@pytest.mark.parametrize(
    ("cycle", "first", "days", "by_calendar", "price"),
    [("monthly", date(2026, 2, 1), 28, False, Decimal(280000)),
     ("monthly", date(2026, 2, 1), 28, True, Decimal(300000)),
     ("monthly", date(2026, 1, 1), 31, True, Decimal(300000)), ("monthly", date(2026, 11, 1), 3, True, Decimal(30000)),
     ("quarterly", date(2026, 11, 1), 30, True, Decimal(100000)), ("daily", date(2026, 2, 1), 2, True, Decimal(600000)),
     ("monthly", date(2026, 2, 1), -31, True, Decimal(-300000)), ("monthly", date(2026, 2, 1), 0, True, Decimal(0))],
)  # fmt: skip
def test_days_cost_a_thirtieth_or_their_share_of_the_month(
    cycle: str, first: date, days: int, by_calendar: bool, price: Decimal
) -> None:
    turned = Cycle(name=cycle, validity_days=30, anchor_day=1)

    assert price_of_days(Decimal(300000), turned, first, days, by_calendar=by_calendar) == price


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(0, 400), st.integers(0, 400), st.booleans())
def test_days_cost_the_same_together_and_apart(first: date, some: int, more: int, by_calendar: bool) -> None:
    def price(start: date, days: int) -> Fraction:
        return price_of_days(Decimal(150000), MONTHLY, start, days, by_calendar=by_calendar)

    assert price(first, some) + price(first + timedelta(days=some), more) == price(first, some + more)
    assert price(first + timedelta(days=some), -some) == -price(first, some)


TODAY = date(2026, 11, 27)


def debt(**over: object) -> Debt:
    values: dict[str, object] = {
        "status": "active", "suspend_cause": None, "is_in_term": True, "oldest_due": TODAY, "grace_days": 7,
        "owed": Decimal(150000), "credit_limit": None,
    }  # fmt: skip
    return Debt(**(values | over))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        ({"oldest_due": None, "owed": Decimal(0)}, Action.NOTHING),
        ({"oldest_due": TODAY + timedelta(days=3)}, Action.REMIND),
        ({"oldest_due": TODAY + timedelta(days=2)}, Action.NOTHING),
        ({}, Action.REMIND),
        ({"oldest_due": TODAY - timedelta(days=7)}, Action.NOTHING),
        ({"oldest_due": TODAY - timedelta(days=8)}, Action.SUSPEND),
        ({"oldest_due": TODAY - timedelta(days=1), "grace_days": 0}, Action.SUSPEND),
        ({"grace_days": 0}, Action.REMIND),
        ({"oldest_due": None, "credit_limit": Decimal(100000)}, Action.SUSPEND),
        ({"oldest_due": None, "credit_limit": Decimal(150000)}, Action.NOTHING),
        ({"status": "suspended", "suspend_cause": "overdue", "oldest_due": None}, Action.RESTORE),
        ({"status": "suspended", "suspend_cause": "overdue", "oldest_due": TODAY - timedelta(days=8)}, Action.NOTHING),
        ({"status": "suspended", "suspend_cause": "staff", "oldest_due": None}, Action.NOTHING),
        ({"status": "suspended", "suspend_cause": None, "oldest_due": None}, Action.NOTHING),
        ({"status": "suspended", "suspend_cause": "overdue", "oldest_due": None, "is_in_term": False}, Action.NOTHING),
        ({"status": "expired", "oldest_due": None}, Action.RESTORE),
        ({"status": "expired", "oldest_due": None, "is_in_term": False}, Action.NOTHING),
        ({"status": "terminated", "oldest_due": None}, Action.NOTHING),
    ],
)
def test_what_is_done_about_a_debt(facts: dict[str, object], action: Action) -> None:
    assert decide(debt(**facts), TODAY, remind_on=(-3, 0, 3)).action is action


@pytest.mark.parametrize(
    ("to_suspend", "active", "trips"),
    [(38, 100, True), (20, 100, False), (21, 100, True), (10, 10, False), (11, 11, True), (0, 0, False)],
)
def test_a_run_that_would_cut_off_too_many_is_stopped(to_suspend: int, active: int, trips: bool) -> None:
    assert Breaker(most_percent=20, handful=10).trips(to_suspend, active) is trips
