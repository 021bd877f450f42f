"""What a provider's paper says about it: address, bank account, logo, and how its hotspot is reached.

Decides what may stand there; a logo is drawn anew before it is kept, and what is no picture never gets in.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Invalid, Problem, require_known
from bss.rows import tenant_of
from db.models import Letterhead
from paper import documents
from paper.picture import BadPicture, logo, unwrapped

# The longest of each, and whether it may have several lines.
_TEXTS = {
    "address": (400, True),
    "contact": (200, True),
    "tax_id": (50, False),
    "bank": (400, True),
    "footer": (400, True),
    "voucher_note": (90, False),
}
EDITABLE = frozenset(_TEXTS) | {"logo", "hotspot_login_url"}
MAX_URL = 200


def letterhead_of(session: Session, *, actor: Actor) -> Letterhead:
    """The provider's; an empty one before the first is written."""
    found = session.get(Letterhead, actor.tenant_id)
    return Letterhead(**dict.fromkeys(EDITABLE, "")) if found is None else found


def change(session: Session, *, actor: Actor, now: datetime, changes: Mapping[str, Any]) -> Letterhead:
    """Change fields of `EDITABLE`; empty text takes one off. `logo`: a picture as base64 or a `data:` address."""
    require_known(changes, EDITABLE)
    tenant = tenant_of(session, actor=actor)
    row = session.get(Letterhead, tenant.id, with_for_update=True)
    if row is None:
        row = Letterhead(tenant_id=tenant.id, **dict.fromkeys(EDITABLE, ""))
        session.add(row)
    old, new = audit.set_fields(row, {name: _clean(name, value) for name, value in changes.items()})
    if new:
        audit.record(
            session, actor=actor, now=now, action="letterhead.changed", entity=tenant, old=_said(old), new=_said(new)
        )
    session.flush()
    return row


def on_paper(session: Session, *, actor: Actor) -> documents.Letterhead:
    """The same as it is printed."""
    row = letterhead_of(session, actor=actor)
    return documents.Letterhead(
        name=tenant_of(session, actor=actor).name, address=row.address, contact=row.contact, tax_id=row.tax_id,
        bank=row.bank, footer=row.footer, logo=row.logo,
    )  # fmt: skip


def login_address(hotspot_login_url: str, code: str) -> str:
    """The address that logs in with a code at the hotspot; a code is its own password."""
    joint = "&" if urlsplit(hotspot_login_url).query else "?"
    return f"{hotspot_login_url}{joint}{urlencode({'username': code, 'password': code})}"


def _clean(name: str, value: Any) -> str:
    if name == "logo":
        return _logo(value)
    if name == "hotspot_login_url":
        return _address(value)
    longest, lines = _TEXTS[name]
    return fields.text(value, field=name, longest=longest, lines=lines).replace("\r\n", "\n")


def _logo(value: Any) -> str:
    if not value:
        return ""
    if not isinstance(value, str | bytes):
        raise Invalid(Problem(field="logo", reason="must be text"))
    try:
        return logo(value if isinstance(value, bytes) else unwrapped(value))
    except BadPicture as error:
        mend = "use a PNG, JPEG or WebP picture"
        raise Invalid(Problem(field="logo", reason=str(error), mend=mend)) from None


def _address(value: Any) -> str:
    url = fields.text(value, field="hotspot_login_url", longest=MAX_URL)
    if not url:
        return ""
    parts = _split(url)
    if parts is None or not url.isascii() or not url.isprintable() or " " in url:
        mend = "write it like http://wifi.example.net/login"
        raise Invalid(Problem(field="hotspot_login_url", reason="is not the address of a page", mend=mend))
    return url


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname and not parts.fragment else None


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """A picture is too large for the audit log."""
    return {name: bool(value) if name == "logo" else value for name, value in values.items()}
