"""A customer's speed tests: what was measured, one more from his router, and what he measured himself."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import speed_tests as use
from db.models import Customer
from db.queries import customers as reads
from db.queries.owned import owned_by
from db.queries.panel import catalogue
from webadmin.forms.speed_tests import MeasureForm, ResultForm
from webadmin.panel.support import attempt, db, found, is_part, render
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("speed_tests", __name__)


@blueprint.get("/customers/<int:customer_id>/speed-tests")
@requires("view_customers")
def index(customer_id: int) -> ResponseReturnValue:
    """All that are kept; while one is running the list asks again by itself."""
    customer = _customer(customer_id)
    if is_part():
        return render("panel/speed_tests/_list.html", **_rows(customer))
    return _page(customer, MeasureForm(formdata=None), ResultForm(formdata=None))


@blueprint.post("/customers/<int:customer_id>/speed-tests/measure")
@requires("edit_customers")
def measure(customer_id: int) -> ResponseReturnValue:
    """Have his router measure."""
    customer, form = _customer(customer_id), MeasureForm()
    _offer(form, customer)
    if form.validate_on_submit() and attempt(form, use.ask, customer_id=customer_id, **form.values()) is not None:
        flash(gettext("The router measures now; it takes about a quarter of a minute."), "success")
        return redirect(url_for("panel.speed_tests.index", customer_id=customer_id), 303)
    return _page(customer, form, ResultForm(formdata=None))


@blueprint.post("/customers/<int:customer_id>/speed-tests/note")
@requires("edit_customers")
def note(customer_id: int) -> ResponseReturnValue:
    """Keep what he measured."""
    customer, form = _customer(customer_id), ResultForm()
    if form.validate_on_submit() and attempt(form, use.note, customer_id=customer_id, **form.values()) is not None:
        flash(gettext("Saved."), "success")
        return redirect(url_for("panel.speed_tests.index", customer_id=customer_id), 303)
    return _page(customer, MeasureForm(formdata=None), form)


def _page(customer: Customer, measure_form: MeasureForm, result_form: ResultForm) -> ResponseReturnValue:
    _offer(measure_form, customer)
    status = 422 if request.method == "POST" else 200
    shown = {"measure_form": measure_form, "result_form": result_form}
    return render("panel/speed_tests/index.html", status, **shown, **_rows(customer))


def _rows(customer: Customer) -> dict[str, Any]:
    tests = use.of_customer(db(), actor=current_actor(), customer_id=customer.id)
    return {
        "customer": customer,
        "tests": tests,
        "is_running": any(test.state in ("waiting", "running") for test in tests),
        "routers": {nas.id: nas.name for nas in catalogue.choices_of_routers(db())},
        "services": {row.id: row.username for row in owned_by(db(), [customer.id])[customer.id].rows},
    }


def _offer(form: MeasureForm, customer: Customer) -> None:
    form.subscription_id.offer((row.id, row.username) for row in owned_by(db(), [customer.id])[customer.id].live)


def _customer(customer_id: int) -> Customer:
    customer: Customer = found(reads.customer_by_id(db(), customer_id))
    return customer
