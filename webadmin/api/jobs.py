"""Background jobs over HTTP: what they do, when they ran, started by hand, and at what time they run."""

from dataclasses import asdict
from typing import Any

from bss import background_jobs
from webadmin import database, security
from webadmin.api.base import PREFIX, Blueprint, acting, as_whole_list
from webadmin.api.schemas import billing as shapes

blueprint = Blueprint("jobs", __name__, url_prefix=PREFIX, description="What runs in the background")


@blueprint.route("/jobs")
@blueprint.needs("manage_installation")
@blueprint.response(200, shapes.BackgroundJobList)
def list_jobs() -> dict[str, Any]:
    """Every background job, those in trouble first"""
    return as_whole_list(background_jobs.overview(database.session(), now=security.now()))


@blueprint.route("/jobs/<name>")
@blueprint.needs("manage_installation")
@blueprint.response(200, shapes.BackgroundJobDetail)
def get_job(name: str) -> dict[str, Any]:
    """A job with its last remembered runs"""
    view = background_jobs.one(database.session(), now=security.now(), name=name)
    return asdict(view) | {"last_runs": background_jobs.runs(database.session(), name=name)}


@blueprint.route("/jobs/<name>/run", methods=["POST"])
@blueprint.needs("manage_installation")
@blueprint.arguments(shapes.BackgroundJobStart)
@blueprint.response(202, shapes.BackgroundJobStarted)
def start_job(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Ask the workers to run a job now"""
    job = background_jobs.start(**acting(), name=name, **body)
    database.commit()
    return {"message": f"{job.name} was started"}


@blueprint.route("/jobs/<name>/schedule", methods=["PATCH"])
@blueprint.needs("manage_installation")
@blueprint.arguments(shapes.BackgroundJobSchedule)
@blueprint.response(200, shapes.BackgroundJobOut)
def schedule_job(body: dict[str, Any], name: str) -> background_jobs.JobView:
    """Give a job another time, turn it off, or let it run as built in"""
    view = background_jobs.set_schedule(**acting(), name=name, **body)
    database.commit()
    background_jobs.tell_scheduler(view)
    return view
