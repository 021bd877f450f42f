"""Sessions that began on an answer which is no longer true: the policy's memory was older than the change.

The Class of a session says with which fair-use tier it was let in. A session whose tier has changed since, or whose
subscription may not be online any more, is put right at once. A change may also commit while its session is being
stored, when neither side sees the other; so for a while each new session is looked at again when its subscription is
reported as changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounting.facts import Meter
from accounting.fairuse import ACTOR, rate_limit
from accounting.records import class_parts
from db.queries.access import profiles_by_id
from db.queries.accounting import Connection, changes_asked
from db.queries.live_changes import enqueue_change
from domain.access import (
    BLOCKED_CUSTOMERS,
    AccessProfile,
    belongs_in_garden,
    fup_tier_in_force,
)
from domain.desired import RATE_LIMIT, may_run

WATCHED_FOR = timedelta(minutes=2)
MAX_WATCHED = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Newcomer:
    """A new open session: its subscription, and the tier it was let in with (None when no Class of ours says).

    `in_garden`: it was let into a walled garden.
    """

    unique_id: str
    subscription_id: int
    fup_tier: int | None
    seen_at: datetime
    in_garden: bool = False

    @classmethod
    def of(cls, unique_id: str, subscription_id: int, class_text: str, seen_at: datetime) -> "Newcomer":
        parts = class_parts(class_text) if class_text else None
        return cls(
            unique_id=unique_id,
            subscription_id=subscription_id,
            fup_tier=None if parts is None else parts.fup_tier,
            seen_at=seen_at,
            in_garden=parts is not None and parts.in_garden,
        )


class Watched:
    """The newcomers of the last minutes, by subscription; bounded."""

    def __init__(self) -> None:
        self._by_subscription: dict[int, list[Newcomer]] = {}

    def add(self, newcomers: Iterable[Newcomer]) -> None:
        """Keep watching these."""
        for newcomer in newcomers:
            self._by_subscription.setdefault(newcomer.subscription_id, []).append(newcomer)

    def of(self, subscription_ids: Iterable[int]) -> list[Newcomer]:
        """The newcomers of subscriptions that were reported as changed."""
        known = self._by_subscription
        return [newcomer for key in subscription_ids if key in known for newcomer in known[key]]

    def forget_old(self, now: datetime) -> None:
        """Stop watching after a while, or at once when there are too many."""
        if len(self._by_subscription) > MAX_WATCHED:
            self._by_subscription.clear()
        self._by_subscription = {
            key: kept
            for key, newcomers in self._by_subscription.items()
            if (kept := [newcomer for newcomer in newcomers if now - newcomer.seen_at < WATCHED_FOR])
        }


def is_doubtful(newcomer: Newcomer, meter: Meter | None, now: datetime) -> bool:
    """Whether what is remembered of its subscription speaks against the session; the database then decides."""
    if meter is None or newcomer.in_garden:
        return True
    row = meter.row
    tier = row.fup_tier if row.fup_until is None or row.fup_until > now else 0
    return (
        row.subscription_status != "active"
        or row.customer_status in BLOCKED_CUSTOMERS
        or (row.cut_off_at is not None and row.cut_off_at <= now)
        or (newcomer.fup_tier is not None and newcomer.fup_tier != tier)
    )


def put_right(connection: Connection, newcomers: Iterable[Newcomer], now: datetime) -> int:
    """Ask for a change of each session that was let in on an old answer; returns how many rows were written."""
    listed = list(newcomers)
    if not listed:
        return 0
    subscription_ids = {newcomer.subscription_id for newcomer in listed}
    profiles = profiles_by_id(connection, subscription_ids)
    asked = changes_asked(connection, sorted(subscription_ids))
    written = 0
    for newcomer in listed:
        found = profiles.get(newcomer.subscription_id)
        kind, attributes = _remedy(newcomer, None if found is None else found[0], now)
        # Whoever made the change asked for the same of every session that he saw; this one he may have seen.
        if kind and (newcomer.unique_id, kind, attributes.get(RATE_LIMIT)) not in asked:
            written += _ask(connection, newcomer, kind, attributes, now)
    return written


def _remedy(newcomer: Newcomer, profile: AccessProfile | None, now: datetime) -> tuple[str, dict[str, str]]:
    """What brings the session to what is true now; an empty kind when nothing need be done."""
    if profile is None:
        return "disconnect", {}
    if newcomer.in_garden:
        # Its speed is the garden's, whatever tier the subscription is in.
        return ("" if belongs_in_garden(profile, now) else "disconnect"), {}
    if not _may_be_online(profile, now):
        return "disconnect", {}
    if newcomer.fup_tier is not None and newcomer.fup_tier != _tier_now(profile, now):
        return "coa", rate_limit(profile, now)
    return "", {}


def _may_be_online(profile: AccessProfile, now: datetime) -> bool:
    """Whether a login now would be let in; hours may have ended, and an allowance been used up, since this one was."""
    return may_run(profile, now, in_garden=False)


def _tier_now(profile: AccessProfile, now: datetime) -> int:
    tier = fup_tier_in_force(profile, now)
    return 0 if tier is None else tier.tier


def _ask(connection: Connection, newcomer: Newcomer, kind: str, attributes: dict[str, str], now: datetime) -> int:
    rows = enqueue_change(
        connection,
        kind=kind,
        reason="late_start",
        requested_by=ACTOR,
        now=now,
        sessions=[newcomer.unique_id],
        attributes=attributes,
    )
    return len(rows)
