"""Books what sessions add to days and periods.

A record's bytes belong to the time since the record before it, so they are shared between the local days that this
time touches; each period is the sum of its days. Adds up in memory and writes a batch in two statements.
"""

from datetime import datetime
from typing import Any

from accounting.facts import Facts, LocalDay, first_day_text, moment
from db.queries import accounting as queries
from db.queries.accounting import BookedPeriod, Connection, hex_texts, numbers
from domain.period import days_of, split_by_day

DOWN, UP, SECONDS, SESSIONS = range(4)


class Ledger:
    """The usage of one batch; amounts are only ever added."""

    def __init__(self) -> None:
        self._daily: dict[tuple[int, str, int], list[int]] = {}
        self._days: dict[str, LocalDay] = {}
        self._facts: dict[int, Facts] = {}
        self.received_us: dict[int, int] = {}

    def begin_session(self, facts: Facts, nas_server_id: int, started_us: int) -> None:
        """Count one session on the day it began."""
        self._add(facts, nas_server_id, facts.days.day_of(started_us), 0, 0, 0, 1)

    def book(
        self, facts: Facts, nas_server_id: int, since_us: int, until_us: int, down: int, up: int, seconds: int,
        received_us: int,
    ) -> None:  # fmt: skip
        """Book amounts that arose between two instants; without a time between them, on the day of the later."""
        self.received_us[facts.row.subscription_id] = received_us
        day = facts.days.day_of(min(until_us, since_us))
        if until_us <= day.end_us:
            self._add(facts, nas_server_id, day, down, up, seconds, 0)
            return
        since, until, zone = moment(since_us), moment(until_us), facts.days.zone
        shares = zip(
            split_by_day(since, until, down, zone),
            split_by_day(since, until, up, zone),
            split_by_day(since, until, seconds, zone),
            strict=True,
        )
        for (date, down_share), (_, up_share), (_, seconds_share) in shares:
            self._add(facts, nas_server_id, facts.days.on(date), down_share, up_share, seconds_share, 0)

    def _add(self, facts: Facts, nas_server_id: int, day: LocalDay, down: int, up: int, seconds: int, new: int) -> None:
        subscription_id = facts.row.subscription_id
        entry = self._daily.get((subscription_id, day.text, nas_server_id))
        if entry is not None:
            entry[0] += down
            entry[1] += up
            entry[2] += seconds
            entry[3] += new
            return
        self._daily[subscription_id, day.text, nas_server_id] = [down, up, seconds, new]
        self._days[day.text] = day
        self._facts[subscription_id] = facts

    def write(self, connection: Connection, now: datetime) -> set[int]:
        """Add to the tables; returns the subscriptions whose usage has reached what their tiers watch for."""
        if not self._daily:
            return set()
        self._write_daily(connection)
        booked = self._write_counters(connection, now)
        reached = {item.subscription_id for item in booked if not item.is_new}
        fresh = [item for item in booked if item.is_new]
        if fresh:
            for subscription_id, kind, total in queries.seed_counters(connection, [self._seed_row(item) for item in fresh]):
                if any(kind == watched and total >= least for watched, least in self._facts[subscription_id].watch):
                    reached.add(subscription_id)
        return reached

    def _write_daily(self, connection: Connection) -> None:
        keys, values = self._daily.keys(), self._daily.values()
        queries.book_daily(
            connection,
            [
                numbers(key[0] for key in keys),
                hex_texts(key[1] for key in keys),
                numbers(key[2] for key in keys),
                *(numbers(value[column] for value in values) for column in (DOWN, UP, SECONDS, SESSIONS)),
            ],
        )

    def _write_counters(self, connection: Connection, now: datetime) -> list[BookedPeriod]:
        totals = self._by_period()
        watched = [(key, kind, total) for key, facts in self._facts.items() for kind, total in facts.watch]
        values: dict[str, Any] = {
            "now": now,
            "ids": numbers(key[0] for key in totals),
            "kinds": hex_texts(key[1] for key in totals),
            "starts": hex_texts(key[2] for key in totals),
            "down": numbers(value[DOWN] for value in totals.values()),
            "up": numbers(value[UP] for value in totals.values()),
            "seconds": numbers(value[SECONDS] for value in totals.values()),
            "watched_ids": numbers(item[0] for item in watched),
            "watched_kinds": hex_texts(item[1] for item in watched),
            "watched_bytes": numbers(item[2] for item in watched),
        }
        return queries.book_counters(connection, values)

    def _by_period(self) -> dict[tuple[int, str, str], list[int]]:
        totals: dict[tuple[int, str, str], list[int]] = {}
        for (subscription_id, day_text, _), value in self._daily.items():
            facts = self._facts[subscription_id]
            day, anchor_day = self._days[day_text].day, facts.row.billing_day
            for kind in facts.kinds:
                key = (subscription_id, kind, first_day_text(kind, day, anchor_day))
                total = totals.get(key)
                if total is None:
                    totals[key] = value[:]
                else:
                    total[DOWN] += value[DOWN]
                    total[UP] += value[UP]
                    total[SECONDS] += value[SECONDS]
        return totals

    def _seed_row(self, item: BookedPeriod) -> tuple[int, str, Any, Any]:
        anchor_day = self._facts[item.subscription_id].row.billing_day
        after = days_of(item.period_kind, item.period_start, anchor_day)[1]
        return item.subscription_id, item.period_kind, item.period_start, after
