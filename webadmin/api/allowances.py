"""Allowances, top-ups and families over HTTP."""

from typing import Any

from bss import families, quotas, topups
from bss.network import profile_of
from bss.outcome import Effect
from bss.rows import find
from db.models import Family, Subscription
from db.queries.allowances import family_members, family_quotas, members_by_family, page_of_families, topups_of
from domain.access import hours_end_at, window_now
from domain.standing import standings
from webadmin import database, security
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_list, as_result, page_of, tenant_id, wanted_part
from webadmin.api.schemas import allowances as shapes

blueprint = Blueprint("allowances", __name__, url_prefix=PREFIX, description="Allowances, top-ups and families")


@blueprint.route("/subscriptions/<int:subscription_id>/allowances")
@blueprint.needs("view_customers")
@blueprint.response(200, shapes.AllowancesOut)
def get_allowances(subscription_id: int) -> dict[str, Any]:
    """What a subscription may still use, its top-ups, and the hours that are open"""
    row = find(database.session(), Subscription, subscription_id, actor=actor())
    profile, now = profile_of(database.session(), row.id), security.now()
    window = window_now(profile, now)
    position = None if window is None else profile.windows.index(window)
    return {
        "items": standings(profile, now),
        "topups": topups_of(database.session(), row.id),
        "open_window": None if position is None else row.plan.time_windows[position],
        "hours_end_at": None if position is None else hours_end_at(profile, now),
        "family_id": row.family_id,
    }


@blueprint.route("/subscriptions/<int:subscription_id>/quotas", methods=["POST"])
@blueprint.needs("edit_time_limit")
@blueprint.arguments(shapes.QuotasIn)
@blueprint.response(200, schemas.SubscriptionResult)
def set_quotas(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Give it allowances instead of its plan's of the same kind and period; sessions follow at once"""
    changed = quotas.set_own(**acting(), subscription_id=subscription_id, **body)
    database.commit(changed.effect)
    return as_result("Allowances changed", changed.effect, subscription=changed.row)


@blueprint.route("/subscriptions/<int:subscription_id>/topups", methods=["POST"])
@blueprint.needs("edit_time_limit")
@blueprint.arguments(shapes.TopupIn)
@blueprint.response(201, shapes.TopupResult)
def add_topup(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Top it up; who was stopped or slowed for want of it is free at once"""
    changed = topups.add(**acting(), subscription_id=subscription_id, **body)
    database.commit(changed.effect)
    return as_result("Topped up", changed.effect, topup=changed.row)


@blueprint.route("/subscriptions/<int:subscription_id>/topups/<int:topup_id>", methods=["DELETE"])
@blueprint.needs("edit_time_limit")
@blueprint.response(200, schemas.SubscriptionResult)
def remove_topup(subscription_id: int, topup_id: int) -> dict[str, Any]:
    """Take a top-up back"""
    changed = topups.remove(**acting(), subscription_id=subscription_id, topup_id=topup_id)
    database.commit(changed.effect)
    return as_result("Top-up removed", changed.effect, subscription=changed.row)


@blueprint.route("/families")
@blueprint.needs("view_customers")
@blueprint.arguments(shapes.FamilyQuery, location="query")
@blueprint.response(200, shapes.FamilyList)
def list_families(arguments: dict[str, Any]) -> dict[str, Any]:
    """List families"""
    wanted, search = wanted_part(arguments), arguments.get("search")
    page = page_of(lambda: page_of_families(database.session(), tenant_id=tenant_id(), search=search, wanted=wanted))
    counts = members_by_family(database.session(), [family.id for family in page.items])
    for family in page.items:
        _dress(family, counts.get(family.id, 0))
    return as_list(page)


@blueprint.route("/families", methods=["POST"])
@blueprint.needs("edit_time_limit")
@blueprint.arguments(shapes.FamilyIn)
@blueprint.response(201, shapes.FamilyDetail)
def create_family(body: dict[str, Any]) -> Any:
    """Add a family; members are put in one by one"""
    family = families.create(**acting(), **body)
    database.commit()
    return _detail(family)


@blueprint.route("/families/<int:family_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, shapes.FamilyDetail)
def get_family(family_id: int) -> Any:
    """One family with its members"""
    return _detail(find(database.session(), Family, family_id, actor=actor()))


@blueprint.route("/families/<int:family_id>", methods=["PATCH"])
@blueprint.needs("edit_time_limit")
@blueprint.arguments(shapes.FamilyPatch)
@blueprint.response(200, shapes.FamilyResult)
def edit_family(body: dict[str, Any], family_id: int) -> dict[str, Any]:
    """Rename a family, or replace its allowances; members who are online follow at once"""
    changed = families.edit(**acting(), family_id=family_id, changes=body)
    return _done("Saved", changed.effect, changed.row)


@blueprint.route("/families/<int:family_id>", methods=["DELETE"])
@blueprint.needs("edit_time_limit")
@blueprint.response(204)
def delete_family(family_id: int) -> None:
    """Remove a family that nobody is in"""
    families.delete(**acting(), family_id=family_id)
    database.commit()


@blueprint.route("/families/<int:family_id>/members", methods=["POST"])
@blueprint.needs("edit_time_limit")
@blueprint.arguments(shapes.MemberIn)
@blueprint.response(200, shapes.FamilyResult)
def add_member(body: dict[str, Any], family_id: int) -> dict[str, Any]:
    """Let a subscription share the family's allowances"""
    changed = families.add_member(**acting(), family_id=family_id, **body)
    return _done("Added", changed.effect, _family(family_id))


@blueprint.route("/families/<int:family_id>/members/<int:subscription_id>", methods=["DELETE"])
@blueprint.needs("edit_time_limit")
@blueprint.response(200, shapes.FamilyResult)
def remove_member(family_id: int, subscription_id: int) -> dict[str, Any]:
    """Take a subscription out of the family"""
    # To an operator's staff a family without a member of theirs is not there any more, so it is read before.
    family = _family(family_id)
    changed = families.remove_member(**acting(), family_id=family_id, subscription_id=subscription_id)
    return _done("Taken out", changed.effect, family)


def _family(family_id: int) -> Family:
    return find(database.session(), Family, family_id, actor=actor())


def _done(what: str, effect: Effect, family: Family) -> dict[str, Any]:
    database.commit(effect)
    return as_result(what, effect, family=_detail(family))


def _dress(family: Any, members: int) -> Any:
    family.members, family.quotas = members, family_quotas(database.session(), family.id)
    return family


def _detail(family: Any) -> Any:
    family.member_list = family_members(database.session(), family.id)
    return _dress(family, len(family.member_list))
