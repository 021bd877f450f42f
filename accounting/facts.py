"""What the collector remembers between batches: routers by address and how subscriptions are metered.

Bounded, and dropped by the notices of `access_changed`. A fact may be a moment old: it decides where bytes are booked
and what to look at; whatever changes a session is decided again from the database.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import Any

from db.queries import accounting as queries
from db.queries import quotas
from db.queries.accounting import BootRow, Connection, FactsRow, NasRow
from db.queries.zones import zone_named
from domain.period import days_of, local_midnight
from domain.sessions import MISSED_AFTER_S

# Who outgrows the memory is read again, a tenth at a time: forgetting all at once would have all read at once.
FORGET_SHARE = 10
# Interims count as missed after so many of the plan's intervals in a row.
MISSED_INTERVALS = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(instant_us: int) -> datetime:
    """The aware UTC time of microseconds since the epoch, exactly."""
    return _EPOCH + timedelta(microseconds=instant_us)


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A day of a zone as two instants, with its name as PostgreSQL reads it."""

    start_us: int
    end_us: int
    day: date
    text: str


class ZoneDays:
    """The local days of one zone, found quickly for instants that lie close together."""

    def __init__(self, name: str) -> None:
        self.zone = zone_named(name)
        self._last = self._day_of(0)

    def day_of(self, instant_us: int) -> LocalDay:
        """The local day that holds the instant."""
        last = self._last
        if not last.start_us <= instant_us < last.end_us:
            last = self._last = self._day_of(instant_us)
        return last

    def _day_of(self, instant_us: int) -> LocalDay:
        return self.on(moment(instant_us).astimezone(self.zone).date())

    def on(self, day: date) -> LocalDay:
        """The day as two instants."""
        start, end = local_midnight(day, self.zone), local_midnight(day + timedelta(days=1), self.zone)
        return LocalDay(micros(start), micros(end), day, day.isoformat())


@lru_cache(maxsize=256)
def zone_days(name: str) -> ZoneDays:
    """One per zone and process."""
    return ZoneDays(name)


# Tier, threshold in bytes and reset period of each fair-use tier of a plan.
Tiers = tuple[tuple[int, int, str], ...]


class Allowance:
    """How much a subscription or a family may still use before anybody need look; nothing until somebody has."""

    __slots__ = ("bytes_left", "seconds_left")

    def __init__(self) -> None:
        self.bytes_left = self.seconds_left = 0

    def use(self, used_bytes: int, seconds: int) -> bool:
        """Take off what was used; True when it is time to look."""
        self.bytes_left -= used_bytes
        self.seconds_left -= seconds
        return self.bytes_left <= 0 or self.seconds_left <= 0


# Subscriptions number a hundred thousand and plans a few dozen: what follows from the plan is kept once.
@lru_cache(maxsize=4096)
def _watched(tiers: Tiers, in_force: int, bonus_bytes: int) -> tuple[tuple[str, int], ...]:
    """The fewest bytes by period kind at which a tier above the one in force is reached."""
    watch: dict[str, int] = {}
    for tier, threshold_bytes, kind in tiers:
        if tier > in_force:
            least_bytes = threshold_bytes + bonus_bytes
            watch[kind] = min(least_bytes, watch.get(kind, least_bytes))
    return tuple(watch.items())


@lru_cache(maxsize=4096)
def _days_text(kind: str, day: date, anchor_day: int) -> tuple[str, str]:
    first, after = days_of(kind, day, anchor_day)
    return first.isoformat(), after.isoformat()


class Meter:
    """How one subscription is counted.

    `watch` is the fewest bytes by period kind at which a tier might be reached, `left_bytes` how many may still be
    booked before anybody need look. `own` and `shared` are its allowances, for the few that have any.
    """

    __slots__ = (
        "_daily_day", "_daily_nas", "days", "left_bytes", "missed_after_s", "own", "row", "shared", "subscription_id",
        "watch",
    )  # fmt: skip

    def __init__(self, row: FactsRow, tiers: Tiers, now: datetime, bonus_bytes: int = 0) -> None:
        self.row = row
        self.subscription_id = row.subscription_id
        self.days = zone_days(row.timezone)
        in_force = row.fup_tier if row.fup_until is None or row.fup_until > now else 0
        self.watch = _watched(tiers, in_force, bonus_bytes)
        self.missed_after_s = max(MISSED_AFTER_S, MISSED_INTERVALS * row.interim_interval_s)
        self.own: Allowance | None = None
        self.shared: Allowance | None = None
        self.left_bytes = 0
        # The row of usage_daily that is there to be added to.
        self._daily_day, self._daily_nas = "", 0

    def knows_daily(self, day: LocalDay, nas_server_id: int) -> bool:
        """Whether the row of a day over a router was written before; from here on it counts as written."""
        if self._daily_nas == nas_server_id and self._daily_day == day.text:
            return True
        self._daily_day, self._daily_nas = day.text, nas_server_id
        return False

    def watched_days(self, now: datetime) -> list[tuple[str, str, str]]:
        """Kind, first day and the day after the last of each watched period that runs, as PostgreSQL reads them."""
        today = self.days.day_of(micros(now)).day
        return [(kind, *_days_text(kind, today, self.row.billing_day)) for kind, _ in self.watch]

    def look_again(self, totals: Mapping[str, int]) -> bool:
        """Take note of the totals in the running periods; True when a watched number of bytes is reached."""
        self.left_bytes = min((least - totals.get(kind, 0) for kind, least in self.watch), default=1 << 62)
        return self.left_bytes <= 0


