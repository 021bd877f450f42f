"""Allowances of plans, subscriptions and families: how they are written down, and what a change does to who is online.

Decides what can be accepted and whom a change concerns; what is used up is counted in `accounting`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from accounting.quotas import settle
from bss import audit, fields, network
from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.outcome import Changed, Effect
from bss.rows import locked
from bss.subscriptions.values import record, require_not_over
from db.engine import psycopg_of
from db.models import AllowanceQuota, Subscription
from db.queries.allowances import own_quotas, subscriptions_in_garden
from domain.desired import SESSION_TIMEOUT, TOTAL_LIMIT
from domain.fup import COUNTS
from domain.quota import QUOTA_ACTIONS, QUOTA_KINDS, QUOTA_PERIODS
from domain.speed import MAX_KBPS

QUOTA_FIELDS = frozenset(
    {
        "kind",
        "period",
        "counts",
        "limit_bytes",
        "limit_s",
        "action",
        "throttle_download_kbps",
        "throttle_upload_kbps",
    }
)
MAX_QUOTAS = 10
MAX_BYTES = 2**62
# An allowance of time is at least a minute, at most what fits ten years.
LEAST_S, MOST_S = 60, 315_360_000
_COLUMNS = ("kind", "period", "counts", "limit_amount", "action", "throttle_download_kbps", "throttle_upload_kbps")
# Rows that agree in these are the same allowance with another limit, and stay used up or not as they were.
_SAME = ("kind", "period", "counts", "action")


def clean_quotas(value: Any) -> list[dict[str, Any]]:
    """Allowances as their columns; raises `Invalid` with the place of what is wrong."""
    given = list(value or ())
    if len(given) > MAX_QUOTAS:
        raise Invalid(Problem(field="quotas", reason=f"are more than {MAX_QUOTAS}", mend="use fewer allowances"))
    quotas = [_quota(f"quotas.{position}.", quota) for position, quota in enumerate(given)]
    seen: set[tuple[str, str]] = set()
    for position, quota in enumerate(quotas):
        name = (quota["kind"], quota["period"])
        if name in seen:
            mend = "keep one of each kind and period"
            raise Invalid(
                Problem(field=f"quotas.{position}.period", reason="is there already for this kind", mend=mend)
            )
        seen.add(name)
    return quotas


def as_given(rows: Iterable[AllowanceQuota]) -> list[dict[str, Any]]:
    """Stored allowances as `clean_quotas` takes them."""
    given = []
    for row in rows:
        limit = {"limit_bytes" if row.kind == "data" else "limit_s": row.limit_amount}
        given.append({name: getattr(row, name) for name in _COLUMNS if name != "limit_amount"} | limit)
    return given


def as_columns(rows: Iterable[AllowanceQuota]) -> list[dict[str, Any]]:
    """Stored allowances as `clean_quotas` returns them, to compare with."""
    return [{name: getattr(row, name) for name in _COLUMNS} for row in rows]


def replace_rows(
    session: Session, rows: list[AllowanceQuota], wanted: Sequence[Mapping[str, Any]], **owner: int
) -> None:
    """Bring the owner's list of rows to what is wanted; one that only has another limit keeps its number."""
    left = {tuple(getattr(row, name) for name in _SAME): row for row in rows}
    fresh: list[Mapping[str, Any]] = []
    for quota in wanted:
        row = left.pop(tuple(quota[name] for name in _SAME), None)
        if row is None:
            fresh.append(quota)
        else:
            audit.set_fields(row, quota)
    for row in left.values():
        rows.remove(row)
        session.delete(row)
    # One of a kind and period must be gone before another comes.
    session.flush()
    added = [AllowanceQuota(**owner, **quota) for quota in fresh]
    rows.extend(added)
    session.add_all(added)
    session.flush()


