"""When a term that starts now ends, by billing cycle. Decides dates; refuses to know prices and states."""

from datetime import UTC, datetime, timedelta, tzinfo

from domain.period import clamp_day

_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}


def end_of_term(start: datetime, *, cycle: str, validity_days: int, zone: tzinfo) -> datetime:
    """The instant one cycle after `start`, at the same local time of day.

    A month later than the 31st is the last day of a shorter month. "custom" counts `validity_days`.
    """
    local = start.astimezone(zone)
    if cycle in _MONTHS:
        months = local.year * 12 + local.month - 1 + _MONTHS[cycle]
        day = clamp_day(months // 12, months % 12 + 1, local.day)
        return local.replace(year=day.year, month=day.month, day=day.day).astimezone(UTC)
    if cycle not in ("daily", "custom"):
        raise ValueError(f"unknown billing cycle {cycle!r}")
    days = 1 if cycle == "daily" else validity_days
    return (local + timedelta(days=days)).astimezone(UTC)
