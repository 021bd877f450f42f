"""A customer's photo and the picture of his identity card: one of each, drawn anew before it is kept.

Decides who may be shown what and that looking at an identity card is written down; refuses to keep what was uploaded.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.customers.record import audit_customer
from bss.failure import Invalid, NotFound, Problem
from bss.rows import find, locked
from db.models import Customer, CustomerPicture
from db.queries.customer_media import lock_picture, picture_of
from domain.customer_media import ID_CARD, LONGEST_SIDE, PHOTO, THUMBNAIL_SIDE
from paper.picture import BadPicture, Photo, photo

_WORDS = {PHOTO: "photo", ID_CARD: "picture of the identity card"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A JPEG for one answer. `repr()` never shows it."""

    content: bytes
    changed_at: datetime

    def __repr__(self) -> str:
        return "Picture(content=…)"


def put(session: Session, *, actor: Actor, now: datetime, customer_id: int, kind: str, upload: bytes) -> Customer:
    """Keep a picture in the place of the one before. Raises `Invalid` when it is none, or too large."""
    customer = locked(session, Customer, customer_id, actor=actor)
    drawn = _drawn(kind, upload)
    row = lock_picture(session, customer.id, kind)
    action = "added" if row is None else "replaced"
    if row is None:
        row = CustomerPicture(tenant_id=customer.tenant_id, customer_id=customer.id, kind=kind)
        session.add(row)
    row.content, row.thumbnail, row.width, row.height = drawn.content, drawn.thumbnail, drawn.width, drawn.height
    row.updated_at = now
    session.flush()
    audit_customer(session, actor, now, f"customer.{kind}_{action}", customer, new={"bytes": len(drawn.content)})
    return customer


def remove(session: Session, *, actor: Actor, now: datetime, customer_id: int, kind: str) -> Customer:
    """Take a picture away; raises `NotFound` where there is none."""
    customer = locked(session, Customer, customer_id, actor=actor)
    row = lock_picture(session, customer.id, kind)
    if row is None:
        raise _none(kind)
    session.delete(row)
    session.flush()
    audit_customer(session, actor, now, f"customer.{kind}_removed", customer)
    return customer


def photo_of(session: Session, *, actor: Actor, customer_id: int, is_small: bool = False) -> Picture:
    """The photo, or its thumbnail; raises `NotFound` where there is none."""
    customer = find(session, Customer, customer_id, actor=actor)
    row = picture_of(session, customer.id, PHOTO)
    if row is None:
        raise _none(PHOTO)
    small = row.thumbnail if is_small else None
    return Picture(content=small or row.content, changed_at=row.updated_at)


def id_card_of(session: Session, *, actor: Actor, now: datetime, customer_id: int) -> Picture:
    """The picture of the identity card; the audit log keeps who looked. The caller commits before he shows it."""
    customer = find(session, Customer, customer_id, actor=actor)
    row = picture_of(session, customer.id, ID_CARD)
    if row is None:
        raise _none(ID_CARD)
    audit.record(
        session, actor=actor, now=now, action="customer.id_card_picture_shown", entity=customer, customer_id=customer.id
    )
    session.flush()
    return Picture(content=row.content, changed_at=row.updated_at)


def _drawn(kind: str, upload: bytes) -> Photo:
    thumbnail = THUMBNAIL_SIDE if kind == PHOTO else None
    try:
        return photo(upload, longest=LONGEST_SIDE[kind], thumbnail=thumbnail)
    except BadPicture as error:
        mend = "use a PNG, JPEG or WebP picture"
        raise Invalid(Problem(field="file", reason=str(error), mend=mend)) from None


def _none(kind: str) -> NotFound:
    return NotFound(Problem(field="", reason=f"there is no {_WORDS[kind]}"))