def set_own(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    quotas: Sequence[Mapping[str, Any]],
    version: int | None = None,
) -> Changed[Subscription]:
    """Give a subscription allowances instead of its plan's of the same kind and period; none gives the plan's back.

    Whoever has used up more than he may is stopped or slowed at once, and whoever has something left again let go.
    """
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    require_not_over(subscription)
    clean, rows = clean_quotas(quotas), own_quotas(session, subscription.id)
    if clean == as_columns(rows):
        return Changed(row=subscription)
    garden = subscriptions_in_garden(session, [subscription.id])
    old = as_given(rows)
    replace_rows(session, rows, clean, tenant_id=actor.tenant_id, subscription_id=subscription.id)
    new = as_given(rows)
    record(session, actor, now, "quotas_changed", subscription, old={"quotas": old}, new={"quotas": new})
    return Changed(
        row=subscription,
        effect=follow(session, actor=actor, now=now, ids=[subscription.id], garden=garden, also=limits_of(old)),
    )


def follow(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    ids: Sequence[int],
    garden: Iterable[int] = (),
    also: frozenset[str] = frozenset(),
    with_limits: bool = True,
) -> Effect:
    """Bring running sessions to the allowances as they are now: end, slow down, free, and tell what is left.

    `garden` are those who were in the walled garden for an allowance that is not there any more: they log in anew.
    `also` are the limits of allowances that are not there any more; see `limits_of`. Whoever tells the limits himself
    leaves `with_limits` out.
    """
    session.flush()
    settled = settle(psycopg_of(session), ids, now=now)
    effect = Effect(coa_ids=tuple(settled.coa_ids), disconnect_ids=tuple(settled.disconnect_ids))
    freed = sorted(set(garden) - settled.told - subscriptions_in_garden(session, list(garden)))
    if freed:
        effect += network.disconnect(session, actor=actor, now=now, reason="quota_reset", subscription_ids=freed)
    if not with_limits:
        return effect
    return effect + network.apply_limits(session, actor=actor, now=now, subscription_ids=ids, also=also)


def limits_of(given: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The limits of a running session that come from these allowances, as `as_given` has them."""
    ending = [quota["kind"] for quota in given if quota["action"] != "throttle"]
    return frozenset(TOTAL_LIMIT if kind == "data" else SESSION_TIMEOUT for kind in ending)


def _quota(at: str, given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(given) - QUOTA_FIELDS)
    if unknown:
        raise Invalid(Problem(field=at + unknown[0], reason="is not a field of an allowance"))
    kind = fields.one_of(given.get("kind", "data"), field=at + "kind", allowed=QUOTA_KINDS)
    action = fields.one_of(given.get("action", "reject"), field=at + "action", allowed=QUOTA_ACTIONS)
    counts = "total" if kind == "time" else given.get("counts") or "total"
    return {
        "kind": kind,
        "period": fields.one_of(given.get("period", "billing_cycle"), field=at + "period", allowed=QUOTA_PERIODS),
        "counts": fields.one_of(counts, field=at + "counts", allowed=COUNTS),
        "limit_amount": amount_of(given, kind, at=at, name="limit"),
        "action": action,
        **_throttle(at, given, action),
    }


def amount_of(given: Mapping[str, Any], kind: str, *, at: str = "", name: str = "amount") -> int:
    """Bytes (`…_bytes`) or seconds (`…_s`) by kind; the other one must not be there."""
    here, there = (f"{name}_bytes", f"{name}_s") if kind == "data" else (f"{name}_s", f"{name}_bytes")
    if given.get(there) is not None:
        raise Invalid(Problem(field=at + there, reason="does not go with this kind", mend=f"fill in {here}"))
    least, most = (1, MAX_BYTES) if kind == "data" else (LEAST_S, MOST_S)
    return fields.whole(given.get(here), field=at + here, least=least, most=most)


def _throttle(at: str, given: Mapping[str, Any], action: str) -> dict[str, int | None]:
    names = ("throttle_download_kbps", "throttle_upload_kbps")
    if action == "throttle":
        return {name: fields.whole(given.get(name), field=at + name, least=1, most=MAX_KBPS) for name in names}
    present = next((name for name in names if given.get(name) is not None), None)
    if present is not None:
        raise Invalid(Problem(field=at + present, reason="goes with slowing down only", mend="leave it empty"))
    return dict.fromkeys(names)
