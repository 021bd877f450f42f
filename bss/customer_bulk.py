"""One action on one customer of many."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import customers, fields, plan_changes
from bss.actor import Actor
from bss.customers import tags
from bss.failure import Conflict, Invalid, Problem, require_known
from bss.outcome import Effect
from bss.rows import referenced
from db.models import ServicePlan
from db.queries.owned import OVER, owned_by
from domain.customer_jobs import BULK_ACTIONS

_NEEDS = {"add_tag": "tag", "remove_tag": "tag", "change_plan": "service_plan_id"}
_MAY_HAVE = {"suspend": {"reason"}, "inactive": {"reason"}, "disabled": {"reason"}, "blacklisted": {"reason"}}
_MAY_HAVE |= {"add_tag": {"tag", "color"}, "remove_tag": {"tag"}, "change_plan": {"service_plan_id"}}


def check(session: Session, *, actor: Actor, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an action, clean; raises `Invalid` before anybody is touched."""
    fields.one_of(action, field="action", allowed=BULK_ACTIONS)
    require_known(arguments, frozenset(_MAY_HAVE.get(action, set())))
    needed = _NEEDS.get(action)
    if needed is not None and not arguments.get(needed):
        raise Invalid(Problem(field=needed, reason="is missing", mend="fill it in"))
    if "service_plan_id" in arguments:
        referenced(session, ServicePlan, arguments["service_plan_id"], actor=actor, field="service_plan_id")
    words = {name: fields.text(arguments[name], field=name, longest=255) for name in ("reason", "color")
             if arguments.get(name)}  # fmt: skip
    if "tag" in arguments:
        words["tag"] = fields.text(arguments["tag"], field="tag", longest=50, required=True)
    return {name: value for name, value in arguments.items() if name == "service_plan_id"} | words


def act(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, action: str, arguments: Mapping[str, Any]
) -> Effect:
    """Do it to one customer; raises what the use-case raises."""
    one: dict[str, Any] = {"actor": actor, "now": now, "customer_id": customer_id}
    if action == "activate":
        return customers.activate(session, **one, with_subscriptions=True).effect
    if action == "delete":
        return customers.delete(session, **one).effect
    if action == "add_tag":
        tags.add(session, **one, tag=arguments["tag"], color=arguments.get("color"))
        return Effect()
    if action == "remove_tag":
        tags.remove(session, **one, tag=arguments["tag"])
        return Effect()
    if action == "change_plan":
        return _change_plan(session, actor, now, customer_id, arguments["service_plan_id"])
    status = "suspended" if action == "suspend" else action
    return customers.block(session, **one, status=status, reason=arguments.get("reason", "")).effect


def _change_plan(session: Session, actor: Actor, now: datetime, customer_id: int, plan_id: int) -> Effect:
    rows = [row for row in owned_by(session, [customer_id])[customer_id].rows if row.status not in OVER]
    if not rows:
        raise Conflict(Problem(field="", reason="has no subscription", mend="leave this customer out"))
    effect = Effect()
    for row in rows:
        if row.service_plan_id != plan_id:
            changed = plan_changes.change(
                session, actor=actor, now=now, subscription_id=row.id, service_plan_id=plan_id, prorated=False,
                waive_fee=True,
            )  # fmt: skip
            effect += changed.effect
    return effect
