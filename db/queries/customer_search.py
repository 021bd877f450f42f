"""Finding customers by what staff type, in tens of milliseconds among a million.

Every thing the text could be is asked of an index of its own, and no more than so many matches of each are fetched: a
first name that a hundred thousand people have is not counted to the last of them. Where there are more, the newest are
found by walking the list in its order, since among many matches the next page is never far.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, union, union_all
from sqlalchemy.orm import Session

from db.models import Customer, RadAcct, Subscription, SubscriptionMac
from db.queries.panel.customers import escape_like, search_text
from domain.mac import normalise_mac

# So many matches are counted exactly.
MOST_COUNTED = 1_000
# So many are looked through for the closest names.
MOST_COMPARED = 200
# So many rows of the list are walked at most to fill a page.
MOST_WALKED = 50_000
# The end of a number is rarer than its beginning, which everybody shares.
_TELLING_DIGITS = 7
_NUMBER_AT_THE_END = re.compile(rf"\d{{{_TELLING_DIGITS + 1},}}$", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The ids that were fetched, and whether they are all there are."""

    ids: tuple[int, ...]
    is_all: bool


def matches(text: str) -> ColumnElement[bool]:
    """Customers whose name, code, phone, WhatsApp, e-mail, username or device looks like `text`."""
    owners = select(Subscription.customer_id).where(Subscription.deleted_at.is_(None))
    of_customers = [select(Customer.id).where(one) for one in _of_customers(text)]
    return Customer.id.in_(union_all(*of_customers, *(owners.where(one) for one in _of_subscriptions(text))))


def find(session: Session, text: str, conditions: Sequence[ColumnElement[bool]], *, most: int) -> Found:
    """At most so many customers that fulfil the conditions and match, each arm stopping there by itself."""
    fitting = select(Customer.id).where(*conditions)
    owners = fitting.join(Subscription, Subscription.customer_id == Customer.id).where(
        Subscription.deleted_at.is_(None)
    )
    arms: list[Select[Any]] = [fitting.where(one) for one in _of_customers(text)]
    arms += [owners.where(one) for one in _of_subscriptions(text)]
    limited = union(*(select(arm.limit(most + 1).subquery().c.id) for arm in arms))
    ids = tuple(session.scalars(select(Customer.id).where(Customer.id.in_(limited))))
    return Found(ids=ids[:most], is_all=len(ids) <= most)


def walked(listed: Select[Any], text: str, *, most: int) -> Select[Any]:
    """The first ids of a list in its own order that match, looking at no more than `MOST_WALKED` of its rows.

    `listed` selects ids as `id` in that order, with the conditions of the list and where to go on.
    """
    part = listed.add_columns(search_text().label("searched")).limit(MOST_WALKED).subquery()
    services = [
        exists().where(Subscription.customer_id == part.c.id, Subscription.deleted_at.is_(None), one)
        for one in _of_subscriptions(text)
    ]
    return select(part.c.id).where(or_(*_looks_like(part.c.searched, text), *services)).limit(most)


def closest(session: Session, text: str, limit: int) -> list[Customer]:
    """Customers for the search box: the closest names first."""
    found = find(session, text, [Customer.deleted_at.is_(None)], most=MOST_COMPARED)
    if not found.ids:
        return []
    order: list[Any] = [func.similarity(Customer.name, text).desc(), Customer.name]
    statement = select(Customer).where(Customer.id.in_(found.ids)).order_by(*order).limit(limit)
    return list(session.scalars(statement))


def phone_digits(text: str) -> str | None:
    """The part of a phone number that every spelling of it shares, or None when `text` is no phone number.

    `0812…`, `+62812…` and `62 812-…` differ in their start only, so the leading zero or country code is left out.
    """
    digits = "".join(letter for letter in text if letter.isdigit())
    if len(digits) < 4 or any(letter.isalpha() for letter in text):
        return None
    return digits.removeprefix("62").removeprefix("0") if digits.startswith(("0", "62")) else digits


def telling_part(text: str) -> str:
    """The part of a text by which an index finds it fastest; the whole when no part is rarer.

    Every code begins alike, every number too, and the end of every address; the trigrams of those are in each row.
    """
    name, sign, _ = text.partition("@")
    if sign and len(name) >= 3:
        return telling_part(name)
    number = _NUMBER_AT_THE_END.search(text)
    return text if number is None else text[-_TELLING_DIGITS:]


def _of_customers(text: str) -> list[ColumnElement[bool]]:
    return _looks_like(search_text(), text)


def _looks_like(searched: ColumnElement[str], text: str) -> list[ColumnElement[bool]]:
    digits = phone_digits(text)
    spellings = [text] if digits is None or digits == text else [text, digits]
    return [_contains(searched, spelling) for spelling in spellings]


def _of_subscriptions(text: str) -> list[ColumnElement[bool]]:
    found = [_contains(Subscription.username, text), Subscription.subscription_code == text.upper()]
    mac = normalise_mac(text)
    if mac is not None:
        found.append(Subscription.id.in_(select(SubscriptionMac.subscription_id).where(SubscriptionMac.mac == mac)))
        running = RadAcct.acctstoptime.is_(None)
        in_use = select(RadAcct.subscription_id).where(running, func.upper(RadAcct.callingstationid) == mac)
        found.append(Subscription.id.in_(in_use))
    return found


def _contains(column: Any, text: str) -> ColumnElement[bool]:
    part = telling_part(text)
    by_index: ColumnElement[bool] = column.ilike("%" + escape_like(part) + "%")
    # The whole is looked for in a way that no index offers to answer: with it, the common beginning would be read too.
    return by_index if part == text else and_(by_index, func.strpos(func.lower(column), text.lower()) > 0)