def forget_oldest(known: dict[Any, Any]) -> None:
    """Drop the tenth that was kept longest."""
    for key in list(islice(known, len(known) // FORGET_SHARE + 1)):
        del known[key]


class Memory:
    """Routers, meters and plans; `forget` takes the payload of a notice."""

    def __init__(self, capacity: int) -> None:
        """`capacity`: of how many sessions and subscriptions is kept what records need."""
        self.capacity = capacity
        self._routers: dict[str, NasRow] | None = None
        self.boots: dict[int, BootRow] = {}
        self._meters: dict[int, Meter] = {}
        self._tiers: dict[int, Tiers] = {}
        self._plans_with_allowance: set[int] = set()
        self._families: dict[int, Allowance | None] = {}

    def clear(self) -> None:
        """Forget everything: notices may have been missed."""
        self._routers = None
        self._meters.clear()
        self._tiers.clear()
        self._families.clear()

    def forget(self, payloads: Iterable[str]) -> set[int]:
        """Drop what notices name; returns the subscriptions that were named or belong to what was named."""
        subscriptions: set[int] = set()
        others: dict[str, set[int]] = {"customer": set(), "plan": set(), "tenant": set(), "family": set()}
        for payload in payloads:
            word, _, ids = payload.partition(" ")
            if word == "nas":
                self._routers = None
            elif word not in ("subscription", *others) or not _are_ids(ids):
                subscriptions |= self._meters.keys()
                self.clear()
            elif word == "subscription":
                subscriptions |= _ids(ids)
            else:
                others[word] |= _ids(ids)
        subscriptions |= self._belonging(others)
        for subscription_id in subscriptions:
            self._meters.pop(subscription_id, None)
        for plan_id in others["plan"]:
            self._tiers.pop(plan_id, None)
        for family_id in others["family"]:
            self._families.pop(family_id, None)
        return subscriptions

    def _belonging(self, others: dict[str, set[int]]) -> set[int]:
        if not any(others.values()):
            return set()
        customers, plans, tenants = others["customer"], others["plan"], others["tenant"]
        families = others["family"]
        return {
            subscription_id
            for subscription_id, meter in self._meters.items()
            if meter.row.customer_id in customers
            or meter.row.plan_id in plans
            or meter.row.tenant_id in tenants
            or meter.row.family_id in families
        }

    @property
    def has_routers(self) -> bool:
        """Whether `routers` answers without reading."""
        return self._routers is not None

    def routers(self, connection: Connection) -> dict[str, NasRow]:
        """Routers by the address their packets come from."""
        if self._routers is None:
            self._routers = {row.host: row for row in queries.routers(connection)}
            self.boots = {row.nas_server_id: row for row in queries.boots(connection)}
        return self._routers

    @property
    def meters(self) -> dict[int, Meter]:
        """The meters that are remembered."""
        return self._meters

    def forget_surplus(self) -> None:
        """Between batches: a batch still books on the meters that it has looked up, however many more it reads."""
        while len(self._meters) > self.capacity:
            forget_oldest(self._meters)

    def load(self, connection: Connection, subscription_ids: Collection[int], now: datetime) -> None:
        """Read the meters of those subscriptions that exist."""
        rows = queries.metering_facts(connection, list(subscription_ids))
        self._load_tiers(connection, {row.plan_id for row in rows} - self._tiers.keys())
        bonus = quotas.bonus_bytes(connection, list(subscription_ids), now)
        self._meters.update(
            (row.subscription_id, Meter(row, self._tiers[row.plan_id], now, bonus.get(row.subscription_id, 0)))
            for row in rows
        )
        self._give_allowances(connection, rows)

    def _give_allowances(self, connection: Connection, rows: Sequence[FactsRow]) -> None:
        with_own = quotas.with_own(connection, [row.subscription_id for row in rows])
        self._load_families(connection, {row.family_id for row in rows if row.family_id is not None})
        for row in rows:
            meter = self._meters[row.subscription_id]
            if row.plan_id in self._plans_with_allowance or row.subscription_id in with_own:
                meter.own = Allowance()
            if row.family_id is not None:
                meter.shared = self._families[row.family_id]

    def _load_families(self, connection: Connection, family_ids: set[int]) -> None:
        missing = family_ids - self._families.keys()
        with_allowance = quotas.families_with(connection, list(missing))
        self._families.update((number, Allowance() if number in with_allowance else None) for number in missing)

    def _load_tiers(self, connection: Connection, plan_ids: set[int]) -> None:
        if not plan_ids:
            return
        self._tiers.update((plan_id, ()) for plan_id in plan_ids)
        for plan_id, tier, threshold_bytes, kind in queries.plan_tiers(connection, list(plan_ids)):
            self._tiers[plan_id] += ((tier, threshold_bytes, kind),)
        self._plans_with_allowance -= plan_ids
        self._plans_with_allowance |= quotas.plans_with(connection, list(plan_ids))


def _are_ids(text: str) -> bool:
    return all(part.isdecimal() for part in text.split(","))


def _ids(text: str) -> set[int]:
    return {int(part) for part in text.split(",")}


@lru_cache(maxsize=4096)
def plain_address(text: str) -> str:
    """An address as PostgreSQL prints it, so that two spellings of an IPv6 address are one router."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text
