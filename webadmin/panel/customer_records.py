"""A customer's record page: everything known about him, and what belongs to him besides the subscriptions."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from bss import customers as use
from bss import early_ending, reveal, transfers
from bss.actor import Actor
from bss.customers import contacts, equipment, tags
from bss.failure import Invalid, Problem
from bss.outcome import Changed
from db.models import Customer, CustomerEquipment
from db.queries import customers as reads
from db.queries.customer_media import kinds_of_pictures
from db.queries.named import customer_named
from db.queries.operators import operator_choices, operator_names, transfers_of
from db.queries.owned import owned_by
from db.queries.referrals import rewards_of
from db.queries.rows import find_row
from webadmin.forms import customer_records as forms
from webadmin.forms.customers import ConfirmForm, EndForm
from webadmin.panel.subscriptions.questions import Question, breach_of, contract_words, offer_fee, sentence, waives
from webadmin.panel.support import act, attempt, db, effect_of, found, render, run, tenant, with_follow
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import current_actor, may

blueprint = Blueprint("customer_records", __name__)


@blueprint.get("/customers/<int:customer_id>/record")
@requires("view_customers")
def show(customer_id: int) -> ResponseReturnValue:
    """The whole record."""
    customer = _customer(customer_id)
    return _page(customer)


def _page(customer: Customer, status: int = 200, **forms_shown: Any) -> ResponseReturnValue:
    session, head = db(), customer.parent_customer_id
    by = customer.referred_by_id
    values: dict[str, Any] = {
        "customer": customer,
        "pictures": kinds_of_pictures(session, [customer.id])[customer.id],
        "tags": reads.tags_of(session, [customer.id]).get(customer.id, []),
        "contacts": reads.contacts_of(session, customer.id),
        "equipment": reads.equipment_of(session, customer.id),
        "services": {row.id: row.username for row in owned_by(session, [customer.id])[customer.id].rows},
        "parent": None if head is None else reads.customer_by_id(session, head),
        "members": reads.children_of(session, head or customer.id),
        "referred_by": None if by is None else reads.customer_by_id(session, by),
        "referred": reads.referred_by(session, customer.id),
        "rewards": {row.referred_id: row for row in reversed(rewards_of(session, customer.id))}
        if may("view_money")
        else {},
        "operators": operator_names(session, tenant().id),
        "transfers": transfers_of(session, tenant().id, customer_id=customer.id) if may("change_operator") else [],
        "tag_form": forms.TagForm(formdata=None),
        "contact_form": forms.ContactForm(formdata=None),
        "family_form": forms.FamilyForm(formdata=None),
    }
    return render("panel/customers/record.html", status, **(values | forms_shown))


@blueprint.post("/customers/<int:customer_id>/tags")
@requires("edit_customers")
def add_tag(customer_id: int) -> ResponseReturnValue:
    """Put a tag on."""
    form = forms.TagForm()
    given = {"tag": form.tag.data or "", "color": form.color.data or None}
    if form.validate_on_submit() and attempt(form, tags.add, customer_id=customer_id, **given) is not None:
        return redirect(_url(customer_id), 303)
    return _page(_customer(customer_id), 422, tag_form=form)


@blueprint.post("/customers/<int:customer_id>/tags/remove")
@requires("edit_customers")
def remove_tag(customer_id: int) -> ResponseReturnValue:
    """Take a tag away."""
    tag = request.form.get("tag", "")[:50]
    return act(_url(customer_id), gettext("The tag was removed."), tags.remove, customer_id=customer_id, tag=tag)


@blueprint.post("/customers/<int:customer_id>/contacts")
@requires("edit_customers")
def add_contact(customer_id: int) -> ResponseReturnValue:
    """One more contact."""
    form = forms.ContactForm()
    given = {name: form[name].data for name in ("kind", "value", "is_primary")} | {"notes": form.notes.data or ""}
    if form.validate_on_submit() and attempt(form, contacts.add, customer_id=customer_id, **given) is not None:
        return redirect(_url(customer_id), 303)
    return _page(_customer(customer_id), 422, contact_form=form)


@blueprint.post("/customers/<int:customer_id>/contacts/<int:contact_id>")
@requires("edit_customers")
def change_contact(customer_id: int, contact_id: int) -> ResponseReturnValue:
    """Make a contact the first of its kind, or take it away."""
    one = {"customer_id": customer_id, "contact_id": contact_id}
    if request.form.get("do") == "primary":
        return act(_url(customer_id), gettext("Saved."), contacts.edit, changes={"is_primary": True}, **one)
    return act(_url(customer_id), gettext("The contact was removed."), contacts.remove, **one)


@blueprint.route("/customers/<int:customer_id>/equipment/new", methods=["GET", "POST"])
@requires("edit_customers")
def add_equipment(customer_id: int) -> ResponseReturnValue:
    """One more piece of equipment."""
    customer, form = _customer(customer_id), forms.EquipmentForm()
    return _equipment_form(customer, form, None)


@blueprint.route("/customers/<int:customer_id>/equipment/<int:equipment_id>", methods=["GET", "POST"])
@requires("edit_customers")
def edit_equipment(customer_id: int, equipment_id: int) -> ResponseReturnValue:
    """What is said about a piece, changed."""
    customer = _customer(customer_id)
    piece = found(find_row(db(), CustomerEquipment, equipment_id, tenant_id=tenant().id))
    return _equipment_form(customer, forms.EquipmentForm(obj=piece), piece)


def _equipment_form(
    customer: Customer, form: forms.EquipmentForm, piece: CustomerEquipment | None
) -> ResponseReturnValue:
    form.subscription_id.offer((row.id, row.username) for row in owned_by(db(), [customer.id])[customer.id].rows)
    if form.validate_on_submit():
        if piece is None:
            done: Any = attempt(form, equipment.add, customer_id=customer.id, **form.equipment())
        else:
            one = {"customer_id": customer.id, "equipment_id": piece.id}
            done = attempt(form, equipment.edit, changes=form.equipment(), **one)
        if done is not None:
            flash(gettext("Saved."), "success")
            return redirect(_url(customer.id), 303)
        customer = _customer(customer.id)
    status = 422 if form.is_submitted() else 200
    return render("panel/customers/equipment.html", status, form=form, customer=customer, piece=piece)


@blueprint.post("/customers/<int:customer_id>/equipment/<int:equipment_id>/remove")
@requires("edit_customers")
def remove_equipment(customer_id: int, equipment_id: int) -> ResponseReturnValue:
    """Take a piece away."""
    one = {"customer_id": customer_id, "equipment_id": equipment_id}
    return act(_url(customer_id), gettext("The equipment was removed."), equipment.remove, **one)


@blueprint.post("/customers/<int:customer_id>/family")
@requires("edit_customers")
def change_family(customer_id: int) -> ResponseReturnValue:
    """Join the family of the customer with that code, or leave it."""
    form = forms.FamilyForm()
    if form.validate_on_submit():
        done = attempt(form, _set_parent, customer_id=customer_id, code=(form.parent.data or "").strip())
        if done is not None:
            return redirect(_url(customer_id), 303)
    return _page(_customer(customer_id), 422, family_form=form)


def _set_parent(session: Session, *, actor: Actor, now: Any, customer_id: int, code: str) -> Changed[Customer]:
    parent = customer_named(session, code, tenant_id=actor.tenant_id) if code else None
    if code and parent is None:
        raise Invalid(Problem(field="parent", reason="does not exist", mend="write the customer code of the head"))
    head = None if parent is None else parent.id
    return use.set_parent(session, actor=actor, now=now, customer_id=customer_id, parent_customer_id=head)


@blueprint.post("/customers/<int:customer_id>/id-card")
@requires("edit_customers")
@needs_proof
def show_id_card(customer_id: int) -> ResponseReturnValue:
    """The number of the identity card, once; who looked is kept."""
    shown = run(reveal.id_card_number, customer_id=customer_id)
    return _page(_customer(customer_id), id_card_number=shown.secret)


@blueprint.route("/customers/<int:customer_id>/transfer", methods=["GET", "POST"])
@requires("change_operator")
def transfer(customer_id: int) -> ResponseReturnValue:
    """Ask for the customer to go to another operator."""
    customer, form = _customer(customer_id), forms.TransferForm()
    form.to_operator_id.offer(row for row in operator_choices(db(), tenant().id) if row[0] != customer.operator_id)
    if form.validate_on_submit():
        given = {"to_operator_id": form.to_operator_id.data, "note": form.note.data or ""}
        done = attempt(form, transfers.request, customer_id=customer_id, **given)
        if done is not None:
            is_done = done.row.status == "done"
            flash(
                gettext("The customer changed hands.") if is_done else gettext("The other side was asked."), "success"
            )
            # Whoever gave him away may not see him any more.
            gone = find_row(db(), Customer, customer_id, tenant_id=tenant().id) is None
            return redirect(url_for("panel.operators.transfers_shown") if gone else _url(customer_id), 303)
        customer = _customer(customer_id)
    agreed = gettext("You act for both sides: it is done at once, with the members of the family.")
    asked = gettext("It is done when the other operator agrees, with the members of the family.")
    question = Question(
        heading=gettext("Give to another operator"),
        effect=agreed if current_actor().operator_id is None else asked,
        submit=gettext("Give away"),
        form=form,
    )
    return _ask(customer, question)


@blueprint.route("/customers/<int:customer_id>/block", methods=["GET", "POST"])
@requires("suspend_customers")
def block(customer_id: int) -> ResponseReturnValue:
    """Block the customer as inactive, disabled or blacklisted."""
    form = forms.BlockForm()
    if form.validate_on_submit():
        given = {"status": form.status.data, "reason": form.reason.data, "note": form.note.data or ""}
        done = attempt(form, use.block, customer_id=customer_id, **given)
        if done is not None:
            return _done(customer_id, done, gettext("The customer is blocked."))
    effect = sentence(use.block, customer_id=customer_id, status="disabled")
    question = Question(
        heading=gettext("Block the customer"),
        effect=effect + " " + gettext("All logins of all his subscriptions are refused until he is activated."),
        submit=gettext("Block"),
        form=form,
        is_danger=True,
    )
    return _ask(_customer(customer_id), question)


@blueprint.route("/customers/<int:customer_id>/terminate", methods=["GET", "POST"])
@requires("delete_customers")
def terminate(customer_id: int) -> ResponseReturnValue:
    """End the relation for good."""
    form = EndForm()
    breaches = [breach_of(row) for row in owned_by(db(), [customer_id])[customer_id].rows]
    offer_fee(form, *breaches)
    if form.validate_on_submit():
        given = {"reason": form.reason.data or "", "waive_fee": waives(form)}
        done = attempt(form, early_ending.terminate_customer, customer_id=customer_id, **given)
        if done is not None:
            return _done(customer_id, done, gettext("The customer is terminated."))
    effect = sentence(use.terminate, customer_id=customer_id)
    warnings = [contract_words(breach) for breach in breaches if breach is not None]
    ends = gettext("All subscriptions end for good and their usernames become free.")
    question = Question(
        heading=gettext("Terminate the customer"),
        effect=" ".join((effect, ends, *warnings)),
        submit=gettext("Terminate"),
        form=form,
        is_danger=True,
    )
    return _ask(_customer(customer_id), question)


@blueprint.route("/customers/<int:customer_id>/delete", methods=["GET", "POST"])
@requires("delete_customers")
def delete(customer_id: int) -> ResponseReturnValue:
    """Hide the customer; it can be taken back."""
    form = ConfirmForm()
    if form.validate_on_submit():
        done = attempt(form, use.delete, customer_id=customer_id)
        if done is not None:
            flash(gettext("The customer was deleted."), "success")
            return redirect(with_follow(url_for("panel.customers.index"), effect_of(done)), 303)
    effect = sentence(use.delete, customer_id=customer_id)
    question = Question(
        heading=gettext("Delete the customer"),
        effect=effect
        + " "
        + gettext("He and his subscriptions are hidden. The list of deleted customers brings them back."),
        submit=gettext("Delete"),
        form=form,
        is_danger=True,
    )
    return _ask(_customer(customer_id), question)


@blueprint.post("/customers/<int:customer_id>/restore")
@requires("delete_customers")
def restore(customer_id: int) -> ResponseReturnValue:
    """Bring a deleted customer back."""
    back = url_for("panel.customers.index", deleted="yes")
    message = gettext("The customer is back. His subscriptions stay suspended until they are activated.")
    return act(back, message, use.restore, customer_id=customer_id)


def _ask(customer: Customer, question: Question) -> ResponseReturnValue:
    status = 422 if question.form.is_submitted() else 200
    back = _url(customer.id)
    return render("panel/subscriptions/question.html", status, name=customer.name, question=question, back=back)


def _done(customer_id: int, result: Any, message: str) -> ResponseReturnValue:
    flash(message, "success")
    back = url_for("panel.customers.show", customer_id=customer_id)
    return redirect(with_follow(back, effect_of(result)), 303)


def _customer(customer_id: int) -> Customer:
    return found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))


def _url(customer_id: int) -> str:
    return url_for("panel.customer_records.show", customer_id=customer_id)
