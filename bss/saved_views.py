"""Views of lists: kept under a name, shared, removed; and that a list was taken away as a file.

A view is a part of an address and no rule: what it shows is asked again each time, for whoever looks.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Invalid, NotFound, Problem
from bss.rows import find, tenant_of
from db.models import SavedView
from db.queries import saved_views as queries

MOST_VIEWS, LONGEST_NAME, LONGEST_QUERY = 30, 60, 1000


def save(
    session: Session, *, actor: Actor, now: datetime, list_key: str, name: str, query: str, is_shared: bool = False
) -> SavedView:
    """Keep a view of a list under a name; one's own view of that name is replaced.

    Raises `Invalid` without a name, for an address that is too long, and when somebody keeps very many already.
    """
    name = fields.text(name, field="name", longest=LONGEST_NAME, required=True)
    query = fields.text(query, field="query", longest=LONGEST_QUERY)
    user_id = _member(actor)
    view = queries.view_named(session, user_id=user_id, list_key=list_key, name=name)
    if view is None and queries.count_of(session, user_id=user_id, list_key=list_key) >= MOST_VIEWS:
        raise Invalid(Problem(field="name", reason=f"would be more than {MOST_VIEWS} views", mend="remove one first"))
    if view is None:
        view = SavedView(tenant_id=actor.tenant_id, user_id=user_id, list_key=list_key, name=name)
        session.add(view)
    was_shared = bool(view.is_shared)
    view.query, view.is_shared = query, bool(is_shared)
    session.flush()
    if view.is_shared or was_shared:
        new = {"list": list_key, "name": name, "query": query, "is_shared": view.is_shared}
        audit.record(session, actor=actor, now=now, action="view.shared", entity=view, new=new)
    return view


def remove(session: Session, *, actor: Actor, now: datetime, view_id: int, may_others: bool = False) -> SavedView:
    """Forget a view: one's own, or with `may_others` one that somebody shares."""
    view = find(session, SavedView, view_id, actor=actor)
    if view.user_id != actor.user_id and not view.is_shared:
        raise NotFound(Problem(field="", reason="there is no such view"))
    if view.user_id != actor.user_id and not may_others:
        raise Invalid(Problem(field="", reason="is somebody else's", mend="ask him to remove it"))
    if view.is_shared:
        old = {"list": view.list_key, "name": view.name, "query": view.query}
        audit.record(session, actor=actor, now=now, action="view.removed", entity=view, old=old)
    session.delete(view)
    session.flush()
    return view


def choose_columns(session: Session, *, actor: Actor, now: datetime, list_key: str, columns: Sequence[str]) -> None:
    """Remember which columns of a list somebody looks at."""
    del now
    queries.keep_columns(session, user_id=_member(actor), list_key=list_key, columns=list(columns)[:50])
    session.flush()


def taken_away(session: Session, *, actor: Actor, now: datetime, list_key: str, query: str, as_what: str) -> None:
    """Write into the audit log that a list leaves as a file."""
    new = {"list": list_key, "query": query[:LONGEST_QUERY], "format": as_what}
    tenant = tenant_of(session, actor=actor)
    audit.record(session, actor=actor, now=now, action="list.exported", entity=tenant, new=new)
    session.flush()


def _member(actor: Actor) -> int:
    if actor.user_id is None:
        raise Invalid(Problem(field="", reason="views belong to members of staff", mend="sign in as one"))
    return actor.user_id
