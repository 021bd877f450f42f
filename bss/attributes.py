"""RADIUS attributes that staff write by hand: what may be written, and what a login would be sent with them.

Whatever could not be sent, or not be checked, is refused here, where it is typed, by the table that decides at login.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import network
from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.rows import find
from db.models import Subscription
from db.models.policy import REPLY_OPERATORS
from domain.access import NAS_TYPES, AttributeItem, session_seconds
from domain.attributes import ATTRIBUTES, GIGAWORDS, find_attribute, flaw
from domain.checks import CHECKED, ELSEWHERE, OPERATORS, pattern_problem
from domain.hiding import shown
from domain.replies import merge
from radius.pairs import UnableToRender, grant_pairs, session_timeout_pair
from radius.policies import first_refusal, granted, granted_in_garden
from radius.policies.types import Grant, Login, Place

MAX_ROWS = 50
MAX_VALUE_CHARACTERS = 253
ROW_FIELDS = frozenset({"attribute", "op", "value"})
# What staff may choose from, by name.
WRITABLE = tuple(sorted(name for name, known in ATTRIBUTES.items() if known.by_hand))
_BY_LOWER_CASE = {name.lower(): name for name in (*ATTRIBUTES, *CHECKED)}
_HALVES = {twin: name for name, twin in GIGAWORDS.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Effective:
    """What a login now would be sent. `refusal` is the reason it would be refused for, `problem` why not said."""

    refusal: str | None
    problem: str | None
    replies: tuple[AttributeItem, ...]


def clean_replies(value: object, *, field: str) -> list[AttributeItem]:
    """Reply rows that can be sent, or `Invalid` with the first thing that is wrong."""
    rows = _rows(value, field, default_op=":=", check=_check_reply)
    named: set[str] = set()
    for position, row in enumerate(rows):
        if row.op != "+=" and row.attribute in named:
            mend = "use += for one more" if _repeats(row.attribute) else "remove one"
            raise Invalid(Problem(field=f"{field}.{position}.attribute", reason="is set twice", mend=mend))
        named.add(row.attribute)
    wrong = flaw(merge((), rows))
    if wrong is not None:
        raise Invalid(Problem(field=field, reason=wrong, mend="write all of its parts here"))
    return rows


def clean_checks(value: object, *, field: str) -> list[AttributeItem]:
    """Conditions that can be checked, or `Invalid`."""
    return _rows(value, field, default_op="==", check=_check_condition)


def effective(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, vendor: str = NAS_TYPES[0]
) -> Effective:
    """The reply of a login now through a router of this kind, from any device and without what is asked of it."""
    subscription = find(session, Subscription, subscription_id, actor=actor)
    profile = network.profile_of(session, subscription.id)
    kind = profile.connection_type
    service = "pppoe" if kind in ("any", "static") else kind
    login = Login(profile=profile, service=service, now=now, place=Place(vendor=vendor))
    refusal = first_refusal(login, per_login=False)
    grant = granted(login) if refusal is None else granted_in_garden(login, refusal)
    if grant is None:
        return Effective(refusal=refusal, problem=None, replies=())
    try:
        return Effective(refusal=None, problem=None, replies=_said(grant, vendor, now))
    except UnableToRender as error:
        return Effective(refusal="policy_error", problem=str(error), replies=())


def as_rows(rows: Sequence[AttributeItem]) -> list[dict[str, str]]:
    """Rows for the audit log, without what is secret in them."""
    return [{"attribute": row.attribute, "op": row.op, "value": shown(row.attribute, row.value)} for row in rows]


def _said(grant: Grant, vendor: str, now: datetime) -> tuple[AttributeItem, ...]:
    ends_in_s = None if grant.ends_at is None else (grant.ends_at - now).total_seconds()
    seconds = session_seconds(grant.session_timeout_s, ends_in_s)
    pairs = grant_pairs(grant, vendor)
    whole = pairs if seconds is None else (session_timeout_pair(seconds), *pairs)
    return tuple(AttributeItem(name, "+=" if op else "=", shown(name, value)) for name, *op, value in whole)


def _rows(
    value: object, field: str, *, default_op: str, check: Callable[[str, AttributeItem], None]
) -> list[AttributeItem]:
    given = list(value) if isinstance(value, list | tuple) else []
    if len(given) > MAX_ROWS:
        raise Invalid(Problem(field=field, reason=f"are more than {MAX_ROWS}", mend="write fewer"))
    rows = []
    for position, item in enumerate(given):
        row = _row(f"{field}.{position}", item, default_op)
        check(f"{field}.{position}", row)
        rows.append(row)
    return rows


def _row(at: str, item: object, default_op: str) -> AttributeItem:
    if isinstance(item, AttributeItem):
        item = item._asdict()
    given: Mapping[str, Any] = item if isinstance(item, Mapping) else {}
    if not given or given.keys() - ROW_FIELDS:
        raise Invalid(Problem(field=at, reason="is not a row", mend="give attribute, op and value"))
    name, op, text = given.get("attribute"), given.get("op") or default_op, given.get("value")
    for part, content in (("attribute", name), ("op", op), ("value", text)):
        if not isinstance(content, str) or not content:
            raise Invalid(Problem(field=f"{at}.{part}", reason="is missing", mend="fill it in"))
    if len(str(text)) > MAX_VALUE_CHARACTERS:
        reason = f"is longer than {MAX_VALUE_CHARACTERS} characters"
        raise Invalid(Problem(field=f"{at}.value", reason=reason, mend="shorten it"))
    return AttributeItem(_official(str(name).strip()), str(op), str(text))


def _official(name: str) -> str:
    """The name as the dictionary spells it; FreeRADIUS, too, does not mind capitals."""
    base, colon, tag = name.partition(":")
    return _BY_LOWER_CASE.get(base.lower(), base) + colon + tag


def _repeats(name: str) -> bool:
    known = find_attribute(name)
    return known is not None and known.repeats


def _check_reply(at: str, row: AttributeItem) -> None:
    known = find_attribute(row.attribute)
    if known is None:
        reason = "is not an attribute that this server sends"
        raise Invalid(Problem(field=f"{at}.attribute", reason=reason, mend="choose one from the list"))
    if not known.by_hand:
        half_of = _HALVES.get(known.name)
        mend = f"write the whole number of bytes in {half_of}" if half_of else "leave it out"
        raise Invalid(Problem(field=f"{at}.attribute", reason="is set by the server itself", mend=mend))
    if row.op not in REPLY_OPERATORS or (row.op == "+=" and not known.repeats):
        allowed = REPLY_OPERATORS if known.repeats else tuple(op for op in REPLY_OPERATORS if op != "+=")
        reason = "does not go with this attribute"
        raise Invalid(Problem(field=f"{at}.op", reason=reason, mend=f"use {' or '.join(allowed)}"))
    if not known.accepts(row.value):
        mend = f"write it like {known.example}"
        raise Invalid(Problem(field=f"{at}.value", reason="cannot be sent as this attribute", mend=mend))


def _check_condition(at: str, row: AttributeItem) -> None:
    if row.attribute not in CHECKED:
        elsewhere = ELSEWHERE.get(row.attribute)
        reason = "is not a condition here" if elsewhere else "is not a condition that this server checks"
        mend = elsewhere or f"use {', '.join(CHECKED)}"
        raise Invalid(Problem(field=f"{at}.attribute", reason=reason, mend=mend))
    if row.op not in OPERATORS:
        reason = "does not compare"
        raise Invalid(Problem(field=f"{at}.op", reason=reason, mend=f"use {', '.join(OPERATORS)}"))
    wrong = pattern_problem(row.value) if row.op in ("=~", "!~") else _comparison_problem(row)
    if wrong is not None:
        mend = "write a plain pattern such as ^ether[0-9]+$" if row.op in ("=~", "!~") else "write a whole number"
        raise Invalid(Problem(field=f"{at}.value", reason=wrong, mend=mend))


def _comparison_problem(row: AttributeItem) -> str | None:
    if not row.value.isprintable():
        return "contains an invisible character"
    is_number = row.value.isascii() and row.value.isdigit()
    return None if row.op in ("==", "!=") or is_number else "is not a number"
