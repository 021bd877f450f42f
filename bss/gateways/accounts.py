"""The provider's accounts at gateways: entered, changed, tested, taken out of use.

Keys go in and never come out; an empty key in a change keeps the one that is there.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem, flush_or_conflict, raise_all
from bss.gateways.opening import opened, secrets_of, write_down
from bss.rows import locked
from db.models import PaymentGateway
from db.queries.gateways import with_secrets
from domain.gateway import KINDS
from gateways import ABOUT, FIELDS, GatewayError, wrong_key
from gateways.registry import KEY_FORM, Field

_TAKEN = {"uq_payment_gateways_name": Problem(field="name", reason="is taken", mend="choose another")}
MOST_POSITION = 99


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    kind: str,
    name: str = "",
    is_production: bool = False,
    is_active: bool = True,
    position: int = 0,
    values: Mapping[str, Any],
) -> PaymentGateway:
    """Enter an account. `values` are what `gateways.FIELDS` names for its kind, keys among them."""
    fields.one_of(kind, field="kind", allowed=KINDS)
    settings, keys = _clean(kind, values, known={}, is_production=is_production)
    row = PaymentGateway(
        tenant_id=actor.tenant_id,
        kind=kind,
        name=fields.text(name or ABOUT[kind].name, field="name", longest=80, required=True),
        is_production=is_production,
        is_active=is_active,
        position=fields.whole(position, field="position", least=0, most=MOST_POSITION),
        settings=settings,
        secrets=json.dumps(keys),
        public_key=secrets.token_urlsafe(24),
    )
    session.add(row)
    flush_or_conflict(session, _TAKEN)
    new = {"kind": kind, "name": row.name, "is_production": is_production, "is_active": is_active, **settings}
    audit.record(session, actor=actor, now=now, action="gateway.created", entity=row, new=new)
    session.flush()
    return row


def change(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    gateway_id: int,
    version: int | None = None,
    name: str | None = None,
    is_production: bool | None = None,
    is_active: bool | None = None,
    position: int | None = None,
    values: Mapping[str, Any] | None = None,
) -> PaymentGateway:
    """Change what is given; a key that is empty or missing stays as it is."""
    row = locked(session, PaymentGateway, gateway_id, actor=actor, version=version)
    production = row.is_production if is_production is None else is_production
    wanted: dict[str, Any] = {"is_production": production}
    if name is not None:
        wanted["name"] = fields.text(name, field="name", longest=80, required=True)
    if is_active is not None:
        wanted["is_active"] = is_active
    if position is not None:
        wanted["position"] = fields.whole(position, field="position", least=0, most=MOST_POSITION)
    given = {**row.settings, **(values or {})}
    wanted["settings"], keys = _clean(row.kind, given, known=_known(session, row), is_production=production)
    old, new = audit.set_fields(row, wanted)
    if json.dumps(keys) != json.dumps(_known(session, row)):
        row.secrets = json.dumps(keys)
        old, new = {**old, "secret": ""}, {**new, "secret": ""}
    if not new:
        return row
    row.version += 1
    flush_or_conflict(session, _TAKEN)
    audit.record(session, actor=actor, now=now, action="gateway.updated", entity=row, old=old, new=new)
    session.flush()
    return row


def remove(session: Session, *, actor: Actor, now: datetime, gateway_id: int) -> PaymentGateway:
    """Take an account out of use. What was begun there is still watched, and its webhooks are still heard."""
    row = locked(session, PaymentGateway, gateway_id, actor=actor)
    row.is_active, row.deleted_at = False, now
    audit.record(session, actor=actor, now=now, action="gateway.deleted", entity=row, old={"name": row.name})
    session.flush()
    return row


def test(session: Session, *, actor: Actor, now: datetime, gateway_id: int) -> str:
    """Ask the gateway something harmless; returns what it said. Commits before it asks and after.

    Raises `Conflict` with the reason when the keys do not open the door or nobody answers.
    """
    there = opened(session, gateway_id, actor=actor)
    session.commit()
    problem, said = "", ""
    try:
        said = there.gateway.probe()
    except GatewayError as error:
        problem = str(error)
    row = locked(session, PaymentGateway, gateway_id, actor=actor)
    row.tested_at, row.problem = now, problem[:300]
    write_down(session, there)
    session.commit()
    if problem:
        raise Conflict(Problem(field="", reason=problem))
    return said


def _known(session: Session, row: PaymentGateway) -> dict[str, str]:
    found = with_secrets(session, row.id, tenant_id=row.tenant_id)
    try:
        return secrets_of(found) if found is not None else {}
    except Conflict:
        return {}


def _clean(
    kind: str, values: Mapping[str, Any], *, known: Mapping[str, str], is_production: bool
) -> tuple[dict[str, str], dict[str, str]]:
    wanted = {field.name: field for field in FIELDS[kind]}
    problems: list[Problem | None] = [
        Problem(field=name, reason="is nothing that this gateway is told") for name in values if name not in wanted
    ]
    settings: dict[str, str] = {}
    keys: dict[str, str] = {}
    for field in FIELDS[kind]:
        value, problem = _value(field, values.get(field.name), known)
        problems.append(problem)
        if value:
            (keys if field.is_secret else settings)[field.name] = value
    raise_all(problems)
    if wrong_key(kind, keys, is_production=is_production):
        reason = "is a key of the sandbox" if is_production else "is a key for real payments"
        mend = "use the key of the account that is meant, or change whether payments are real"
        raise Invalid(Problem(field=ABOUT[kind].main_key, reason=reason, mend=mend))
    return settings, keys


def _value(field: Field, given: Any, known: Mapping[str, str]) -> tuple[str, Problem | None]:
    try:
        value = fields.text("" if given is None else given, field=field.name, longest=field.longest)
    except Invalid as refusal:
        return "", refusal.problems[0]
    value = value or (known.get(field.name, "") if field.is_secret else "")
    if not value and field.is_required:
        return "", Problem(field=field.name, reason="is missing", mend="fill it in")
    if value and field.is_secret and KEY_FORM.fullmatch(value) is None:
        return "", Problem(field=field.name, reason="holds a character that no key has", mend="copy it again")
    return value, None
