"""Tags: words on customers, in a colour."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem, flush_or_conflict
from bss.rows import locked
from db.models import Customer, CustomerTag
from db.queries.customers import colour_of_tag, tag_of, tags_of
from domain.customer_record import DEFAULT_COLOUR, colour

MAX_TAGS = 50
_HAS_IT = Problem(field="tag", reason="is on this customer already", mend="choose another")


def add(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, tag: str, color: str | None = None
) -> CustomerTag:
    """Put a tag on a customer; one that he has already, in whatever case, is a `Conflict`."""
    customer = locked(session, Customer, customer_id, actor=actor)
    return put(session, actor=actor, now=now, customer=customer, tag={"name": tag, "color": color})


def put(session: Session, *, actor: Actor, now: datetime, customer: Customer, tag: Any) -> CustomerTag:
    """The same for a customer that is locked or new; `tag` is a name, or a mapping of `name` and `color`."""
    name, given = _parts(tag)
    if tag_of(session, customer.id, name) is not None:
        raise Conflict(_HAS_IT)
    if len(tags_of(session, [customer.id]).get(customer.id, ())) >= MAX_TAGS:
        raise Conflict(Problem(field="tag", reason=f"has {MAX_TAGS} tags already", mend="take one away first"))
    row = CustomerTag(
        tenant_id=customer.tenant_id,
        customer_id=customer.id,
        tag=name,
        color=given or colour_of_tag(session, name, tenant_id=customer.tenant_id) or DEFAULT_COLOUR,
    )
    session.add(row)
    flush_or_conflict(session, {"uq_customer_tags_tag": _HAS_IT})
    _record(session, actor, now, "customer.tag_added", customer, {"tag": row.tag, "color": row.color})
    return row


def remove(session: Session, *, actor: Actor, now: datetime, customer_id: int, tag: str) -> None:
    """Take a tag away, by its name in whatever case."""
    customer = locked(session, Customer, customer_id, actor=actor)
    row = tag_of(session, customer.id, " ".join(tag.split()))
    if row is None:
        raise NotFound(Problem(field="tag", reason="is not on this customer"))
    session.delete(row)
    session.flush()
    _record(session, actor, now, "customer.tag_removed", customer, {"tag": row.tag})


def _parts(tag: Any) -> tuple[str, str | None]:
    name, given = (tag.get("name") or tag.get("tag"), tag.get("color")) if isinstance(tag, Mapping) else (tag, None)
    clean = " ".join(fields.text(name, field="tags", longest=50, required=True).split())
    if "," in clean:
        raise Invalid(Problem(field="tags", reason="contains a comma", mend="give each tag by itself"))
    if given is None or given == "":
        return clean, None
    shade = colour(given) if isinstance(given, str) else None
    if shade is None:
        raise Invalid(Problem(field="color", reason="is not a colour", mend="use #007bff or a word like blue"))
    return clean, shade


def _record(
    session: Session, actor: Actor, now: datetime, action: str, customer: Customer, values: Mapping[str, Any]
) -> None:
    old, new = (values, None) if action.endswith("removed") else (None, values)
    audit.record(
        session, actor=actor, now=now, action=action, entity=customer, customer_id=customer.id, old=old, new=new
    )
