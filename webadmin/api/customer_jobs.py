"""Work on many customers over HTTP: imports with a preview, actions on a selection, the list as a file."""

from typing import Any

from flask import Response
from werkzeug.datastructures import FileStorage

from bss import customer_export, customer_jobs
from bss.outcome import Effect
from bss.rows import find
from db.models import CustomerJob, CustomerJobItem
from db.queries import customer_jobs as reads
from db.queries.customer_lists import CustomerFilter
from domain.customer_file import MAX_BYTES
from domain.customer_jobs import ACTION_PERMISSIONS, is_at_once
from webadmin import database, security
from webadmin.api import schemas as shared
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_whole_list, refuse_body, tenant_id
from webadmin.api.schemas import customer_jobs as schemas
from webadmin.export import CSV_TYPE, XLSX_TYPE, as_csv_file, as_xlsx_file

blueprint = Blueprint(
    "customer-jobs", __name__, url_prefix=PREFIX, description="Imports, exports and actions on many customers"
)
ERRORS_SHOWN = 200


@blueprint.route("/customers/import", methods=["POST"])
@blueprint.needs("import_customers")
@blueprint.arguments(schemas.ImportFile, location="files")
@blueprint.arguments(schemas.ImportQuery, location="query")
@blueprint.response(201, schemas.JobDetail)
def import_customers(files: dict[str, FileStorage], arguments: dict[str, Any]) -> dict[str, Any]:
    """Add the customers of a CSV file; bad rows do not stop the others"""
    file = files["file"]
    content, name = file.stream.read(MAX_BYTES + 1), file.filename or ""
    if customer_jobs.gives_balances(content):
        security.require("edit_balance")
    job = customer_jobs.start_import(**acting(), content=content, file_name=name, **arguments)
    return _begun(job)


@blueprint.route("/customers/bulk", methods=["POST"])
@blueprint.needs("act_on_many")
@blueprint.arguments(schemas.BulkIn)
@blueprint.response(201, schemas.JobDetail)
def act_on_customers(body: dict[str, Any]) -> dict[str, Any]:
    """Do one thing to many customers; each result is kept"""
    security.require(ACTION_PERMISSIONS[body["action"]])
    action, ids, given = body.pop("action"), body.pop("customer_ids", None), body.pop("filter", None)
    if given is not None and "tags" in given:
        given["tags"] = tuple(given["tags"])
    fits = None if given is None else CustomerFilter(**given)
    job = customer_jobs.start_bulk(**acting(), action=action, customer_ids=ids, fits=fits, arguments=body)
    return _begun(job)


@blueprint.route("/customers/export.csv")
@blueprint.needs("export_customers")
@blueprint.arguments(shared.CustomerQuery, location="query")
@blueprint.response(200, {"type": "string"}, content_type=CSV_TYPE)
def export_customers_csv(arguments: dict[str, Any]) -> Response:
    """The customers that fit as CSV"""
    rows = customer_export.rows(**acting(), fits=filter_of(arguments), as_what="csv")
    database.commit()
    return as_csv_file(rows, "customers.csv")


@blueprint.route("/customers/export.xlsx")
@blueprint.needs("export_customers")
@blueprint.arguments(shared.CustomerQuery, location="query")
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type=XLSX_TYPE)
def export_customers_xlsx(arguments: dict[str, Any]) -> Response:
    """The customers that fit as a workbook"""
    rows = customer_export.rows(**acting(), fits=filter_of(arguments), as_what="xlsx")
    database.commit()
    return as_xlsx_file(rows, "customers.xlsx")


@blueprint.route("/customer-jobs")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.JobList)
def list_customer_jobs() -> dict[str, Any]:
    """The last fifty, the newest first"""
    return as_whole_list(reads.jobs_of(database.session(), tenant_id()))


@blueprint.route("/customer-jobs/<int:job_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.JobDetail)
def get_customer_job(job_id: int) -> dict[str, Any]:
    """How far it is, and what failed"""
    return _detail(_job(job_id))


@blueprint.route("/customer-jobs/<int:job_id>/items")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.JobItemQuery, location="query")
@blueprint.response(200, schemas.JobItemList)
def list_customer_job_items(arguments: dict[str, Any], job_id: int) -> dict[str, Any]:
    """What came of each item, two hundred at a time from behind `after`"""
    items = reads.items_of(database.session(), _job(job_id).id, **arguments)
    return as_whole_list([_item(item) for item in items])


@blueprint.route("/customer-jobs/<int:job_id>/errors.csv")
@blueprint.needs("view_customers")
@blueprint.response(200, {"type": "string"}, content_type=CSV_TYPE)
def get_customer_job_errors(job_id: int) -> Response:
    """What failed as CSV: the rows as they were sent, without secrets, with the reason"""
    return as_csv_file(customer_jobs.error_rows(database.session(), _job(job_id)), "errors.csv")


@blueprint.route("/customer-jobs/<int:job_id>/stop", methods=["POST"])
@blueprint.needs("act_on_many")
@blueprint.response(200, schemas.JobDetail)
def stop_customer_job(job_id: int) -> dict[str, Any]:
    """Go on no further; what was done stays"""
    refuse_body()
    job = customer_jobs.stop(**acting(), job_id=job_id)
    database.commit()
    return _detail(job)


def filter_of(arguments: dict[str, Any]) -> CustomerFilter:
    """The list's filter out of its arguments; a file has no pages."""
    left = {name: value for name, value in arguments.items() if name not in ("sort", "page", "page_size", "cursor")}
    return customer_filter(left)


def customer_filter(arguments: dict[str, Any]) -> CustomerFilter:
    """The filter as the query takes it."""
    given = dict(arguments)
    if "tags" in given:
        given["tags"] = tuple(given["tags"])
    return CustomerFilter(**given)


def _begun(job: CustomerJob) -> dict[str, Any]:
    """A short job is done at once, so that nobody has to ask again."""
    effect = Effect()
    if is_at_once(job.total):
        effect = customer_jobs.run_at_once(database.session(), now=security.now(), job=job)
    database.commit(effect)
    return _detail(job)


def _detail(job: CustomerJob) -> dict[str, Any]:
    shown = schemas.JobOut().dump(job)
    failed = reads.items_of(database.session(), job.id, state="failed", limit=ERRORS_SHOWN)
    stored = {name: getattr(job, name) for name in shown}
    return stored | {"errors": [_item(item) for item in failed]}


def _item(item: CustomerJobItem) -> dict[str, Any]:
    names = ("position", "state", "customer_id")
    said = {"problems": item.problems or [], "data": customer_jobs.values_of(item)}
    return {name: getattr(item, name) for name in names} | said


def _job(job_id: int) -> CustomerJob:
    return find(database.session(), CustomerJob, job_id, actor=actor())
