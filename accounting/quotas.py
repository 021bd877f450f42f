"""Allowances on the live side: one that is used up is noted and acted on, one that is there again is given back.

What is used up is read from the days as they stand in this transaction. The note, the change of the running sessions
and the alerts are written together, so a customer who was cut off and the reason for it never part. A note says what
was last acted on; a login asks the days themselves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from accounting.facts import Meter
from accounting.fairuse import ACTOR, rate_limit
from db.queries import quotas as queries
from db.queries.access import profiles_by_id
from db.queries.accounting import Connection
from db.queries.live_changes import enqueue_change
from domain.access import AccessProfile, quota_limit, quota_spent
from domain.quota import Quota, alerts_reached, next_look, period_of

NEVER = 1 << 62
# The day that stands for the one period of an allowance that never turns.
ALL_TIME = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What may be used before anybody need look again: until the next alert, or until nothing is left."""

    data_bytes: int = NEVER
    seconds: int = NEVER

    def least(self, other: "Left") -> "Left":
        """The lower of two, side by side."""
        return Left(data_bytes=min(self.data_bytes, other.data_bytes), seconds=min(self.seconds, other.seconds))


@dataclass(kw_only=True, slots=True)
class Settled:
    """The changes that were written, and what is left to subscriptions and families."""

    coa_ids: list[int] = field(default_factory=list)
    disconnect_ids: list[int] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    own: dict[int, Left] = field(default_factory=dict)
    shared: dict[int, Left] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """How many changes of running sessions were written."""
        return len(self.coa_ids) + len(self.disconnect_ids)

    def tell(self, meter: Meter) -> None:
        """Let a meter, and the family it belongs to, count down from what is left."""
        row = meter.row
        if meter.own is not None:
            left = self.own.get(row.subscription_id, Left())
            meter.own.bytes_left, meter.own.seconds_left = left.data_bytes, left.seconds
        if meter.shared is not None and row.family_id is not None:
            left = self.shared.get(row.family_id, Left())
            meter.shared.bytes_left, meter.shared.seconds_left = left.data_bytes, left.seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """One allowance as it stands."""

    quota: Quota
    spent: int
    limit: int

    @property
    def is_used_up(self) -> bool:
        return self.spent >= self.limit

    @property
    def left(self) -> Left:
        if self.is_used_up:
            return Left()
        amount = next_look(self.limit, self.spent) - self.spent
        return Left(data_bytes=amount) if self.quota.kind == "data" else Left(seconds=amount)


def settle(
    connection: Connection,
    subscription_ids: Iterable[int],
    *,
    now: datetime,
    caused_at: Mapping[int, datetime] | None = None,
    families: Iterable[int] = (),
) -> Settled:
    """Bring notes and running sessions of the subscriptions, and of all in the families, to what is used up now."""
    ids = sorted({*subscription_ids, *queries.members(connection, families)})
    settled = Settled()
    if not ids:
        return settled
    noted = queries.states(connection, ids)
    for subscription_id, (profile, _) in profiles_by_id(connection, ids).items():
        looks = [_look(profile, quota, now) for quota in profile.quotas]
        _take_note(settled, profile, looks)
        _alert(connection, profile, looks, now)
        cause = (caused_at or {}).get(subscription_id, now)
        _act(connection, settled, profile, looks, noted.get(subscription_id, {}), caused_at=cause, now=now)
    return settled


def _look(profile: AccessProfile, quota: Quota, now: datetime) -> _Look:
    return _Look(quota=quota, spent=quota_spent(profile, quota, now), limit=quota_limit(profile, quota, now))


def _take_note(settled: Settled, profile: AccessProfile, looks: list[_Look]) -> None:
    own = shared = Left()
    for look in looks:
        if look.quota.is_shared:
            shared = shared.least(look.left)
        else:
            own = own.least(look.left)
    settled.own[profile.subscription_id] = own
    if profile.family_id is not None:
        settled.shared[profile.family_id] = settled.shared.get(profile.family_id, Left()).least(shared)


def _alert(connection: Connection, profile: AccessProfile, looks: list[_Look], now: datetime) -> None:
    rows = [
        (
            profile.subscription_id, look.quota.quota_id, _period_start(profile, look.quota, now), percent, look.spent,
            look.limit, now,
        )
        for look in looks
        for percent in alerts_reached(look.limit, look.spent)
    ]  # fmt: skip
    if rows:
        queries.add_alerts(connection, rows)


def _period_start(profile: AccessProfile, quota: Quota, now: datetime) -> date:
    period = period_of(quota, now, profile.zone, profile.billing_day)
    return ALL_TIME if period is None else period.first_day


def _until(profile: AccessProfile, quota: Quota, now: datetime) -> datetime | None:
    period = period_of(quota, now, profile.zone, profile.billing_day)
    return None if period is None else period.end


def _act(
    connection: Connection,
    settled: Settled,
    profile: AccessProfile,
    looks: list[_Look],
    noted: Mapping[int, queries.Noted],
    *,
    caused_at: datetime,
    now: datetime,
) -> None:
    """Write what differs between the notes and what is used up, and the change it means."""
    gone = {look.quota.quota_id: look for look in looks if look.is_used_up}
    back = sorted(noted.keys() - gone.keys())
    if back:
        queries.forget_used_up(connection, subscription_id=profile.subscription_id, quota_ids=back)
    fresh = [look for look in gone.values() if _is_news(connection, profile, look, noted, now)]
    if not fresh and not back:
        return
    before = _actions((quota_id, note.action) for quota_id, note in noted.items())
    after = _actions((quota_id, look.quota.action) for quota_id, look in gone.items())
    kind = _change(before, after)
    if kind is None:
        return
    ids = enqueue_change(
        connection,
        kind=kind,
        reason="quota" if fresh else "quota_reset",
        requested_by=ACTOR,
        now=now,
        caused_at=caused_at,
        subscription_ids=[profile.subscription_id],
        attributes=rate_limit(profile, now) if kind == "coa" else None,
    )
    settled.told.add(profile.subscription_id)
    (settled.coa_ids if kind == "coa" else settled.disconnect_ids).extend(ids)


def _is_news(
    connection: Connection,
    profile: AccessProfile,
    look: _Look,
    noted: Mapping[int, queries.Noted],
    now: datetime,
) -> bool:
    until, quota_id = _until(profile, look.quota, now), look.quota.quota_id
    if quota_id in noted and noted[quota_id].until == until:
        return False
    return queries.note_used_up(
        connection, subscription_id=profile.subscription_id, quota_id=quota_id, used=look.spent, until=until, now=now
    )


def _actions(used_up: Iterable[tuple[int, str]]) -> frozenset[str]:
    """What used-up allowances do; each that slows down counts by its number."""
    return frozenset(f"throttle {number}" if action == "throttle" else action for number, action in used_up)


def _change(before: frozenset[str], after: frozenset[str]) -> str | None:
    """How the running sessions get from one to the other: a walled garden is entered and left by a new login."""
    ends = frozenset({"reject", "garden"})
    if before & ends != after & ends:
        return "disconnect" if after & ends or "garden" in before else "coa"
    return "coa" if before != after and not after & ends else None
