"""What the collector remembers between batches: routers by address and the metering facts of subscriptions.

Bounded, and dropped by the notices of `access_changed`. A fact may be a moment old: it decides where bytes are booked
and what to look at; whatever changes a session is decided again from the database.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from db.queries import accounting as queries
from db.queries.accounting import Connection, FactsRow, NasRow
from domain.period import days_of, local_midnight

ALWAYS_COUNTED = ("billing_cycle", "monthly")
MAX_FACTS = 300_000
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
        self.zone = _zone(name)
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


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        # A tenant's misspelt zone must not stop the counting of everybody's traffic.
        return ZoneInfo("UTC")


@lru_cache(maxsize=256)
def zone_days(name: str) -> ZoneDays:
    """One per zone and process."""
    return ZoneDays(name)


@lru_cache(maxsize=65536)
def first_day_text(kind: str, day: date, anchor_day: int) -> str:
    """The first day of the period that holds a local day, as PostgreSQL reads it."""
    return days_of(kind, day, anchor_day)[0].isoformat()


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How one subscription is metered. `watch` is the fewest bytes by period kind at which a tier might be reached."""

    row: FactsRow
    days: ZoneDays
    kinds: tuple[str, ...]
    watch: tuple[tuple[str, int], ...]


class Memory:
    """Routers, facts and plans; `forget` takes the payload of a notice."""

    def __init__(self) -> None:
        self._routers: dict[str, NasRow] | None = None
        self._facts: dict[int, Facts] = {}
        self._tiers: dict[int, list[tuple[int, int, str]]] = {}

    def clear(self) -> None:
        """Forget everything: notices may have been missed."""
        self._routers = None
        self._facts.clear()
        self._tiers.clear()

    def forget(self, payloads: Iterable[str]) -> set[int]:
        """Drop what notices name; returns the subscriptions that were named or belong to what was named."""
        subscriptions: set[int] = set()
        others: dict[str, set[int]] = {"customer": set(), "plan": set(), "tenant": set()}
        for payload in payloads:
            word, _, ids = payload.partition(" ")
            if word == "nas":
                self._routers = None
            elif word not in ("subscription", *others) or not _are_ids(ids):
                subscriptions |= self._facts.keys()
                self.clear()
            elif word == "subscription":
                subscriptions |= _ids(ids)
            else:
                others[word] |= _ids(ids)
        subscriptions |= self._belonging(others)
        for subscription_id in subscriptions:
            self._facts.pop(subscription_id, None)
        for plan_id in others["plan"]:
            self._tiers.pop(plan_id, None)
        return subscriptions

    def _belonging(self, others: dict[str, set[int]]) -> set[int]:
        if not any(others.values()):
            return set()
        customers, plans, tenants = others["customer"], others["plan"], others["tenant"]
        return {
            subscription_id
            for subscription_id, facts in self._facts.items()
            if facts.row.customer_id in customers or facts.row.plan_id in plans or facts.row.tenant_id in tenants
        }

    def routers(self, connection: Connection) -> dict[str, NasRow]:
        """Routers by the address their packets come from."""
        if self._routers is None:
            self._routers = {row.host: row for row in queries.routers(connection)}
        return self._routers

    def facts(self, connection: Connection, subscription_ids: Collection[int], now: datetime) -> dict[int, Facts]:
        """The facts of all subscriptions that exist among those ids; the unknown are read in one go."""
        known = self._facts
        missing = [subscription_id for subscription_id in subscription_ids if subscription_id not in known]
        if missing:
            if len(known) + len(missing) > MAX_FACTS:
                known.clear()
                missing = list(subscription_ids)
            rows = queries.metering_facts(connection, missing)
            self._load_tiers(connection, {row.plan_id for row in rows} - self._tiers.keys())
            known.update((row.subscription_id, self._make(row, now)) for row in rows)
        return known

    def _load_tiers(self, connection: Connection, plan_ids: set[int]) -> None:
        if not plan_ids:
            return
        self._tiers.update((plan_id, []) for plan_id in plan_ids)
        for plan_id, tier, threshold_bytes, kind in queries.plan_tiers(connection, list(plan_ids)):
            self._tiers[plan_id].append((tier, threshold_bytes, kind))

    def _make(self, row: FactsRow, now: datetime) -> Facts:
        tiers = self._tiers[row.plan_id]
        in_force = row.fup_tier if row.fup_until is None or row.fup_until > now else 0
        watch: dict[str, int] = {}
        for tier, threshold_bytes, kind in tiers:
            if tier > in_force:
                watch[kind] = min(threshold_bytes, watch.get(kind, threshold_bytes))
        return Facts(
            row=row,
            days=zone_days(row.timezone),
            kinds=(*ALWAYS_COUNTED, *sorted({kind for *_, kind in tiers} - set(ALWAYS_COUNTED))),
            watch=tuple(watch.items()),
        )


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
