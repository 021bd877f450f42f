"""Certificates that were issued: the list, one by serial or name, and all that are revoked."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import IssuedCertificate
from db.queries.paging import Page, Wanted, fetch_page
from db.queries.panel.customers import escape_like

CERTIFICATE_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType(
    {"created_at": IssuedCertificate.created_at, "valid_until": IssuedCertificate.valid_until}
)


def page_of_certificates(
    session: Session, *, tenant_id: int, search: str | None, revoked: bool | None, wanted: Wanted
) -> Page[IssuedCertificate]:
    """A provider's certificates."""
    query = select(IssuedCertificate).where(IssuedCertificate.tenant_id == tenant_id)
    if search:
        found = IssuedCertificate.name.ilike(f"%{escape_like(search)}%")
        query = query.where(or_(found, IssuedCertificate.serial == search.lower()))
    if revoked is not None:
        query = query.where(
            IssuedCertificate.revoked_at.is_not(None) if revoked else IssuedCertificate.revoked_at.is_(None)
        )
    return fetch_page(session, query, sorts=CERTIFICATE_SORTS, row_id=IssuedCertificate.id, wanted=wanted)


def valid_certificates_called(
    session: Session, text: str, *, tenant_id: int, now: datetime, limit: int
) -> list[IssuedCertificate]:
    """Those with that serial or name that are neither revoked nor over, at most `limit`."""
    query = select(IssuedCertificate).where(
        IssuedCertificate.tenant_id == tenant_id,
        IssuedCertificate.revoked_at.is_(None),
        IssuedCertificate.valid_until > now,
        or_(IssuedCertificate.serial == text.lower(), IssuedCertificate.name == text),
    )
    return list(session.scalars(query.order_by(IssuedCertificate.id).limit(limit)))


def revoked_serials(session: Session, *, kind: str, now: datetime) -> dict[str, datetime]:
    """Every revoked certificate of a kind that would be good still, of all providers, with the time it was revoked."""
    query = select(IssuedCertificate.serial, IssuedCertificate.revoked_at).where(
        IssuedCertificate.kind == kind, IssuedCertificate.revoked_at.is_not(None), IssuedCertificate.valid_until > now
    )
    # Lists of one authority hold all providers, whoever asks: so not through the filter of the session's tenant.
    rows = session.connection().execute(query).all()
    return {serial: since for serial, since in rows if since is not None}
