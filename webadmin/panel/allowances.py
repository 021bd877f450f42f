"""What a subscription may still use: its own allowances, top-ups, and the families that share one."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import families, quotas, topups
from db.models import Family, Subscription
from db.queries.allowances import (
    family_members,
    family_quotas,
    members_by_family,
    own_quotas,
    page_of_families,
)
from db.queries.named import subscription_named
from db.queries.paging import Wanted
from db.queries.panel import network
from db.queries.rows import find_row
from webadmin.forms.allowances import (
    MAX_QUOTAS,
    FamilyForm,
    MemberForm,
    QuotasForm,
    TopupForm,
    edits_list,
    quotas_of,
)
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    act,
    attempt,
    db,
    effect_of,
    followed_ids,
    found,
    page_number,
    render,
    tenant,
    with_follow,
    zone,
)
from webadmin.permissions import requires

blueprint = Blueprint("allowances", __name__)


@blueprint.route("/subscriptions/<int:subscription_id>/topup", methods=["GET", "POST"])
@requires("edit_time_limit")
def topup(subscription_id: int) -> ResponseReturnValue:
    """More volume or time."""
    subscription, form = _subscription(subscription_id), TopupForm()
    back = _page(subscription)
    if form.validate_on_submit():
        done = attempt(form, topups.add, subscription_id=subscription_id, **form.values(zone()))
        if done is not None:
            flash(gettext("Topped up."), "success")
            return redirect(with_follow(back, effect_of(done)), 303)
    name, status = _subscription(subscription_id).username, 422 if form.is_submitted() else 200
    return render("panel/allowances/topup.html", status, name=name, form=form, back=back)


@blueprint.post("/subscriptions/<int:subscription_id>/topups/<int:topup_id>/remove")
@requires("edit_time_limit")
def remove_topup(subscription_id: int, topup_id: int) -> ResponseReturnValue:
    """Take a top-up back."""
    back = _page(_subscription(subscription_id))
    message = gettext("The top-up was taken back.")
    return act(back, message, topups.remove, subscription_id=subscription_id, topup_id=topup_id)


@blueprint.route("/subscriptions/<int:subscription_id>/allowances", methods=["GET", "POST"])
@requires("edit_time_limit")
def own(subscription_id: int) -> ResponseReturnValue:
    """Allowances instead of the plan's."""
    subscription = _subscription(subscription_id)
    form = QuotasForm() if request.method == "POST" else QuotasForm(data={"quotas": own_quotas(db(), subscription_id)})
    is_edited = edits_list(form.quotas, request.form, most=MAX_QUOTAS)
    if not is_edited and form.validate_on_submit():
        given = {"quotas": quotas_of(form.quotas)}
        done = attempt(form, quotas.set_own, subscription_id=subscription_id, **given)
        if done is not None:
            flash(gettext("Allowances saved."), "success")
            return redirect(with_follow(_page(subscription), effect_of(done)), 303)
        subscription = _subscription(subscription_id)
    status = 422 if form.is_submitted() and not is_edited else 200
    return render("panel/allowances/own.html", status, form=form, subscription=subscription, back=_page(subscription))


@blueprint.get("/families")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """All families."""
    wanted = Wanted(sort="name", page=page_number(), page_size=PAGE_SIZE)
    rows = page_of_families(db(), tenant_id=tenant().id, search=request.args.get("q") or None, wanted=wanted)
    counts = members_by_family(db(), [family.id for family in rows.items])
    page = Page(number=page_number(), size=PAGE_SIZE, total=rows.total_items)
    return render("panel/allowances/families.html", rows=rows.items, counts=counts, page=page)


@blueprint.route("/families/new", methods=["GET", "POST"])
@requires("edit_time_limit")
def new() -> ResponseReturnValue:
    """A family without members."""
    form = FamilyForm()
    is_edited = edits_list(form.quotas, request.form, most=MAX_QUOTAS)
    if not is_edited and form.validate_on_submit():
        given = {"name": form.name.data, "quotas": quotas_of(form.quotas)}
        family = attempt(form, families.create, **given)
        if family is not None:
            flash(gettext("%(name)s was added.", name=family.name), "success")
            return redirect(url_for("panel.allowances.family", family_id=family.id), 303)
    return _family_page(form, None, is_edited=is_edited)


@blueprint.get("/families/<int:family_id>")
@requires("view_customers")
def family(family_id: int) -> ResponseReturnValue:
    """A family: its allowances and its members."""
    row = _family(family_id)
    shown = {"name": row.name, "quotas": family_quotas(db(), row.id)}
    return _family_page(FamilyForm(data=shown), row)


@blueprint.post("/families/<int:family_id>/save")
@requires("edit_time_limit")
def save(family_id: int) -> ResponseReturnValue:
    """Save a family; members who are online follow at once."""
    form = FamilyForm()
    is_edited = edits_list(form.quotas, request.form, most=MAX_QUOTAS)
    if not is_edited and form.validate_on_submit():
        changes = {"name": form.name.data, "quotas": quotas_of(form.quotas)}
        done = attempt(form, families.edit, family_id=family_id, changes=changes)
        if done is not None:
            flash(gettext("Saved."), "success")
            return redirect(with_follow(url_for("panel.allowances.family", family_id=family_id), done.effect), 303)
    return _family_page(form, _family(family_id), is_edited=is_edited)


@blueprint.post("/families/<int:family_id>/members")
@requires("edit_time_limit")
def join(family_id: int) -> ResponseReturnValue:
    """Let a subscription share the family's allowances."""
    back, form = url_for("panel.allowances.family", family_id=_family(family_id).id), MemberForm()
    member = subscription_named(db(), (form.member.data or "").strip(), tenant_id=tenant().id)
    if member is None:
        flash(gettext("There is no subscription with this username or code."), "error")
        return redirect(back, 303)
    message = gettext("%(name)s is in the family now.", name=member.username)
    return act(back, message, families.add_member, family_id=family_id, subscription_id=member.id)


@blueprint.post("/families/<int:family_id>/members/<int:subscription_id>/remove")
@requires("edit_time_limit")
def leave(family_id: int, subscription_id: int) -> ResponseReturnValue:
    """Take a subscription out of the family."""
    back = url_for("panel.allowances.family", family_id=family_id)
    message = gettext("It is not in the family any more.")
    return act(back, message, families.remove_member, family_id=family_id, subscription_id=subscription_id)


@blueprint.post("/families/<int:family_id>/delete")
@requires("edit_time_limit")
def delete(family_id: int) -> ResponseReturnValue:
    """Remove a family that nobody is in."""
    message = gettext("The family was removed.")
    return act(url_for("panel.allowances.index"), message, families.delete, family_id=family_id)


def _family_page(form: FamilyForm, row: Family | None, *, is_edited: bool = False) -> ResponseReturnValue:
    ids = followed_ids(request.args.get("follow"))
    return render(
        "panel/allowances/family.html",
        422 if form.is_submitted() and not is_edited else 200,
        form=form,
        family=row,
        members=[] if row is None else family_members(db(), row.id),
        joining=MemberForm(formdata=None),
        follow=network.changes_by_id(db(), ids) if ids else [],
    )


def _family(family_id: int) -> Family:
    return found(find_row(db(), Family, family_id, tenant_id=tenant().id))


def _subscription(subscription_id: int) -> Subscription:
    return found(find_row(db(), Subscription, subscription_id, tenant_id=tenant().id))


def _page(subscription: Subscription) -> str:
    return url_for("panel.customers.show", customer_id=subscription.customer_id, subscription=subscription.id)
