"""Walled gardens: where customers end who would be refused for something that can be mended, one for each reason.

A garden holds from the next login on. Who is in one when it changes logs in again within its session time; who may not
be there any more is let out by a job within a minute.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Invalid, NotFound, Problem, raise_all, require_known
from db.models import WalledGarden
from db.queries.gardens import garden_of_reason
from domain.attributes import MAX_TEXT_BYTES
from domain.garden import ANY_REASON, GARDEN_REASONS
from domain.speed import MAX_KBPS

REASONS = (ANY_REASON, *GARDEN_REASONS)
EDITABLE = frozenset(
    {"address_list", "ip_pool", "download_kbps", "upload_kbps", "redirect_url", "session_timeout_s", "is_active"}
)
LEAST_SESSION_S, MOST_SESSION_S = 60, 604_800
_ADDRESS = re.compile(r"https?://[\x21-\x7e]+")
_DEFAULTS: Mapping[str, Any] = {
    "address_list": None,
    "ip_pool": None,
    "download_kbps": 512,
    "upload_kbps": 512,
    "redirect_url": None,
    "session_timeout_s": 3600,
    "is_active": True,
}


def put(session: Session, *, actor: Actor, now: datetime, reason: str, values: Mapping[str, Any]) -> WalledGarden:
    """Set the garden for a reason of `REASONS` ("*" for each without its own); what is left out stays or is the usual.

    It needs an address list or a pool: without one nothing keeps its guests from the internet.
    """
    require_known(values, EDITABLE)
    clean = {name: _CLEANERS[name](value) for name, value in values.items()}
    why = fields.one_of(reason, field="reason", allowed=REASONS)
    garden = garden_of_reason(session, tenant_id=actor.tenant_id, reason=why)
    if garden is None:
        garden = WalledGarden(tenant_id=actor.tenant_id, reason=why, **(dict(_DEFAULTS) | clean))
        _require_walls(garden)
        session.add(garden)
        session.flush()
        new = audit.snapshot(garden, sorted(EDITABLE))
        audit.record(session, actor=actor, now=now, action="garden.created", entity=garden, new={"reason": why} | new)
        return garden
    old, new = audit.set_fields(garden, clean)
    _require_walls(garden)
    if new:
        audit.record(session, actor=actor, now=now, action="garden.updated", entity=garden, old=old, new=new)
    session.flush()
    return garden


def remove(session: Session, *, actor: Actor, now: datetime, reason: str) -> None:
    """Refuse again who would have ended in this garden."""
    garden = garden_of_reason(session, tenant_id=actor.tenant_id, reason=reason)
    if garden is None:
        raise NotFound(Problem(field="reason", reason="there is no garden for this reason"))
    audit.record(
        session,
        actor=actor,
        now=now,
        action="garden.removed",
        entity=garden,
        old=audit.snapshot(garden, sorted(EDITABLE)) | {"reason": reason},
    )
    session.delete(garden)
    session.flush()


def _require_walls(garden: WalledGarden) -> None:
    mend = "write the address list or the pool that the router redirects"
    missing = Problem(field="address_list", reason="a garden needs an address list or a pool", mend=mend)
    raise_all([missing if garden.address_list is None and garden.ip_pool is None else None])


def _page(value: object) -> str | None:
    typed = fields.optional_text(value, field="redirect_url", longest=MAX_TEXT_BYTES)
    if typed is not None and not _ADDRESS.fullmatch(typed):
        mend = "write it like http://pay.example.net/"
        raise Invalid(Problem(field="redirect_url", reason="is not the address of a page", mend=mend))
    return typed


_CLEANERS: Mapping[str, Callable[[Any], Any]] = {
    "address_list": lambda value: fields.router_name(value, field="address_list"),
    "ip_pool": lambda value: fields.router_name(value, field="ip_pool"),
    "download_kbps": lambda value: fields.whole(value, field="download_kbps", least=1, most=MAX_KBPS),
    "upload_kbps": lambda value: fields.whole(value, field="upload_kbps", least=1, most=MAX_KBPS),
    "redirect_url": _page,
    "session_timeout_s": lambda value: fields.whole(
        value, field="session_timeout_s", least=LEAST_SESSION_S, most=MOST_SESSION_S
    ),
    "is_active": bool,
}
