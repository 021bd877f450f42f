"""What a provider decides for all of its customers and subscriptions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import phonenumbers
from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem, require_known
from bss.rows import tenant_of
from db.engine import psycopg_of
from db.models import Tenant
from db.queries.names import colliding_names, fold_copies, fold_names
from db.queries.provider import has_amounts, has_subscriptions, store_settings, stored_settings
from db.queries.staff import lock_tenant
from domain.provider_settings import NAMES, ProviderSettings, problem_with, settings_from

# As many as one notice to the RADIUS servers can name.
STEP = 500
LOCALES = ("en", "id")
OF_THE_PROVIDER = frozenset({"name", "locale", "country_code", "timezone", "currency"})
# Kept with the settings: the provider has said who he is.
CONFIRMED = "is_confirmed"
EDITABLE = OF_THE_PROVIDER | frozenset(NAMES)


def set_usernames_ignore_case(session: Session, *, actor: Actor, now: datetime, ignore_case: bool) -> Tenant:
    """Let `Budi` and `budi` be one username, or two again; running sessions go on.

    When it is switched on every name is stored in lower case, which is not taken back when it is switched off. Raises
    `Conflict` while two subscriptions differ in case only.
    """
    tenant = lock_tenant(session, actor.tenant_id)
    if tenant is None:
        raise NotFound(Problem(field="", reason=f"there is no tenant {actor.tenant_id}", mend="run the set-up first"))
    if tenant.usernames_ignore_case == ignore_case:
        return tenant
    if ignore_case:
        _require_no_two_alike(session, tenant)
    old, new = audit.set_fields(tenant, {"usernames_ignore_case": ignore_case})
    # The option first: from its notice on names are looked up folded, so that nobody is refused in between.
    session.flush()
    if ignore_case:
        _fold_all(session, tenant, now)
    audit.record(session, actor=actor, now=now, action="tenant.updated", entity=tenant, old=old, new=new)
    session.flush()
    return tenant


def settings_of(session: Session, *, actor: Actor) -> ProviderSettings:
    """What the actor's provider has decided, with the defaults for the rest."""
    return settings_from(stored_settings(session, actor.tenant_id))


def change(session: Session, *, actor: Actor, now: datetime, changes: Mapping[str, Any]) -> ProviderSettings:
    """Change what is in `EDITABLE`; customers that are there already stay as they are."""
    require_known(changes, EDITABLE)
    tenant = lock_tenant(session, actor.tenant_id)
    if tenant is None:
        raise NotFound(Problem(field="", reason=f"there is no tenant {actor.tenant_id}", mend="run the set-up first"))
    own = {name: _own_field(name, changes[name]) for name in OF_THE_PROVIDER & {*changes}}
    if own.get("timezone", tenant.timezone) != tenant.timezone:
        _require_no_subscriptions(session, tenant)
    if own.get("currency", tenant.currency) != tenant.currency:
        _require_no_amounts(session, tenant)
    before = settings_of(session, actor=actor)
    wanted = {name: _setting(name, value) for name, value in changes.items() if name in NAMES}
    old, new = audit.set_fields(tenant, own)
    differing = {name: value for name, value in wanted.items() if getattr(before, name) != value}
    store_settings(session, tenant.id, differing)
    old, new = old | {name: getattr(before, name) for name in differing}, new | differing
    if new:
        audit.record(session, actor=actor, now=now, action="tenant.updated", entity=tenant, old=old, new=new)
    session.flush()
    return settings_of(session, actor=actor)


def confirm(session: Session, *, actor: Actor, now: datetime, changes: Mapping[str, Any]) -> ProviderSettings:
    """The same as `change`, and from now on the provider has said who he is (`is_confirmed`)."""
    settings = change(session, actor=actor, now=now, changes=changes)
    store_settings(session, actor.tenant_id, {CONFIRMED: True})
    return settings


def is_confirmed(session: Session, *, actor: Actor) -> bool:
    """Whether somebody has said who the provider is, rather than left what the installation began with."""
    return stored_settings(session, actor.tenant_id).get(CONFIRMED) is True


def _require_no_subscriptions(session: Session, tenant: Tenant) -> None:
    # Periods, days of usage and ends of terms were counted in the zone that it is.
    if has_subscriptions(session, tenant.id):
        reason = "is what days and periods of subscriptions were counted in"
        raise Conflict(Problem(field="timezone", reason=reason, mend="leave it as it is"))


def _require_no_amounts(session: Session, tenant: Tenant) -> None:
    # A number that was booked as rupiah is none of shillings.
    if has_amounts(session, tenant.id):
        reason = "is what invoices and payments are in"
        raise Conflict(Problem(field="currency", reason=reason, mend="leave it as it is"))


def _setting(name: str, value: Any) -> Any:
    clean = value.strip().upper() if isinstance(value, str) and name.endswith("_prefix") else value
    mend = problem_with(name, clean)
    if mend is not None:
        raise Invalid(Problem(field=name, reason="cannot be kept", mend=mend))
    return clean


def _own_field(name: str, value: Any) -> str:
    if name == "name":
        return fields.text(value, field="name", longest=150, required=True)
    if name == "locale":
        return fields.one_of(value, field="locale", allowed=LOCALES)
    if name == "timezone":
        return fields.timezone(value)
    if name == "currency":
        return fields.currency(value)
    known = str(value).isascii() and str(value).isdigit() and int(value) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    if not known:
        raise Invalid(Problem(field="country_code", reason="is no country's number", mend="62 is Indonesia's"))
    return str(value)


def own(session: Session, *, actor: Actor) -> Tenant:
    """The actor's own provider."""
    return tenant_of(session, actor=actor)


def _require_no_two_alike(session: Session, tenant: Tenant) -> None:
    session.flush()
    found = colliding_names(psycopg_of(session), tenant.id)
    if found is not None:
        one, other, count = found
        reason = f"{count} usernames are there in two spellings, such as {one} and {other}"
        mend = "rename one of each pair first"
        raise Conflict(Problem(field="usernames_ignore_case", reason=reason, mend=mend))


def _fold_all(session: Session, tenant: Tenant, now: datetime) -> None:
    connection = psycopg_of(session)
    while fold_names(connection, tenant_id=tenant.id, now=now, limit=STEP):
        continue
    fold_copies(connection, tenant_id=tenant.id)
    session.expire_all()
