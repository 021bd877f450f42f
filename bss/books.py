"""Booking: an entry for everything that happens to money, once for each event.

The caller has locked the customer, so that a balance is not read by one and changed by another. Decides nothing about
amounts: `domain.books` says which accounts an event touches.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.failure import Conflict, Problem
from db.engine import psycopg_of
from db.models import LedgerEntry
from db.queries.books import entry_of_event, postings_of, write_postings
from domain.books import REVERSAL, Postings, reversed_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What is booked. `key` names the event; of two with one key in a tenant, the second is refused."""

    kind: str
    key: str
    postings: Postings
    customer_id: int | None = None
    subscription_id: int | None = None
    balance_word: str | None = None
    reference_type: str = ""
    reference_id: int | None = None
    description: str = ""
    reverses_id: int | None = None


def book(session: Session, *, actor: Actor, now: datetime, event: Event) -> LedgerEntry:
    """Write the entry and its postings; raises `Conflict` when the event is booked already."""
    session.flush()
    if entry_of_event(session, tenant_id=actor.tenant_id, event_key=event.key) is not None:
        raise Conflict(Problem(field="", reason=f"{event.key} is booked already", mend="load it again"))
    entry = LedgerEntry(
        tenant_id=actor.tenant_id,
        kind=event.kind,
        event_key=event.key,
        occurred_at=now,
        customer_id=event.customer_id,
        subscription_id=event.subscription_id,
        balance_word=event.balance_word,
        reference_type=event.reference_type,
        reference_id=event.reference_id,
        reverses_id=event.reverses_id,
        description=event.description,
        actor_user_id=actor.user_id,
        actor_name=actor.name,
    )
    session.add(entry)
    session.flush()
    write_postings(psycopg_of(session), tenant_id=actor.tenant_id, entry_id=entry.id, postings=event.postings)
    return entry


def take_back(
    session: Session, *, actor: Actor, now: datetime, entry_id: int, description: str, balance_word: str | None = None
) -> LedgerEntry:
    """Book the reverse of an entry; raises `Conflict` when that was done already."""
    original = session.get_one(LedgerEntry, entry_id)
    postings = postings_of(psycopg_of(session), entry_id)
    event = Event(
        kind=REVERSAL,
        key=f"reversal:{entry_id}",
        postings=reversed_of(postings),
        customer_id=original.customer_id,
        subscription_id=original.subscription_id,
        balance_word=balance_word,
        reference_type=original.reference_type,
        reference_id=original.reference_id,
        description=description,
        reverses_id=entry_id,
    )
    return book(session, actor=actor, now=now, event=event)
