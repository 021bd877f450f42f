"""A moment as people write one: a time of day, a day with a time, or in full with its offset."""

import re
from datetime import datetime, time, timedelta, tzinfo

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


def read_moment(text: str, *, now: datetime, zone: tzinfo) -> datetime:
    """`22:00` is the next time the clock in `zone` shows it; without an offset a date is meant there too.

    Raises `ValueError` for anything else.
    """
    clock = _TIME.fullmatch(text.strip())
    if clock is not None:
        today = now.astimezone(zone).date()
        wanted = time(int(clock[1]), int(clock[2]), tzinfo=zone)
        at = datetime.combine(today, wanted)
        return at if at >= now else datetime.combine(today + timedelta(days=1), wanted)
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
