"""Work on many customers: a file is imported, an action is done to a selection, the list is taken away."""

from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from bss import customer_export, customer_jobs
from bss.actor import Actor
from bss.failure import Failure, Problem
from bss.outcome import Effect
from db.models import CustomerJob, CustomerJobItem
from db.queries import customer_jobs as reads
from db.queries.customer_lists import CustomerFilter, look_at_selection
from db.queries.panel import catalogue
from db.queries.rows import find_row
from domain.customer_file import COLUMNS, MAX_BYTES
from domain.customer_jobs import ACTION_PERMISSIONS, BULK_ACTIONS, MOST_ITEMS, is_at_once
from webadmin.export import as_csv_file, as_xlsx_file
from webadmin.forms.customer_records import BulkForm, ImportForm
from webadmin.panel.customer_list import filter_of_request
from webadmin.panel.support import act, attempt, db, found, problems_of, render, run, tenant
from webadmin.permissions import requires
from webadmin.security import may

blueprint = Blueprint("customer_jobs", __name__)
ERRORS_SHOWN = 200
_NEEDS = {"add_tag": "tag", "remove_tag": "tag", "change_plan": "service_plan_id"}
# Who is so already is left as he is.
_ALREADY = {
    "activate": "active", "suspend": "suspended", "inactive": "inactive", "disabled": "disabled",
    "blacklisted": "blacklisted",
}  # fmt: skip
_REASONED = ("suspend", "inactive", "disabled", "blacklisted")


@blueprint.route("/customers/import", methods=["GET", "POST"])
@requires("import_customers")
def new() -> ResponseReturnValue:
    """A file of customers, looked through or imported; and what was imported before."""
    form = ImportForm()
    if form.validate_on_submit():
        file = form.file.data
        given = {
            "content": file.stream.read(MAX_BYTES + 1),
            "file_name": file.filename or "",
            "dry_run": form.dry_run.data,
            "check_duplicates": form.check_duplicates.data,
        }
        if customer_jobs.gives_balances(given["content"]) and not may("edit_balance"):
            abort(403)
        begun = attempt(form, _begin, use_case=customer_jobs.start_import, **given)
        if begun is not None:
            return redirect(url_for("panel.customer_jobs.show", job_id=begun.job_id), 303)
    return render(
        "panel/customer_jobs/new.html",
        422 if form.is_submitted() else 200,
        form=form,
        columns=COLUMNS,
        most=MOST_ITEMS,
        jobs=reads.jobs_of(db(), tenant().id),
    )


class _Begun:
    """The job that was begun, and what it has done to sessions so far."""

    def __init__(self, job_id: int, effect: Effect) -> None:
        self.job_id, self.effect = job_id, effect


def _begin(session: Session, *, actor: Actor, now: Any, use_case: Any, **given: Any) -> _Begun:
    job = use_case(session, actor=actor, now=now, **given)
    # A short job is done at once, so that nobody has to wait for a worker.
    effect = customer_jobs.run_at_once(session, now=now, job=job) if is_at_once(job.total) else Effect()
    return _Begun(job.id, effect)


@blueprint.get("/customer-jobs/<int:job_id>")
@requires("view_customers")
def show(job_id: int) -> ResponseReturnValue:
    """How far it is and what failed."""
    return render("panel/customer_jobs/show.html", **_values(job_id))


@blueprint.get("/customer-jobs/<int:job_id>/progress")
@requires("view_customers")
def progress(job_id: int) -> ResponseReturnValue:
    """The part of the page that follows it."""
    return render("panel/customer_jobs/_progress.html", **_values(job_id))


def _values(job_id: int) -> dict[str, Any]:
    job = _job(job_id)
    errors = reads.items_of(db(), job.id, state="failed", limit=ERRORS_SHOWN)
    # The sentences of a refusal, in the reader's language like everywhere else.
    rows = [(item, customer_jobs.values_of(item), _sentences(item)) for item in errors]
    return {"job": job, "errors": rows}


def _sentences(item: CustomerJobItem) -> list[str]:
    refusals = [Failure(Problem(**problem)) for problem in item.problems or []]
    return [text for refusal in refusals for _, text in problems_of(refusal)]


@blueprint.post("/customer-jobs/<int:job_id>/stop")
@requires("view_customers")
def stop(job_id: int) -> ResponseReturnValue:
    """Go on no further."""
    if not may("act_on_many") and not may("import_customers"):
        abort(403)
    back = url_for("panel.customer_jobs.show", job_id=job_id)
    return act(back, gettext("Stopped; what was done stays."), customer_jobs.stop, job_id=job_id)


@blueprint.get("/customer-jobs/<int:job_id>/errors.csv")
@requires("view_customers")
def errors(job_id: int) -> ResponseReturnValue:
    """What failed, to be mended and sent again."""
    return as_csv_file(customer_jobs.error_rows(db(), _job(job_id)), "errors.csv")


@blueprint.route("/customers/many", methods=["POST"])
@requires("act_on_many")
def many() -> ResponseReturnValue:
    """One action on the marked customers, or on all that the filter finds: first the question, then the deed."""
    action = request.form.get("action", "")
    if action not in BULK_ACTIONS or not may(ACTION_PERMISSIONS[action]):
        abort(403)
    marked = [] if request.form.get("all") == "yes" else request.form.getlist("customer_id")
    chosen = [int(text) for text in marked if text.isdigit() and len(text) < 19]
    form = BulkForm()
    form.service_plan_id.offer((plan.id, plan.name) for plan in catalogue.choices_of_plans(db()))
    given: dict[str, Any] = {"action": action, "arguments": _arguments(action, form)}
    given |= {"customer_ids": chosen} if chosen else {"fits": filter_of_request()}
    if request.form.get("sure") == "yes" and (chosen or filter_of_request() != CustomerFilter()):
        begun = attempt(form, _begin, use_case=customer_jobs.start_bulk, **given)
        if begun is not None:
            return redirect(url_for("panel.customer_jobs.show", job_id=begun.job_id), 303)
    narrowed = bool(chosen) or filter_of_request() != CustomerFilter()
    which: dict[str, Any] = {"ids": chosen} if chosen else {"fits": filter_of_request()}
    return render(
        "panel/customer_jobs/many.html",
        422 if request.form.get("sure") else 200,
        form=form,
        action=action,
        chosen=chosen,
        field_name=_NEEDS.get(action) or ("reason" if action in _REASONED else None),
        narrowed=narrowed,
        seen=look_at_selection(db(), tenant_id=tenant().id, **which) if narrowed else None,
        stays=_ALREADY.get(action),
    )


def _arguments(action: str, form: BulkForm) -> dict[str, Any]:
    needed = _NEEDS.get(action)
    if needed is not None:
        return {needed: form[needed].data} if form[needed].data else {}
    return {"reason": form.reason.data} if action in _REASONED and form.reason.data else {}


@blueprint.get("/customers/export.<any(csv, xlsx):kind>")
@requires("export_customers")
def export(kind: str) -> ResponseReturnValue:
    """The customers that fit, as a file."""
    rows = run(customer_export.rows, fits=filter_of_request(), as_what=kind)
    return as_csv_file(rows, "customers.csv") if kind == "csv" else as_xlsx_file(rows, "customers.xlsx")


def _job(job_id: int) -> CustomerJob:
    return found(find_row(db(), CustomerJob, job_id, tenant_id=tenant().id))
