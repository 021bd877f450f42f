"""How far a router's secrets are from what they should be, name by name, and the orders that bring them back.

Only entries with our mark are ever removed; what somebody typed by hand is told and left.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from bss.router_api.dispatch import wanted_secrets
from bss.router_api.orders import order_secret
from bss.router_api.steps import hotspot_user_of, ppp_secret_of
from db.queries.router_orders import Account
from domain.router_secret import Secret, is_ours
from routeros.rows import HotspotUser, PppSecret
from routeros.wanted import same

MISSING, DIFFERENT, LEFTOVER, BY_HAND = "missing", "different", "leftover", "by hand"
# The words of a secret and what they are in a row.
_WORDS = {
    "password": "password",
    "service": "service",
    "local-address": "local_address",
    "remote-address": "remote_address",
    "address": "address",
    "mac-address": "mac",
    "comment": "comment",
    "disabled": "is_disabled",
}
There = tuple[Sequence[PppSecret], Sequence[HotspotUser]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One name: `missing` there, `different` in these words, a `leftover` of ours, or typed `by hand`."""

    username: str
    kind: str
    words: tuple[str, ...] = ()
    subscription_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """All differences of one router, and how many secrets are as they should be."""

    equal: int
    differences: tuple[Difference, ...]

    def as_rows(self) -> list[dict[str, Any]]:
        """As plain values, for a snapshot."""
        return [
            {
                "username": one.username,
                "kind": one.kind,
                "words": list(one.words),
                "subscription_id": one.subscription_id,
            }
            for one in self.differences
        ]


def drift_of(connection: psycopg.Connection[Any], account: Account, there: There, *, now: datetime) -> Drift:
    """Compare what the router has with what it should have."""
    return compare(wanted_secrets(connection, account, None, now=now), there)


def compare(wanted: Mapping[str, tuple[Secret | None, int | None]], there: There) -> Drift:
    """The same from values at hand."""
    ppp, hotspot = {row.name: row for row in there[0]}, {row.name: row for row in there[1] if not row.is_dynamic}
    differences = [*_wanted(wanted, ppp, hotspot), *_unwanted(wanted, ppp, hotspot)]
    equal = sum(secret is not None for secret, _ in wanted.values()) - sum(
        one.kind in (MISSING, DIFFERENT) for one in differences
    )
    return Drift(equal=equal, differences=tuple(differences))


def _wanted(
    wanted: Mapping[str, tuple[Secret | None, int | None]],
    ppp: Mapping[str, PppSecret],
    hotspot: Mapping[str, HotspotUser],
) -> Iterator[Difference]:
    for name, (secret, subscription_id) in wanted.items():
        if secret is None:
            continue
        row: PppSecret | HotspotUser | None = (hotspot if secret.service == "hotspot" else ppp).get(name)
        if row is None:
            yield Difference(username=name, kind=MISSING, subscription_id=subscription_id)
        elif words := _differing(secret, row):
            yield Difference(username=name, kind=DIFFERENT, words=words, subscription_id=subscription_id)


def _unwanted(
    wanted: Mapping[str, tuple[Secret | None, int | None]],
    ppp: Mapping[str, PppSecret],
    hotspot: Mapping[str, HotspotUser],
) -> Iterator[Difference]:
    for is_hotspot, rows in ((False, ppp), (True, hotspot)):
        for name, row in rows.items():
            secret = wanted.get(name, (None, None))[0]
            if secret is None or (secret.service == "hotspot") != is_hotspot:
                yield Difference(username=name, kind=LEFTOVER if is_ours(row.comment) else BY_HAND)


def _differing(secret: Secret, row: PppSecret | HotspotUser) -> tuple[str, ...]:
    wanted = (hotspot_user_of if secret.service == "hotspot" else ppp_secret_of)(secret, row.profile).words()
    words = [word for word, value in wanted.items() if value is not None and not _fits(word, value, row)]
    return (*words, *(() if row.profile in secret.profiles else ("profile",)))


def _fits(word: str, wanted: str, row: PppSecret | HotspotUser) -> bool:
    if word not in _WORDS:
        return True
    found = getattr(row, _WORDS[word])
    if isinstance(found, bool):
        found = "true" if found else "false"
    # A password that the router keeps to itself cannot be compared.
    return (word == "password" and not found) or same(word, wanted, found)


def order_repairs(connection: psycopg.Connection[Any], account: Account, drift: Drift, *, now: datetime) -> int:
    """Order what brings the router back; returns how many orders."""
    names = [one.username for one in drift.differences if one.kind != BY_HAND]
    for name in names:
        order_secret(connection, account, name, reason="drift", requested_by="system", now=now)
    return len(names)
