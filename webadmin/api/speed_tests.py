"""Speed tests of customers' lines over HTTP."""

from typing import Any

from bss import speed_tests
from db.models import CustomerSpeedTest
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_whole_list
from webadmin.api.schemas import customer_media as schemas

blueprint = Blueprint(
    "speed-tests", __name__, url_prefix=f"{PREFIX}/customers", description="How fast customers' lines are"
)
_OF_A_ROUTER = ("subscription_id", "username", "password")


@blueprint.route("/<int:customer_id>/speed-tests")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.SpeedTestList)
def list_speed_tests(customer_id: int) -> dict[str, Any]:
    """The last hundred tests of a customer's line, newest first"""
    return as_whole_list(speed_tests.of_customer(database.session(), actor=actor(), customer_id=customer_id))


@blueprint.route("/<int:customer_id>/speed-tests", methods=["POST"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.SpeedTestIn)
@blueprint.response(201, schemas.SpeedTestOut)
def add_speed_test(body: dict[str, Any], customer_id: int) -> CustomerSpeedTest:
    """Have his router measure his line (ask again until it is done), or keep what he measured himself"""
    if body.pop("source") == "router":
        given = {name: body[name] for name in _OF_A_ROUTER}
        test = speed_tests.ask(**acting(), customer_id=customer_id, **given)
    else:
        told = {name: value for name, value in body.items() if name not in ("username", "password")}
        test = speed_tests.note(**acting(), customer_id=customer_id, **told)
    database.commit()
    return test


@blueprint.route("/<int:customer_id>/speed-tests/<int:test_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.SpeedTestOut)
def get_speed_test(customer_id: int, test_id: int) -> CustomerSpeedTest:
    """One test of a customer's line"""
    return speed_tests.one(database.session(), actor=actor(), customer_id=customer_id, test_id=test_id)
