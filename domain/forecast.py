"""When usage reaches a limit, if the coming days are like those of the last four weeks.

Assumes that a weekday brings what that weekday brought on average (a provider's customers live by the week), and that
the rest of today brings its share of such a day. Knows nothing of tiers or periods but where the period ends; refuses
to say anything from less than three whole days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

DAYS_LOOKED_AT = 28
LEAST_DAYS = 3
# An average of one day of a kind is a coincidence.
LEAST_OF_A_WEEKDAY = 2
_DAY_S = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """`reached_on` is the local day on which the limit is reached, None when that is after the period.

    `expected_bytes` is what the period will have brought at its end, `from_days` how many whole days that is told from.
    """

    reached_on: date | None
    expected_bytes: int
    from_days: int


def forecast(
    days: Mapping[date, int],
    *,
    used_bytes: int,
    limit_bytes: int,
    today: date,
    seconds_left: int,
    after_day: date,
) -> Forecast | None:
    """What is to be expected until `after_day`, the first day of the next period; None: too little is known.

    `days` are bytes by local day, without those that brought nothing; `seconds_left` are those of today.
    """
    known = _known(days, today)
    if len(known) < LEAST_DAYS:
        return None
    usual = _by_weekday(known)
    expected, reached_on = used_bytes, today if used_bytes >= limit_bytes else None
    for day in _days(today, after_day):
        whole = usual[day.weekday()]
        expected += whole * min(seconds_left, _DAY_S) // _DAY_S if day == today else whole
        if reached_on is None and expected >= limit_bytes:
            reached_on = day
    return Forecast(reached_on=reached_on, expected_bytes=expected, from_days=len(known))


def _known(days: Mapping[date, int], today: date) -> dict[date, int]:
    """The whole days that are looked at: from the first with anything in it on, days without traffic included."""
    first = max(min((day for day in days if day < today), default=today), today - timedelta(days=DAYS_LOOKED_AT))
    return {day: days.get(day, 0) for day in _days(first, today)}


def _by_weekday(known: Mapping[date, int]) -> list[int]:
    average = sum(known.values()) // len(known)
    brought = [[known[day] for day in known if day.weekday() == weekday] for weekday in range(7)]
    return [sum(one) // len(one) if len(one) >= LEAST_OF_A_WEEKDAY else average for one in brought]


def _days(first: date, after: date) -> list[date]:
    return [first + timedelta(days=ahead) for ahead in range((after - first).days)]
