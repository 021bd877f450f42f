"""What a provider decides for all of its subscriptions: whether upper and lower case of a username count."""

from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.failure import Conflict, NotFound, Problem
from bss.rows import tenant_of
from db.engine import psycopg_of
from db.models import Tenant
from db.queries.names import colliding_names, fold_copies, fold_names
from db.queries.staff import lock_tenant

# As many as one notice to the RADIUS servers can name.
STEP = 500


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
