"""How a router does, line by line, over HTTP."""

from bss import router_test
from bss.router_test import RouterReport
from runtime.tasks import nudge_probe
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, refuse_body

blueprint = Blueprint("router-tests", __name__, url_prefix=f"{PREFIX}/nas", description="How a router does")


@blueprint.route("/<int:nas_id>/test", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.response(202, schemas.RouterReportOut)
def start_nas_test(nas_id: int) -> RouterReport:
    """Ask the router's CoA port; GET tells what it answered a moment later"""
    refuse_body()
    told = router_test.ask(**acting(), nas_id=nas_id)
    database.commit()
    nudge_probe()
    return told


@blueprint.route("/<int:nas_id>/test")
@blueprint.needs("view_nas")
@blueprint.response(200, schemas.RouterReportOut)
def get_nas_test(nas_id: int) -> RouterReport:
    """What is known of the router: packets, secret, clock, reports, counters, CoA port"""
    return router_test.report(**acting(), nas_id=nas_id)
