"""Customers who are added in the background, over HTTP."""

from typing import Any

from bss import registrations
from db.models import CustomerRegistration
from db.queries.registrations import page_of_registrations
from webadmin import database, security
from webadmin.api import schemas as shared
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_list, page_of, refuse_body, tenant_id, wanted_part
from webadmin.api.idempotency import presented
from webadmin.api.schemas import customer_media as schemas

blueprint = Blueprint(
    "customer-registrations",
    __name__,
    url_prefix=f"{PREFIX}/customers/registrations",
    description="Customers who are added in the background",
)


@blueprint.route("")
@blueprint.needs("create_customers")
@blueprint.arguments(schemas.RegistrationQuery, location="query")
@blueprint.response(200, schemas.RegistrationList)
def list_registrations(arguments: dict[str, Any]) -> dict[str, Any]:
    """Who is to be added and what came of it, newest first"""
    wanted, state = wanted_part(arguments), arguments.get("state")
    session = database.session()
    return as_list(page_of(lambda: page_of_registrations(session, tenant_id=tenant_id(), state=state, wanted=wanted)))


@blueprint.route("", methods=["POST"])
@blueprint.needs("create_customers")
@blueprint.arguments(shared.CustomerIn)
@blueprint.response(202, schemas.RegistrationOut)
def register_customer(body: dict[str, Any]) -> CustomerRegistration:
    """Have a customer added in the background: what `POST /customers` takes, for whoever cannot wait or retry"""
    asked = {name: body.pop(name, None) for name in ("subscription", "device_name", "initial_balance")}
    if asked["initial_balance"]:
        security.require("edit_balance")
    row = registrations.ask(**acting(), asked=asked | {"customer": body}, request_key=presented())
    database.commit()
    return row


@blueprint.route("/<int:registration_id>")
@blueprint.needs("create_customers")
@blueprint.response(200, schemas.RegistrationOut)
def get_registration(registration_id: int) -> CustomerRegistration:
    """One of them"""
    return registrations.get(database.session(), actor=actor(), registration_id=registration_id)


@blueprint.route("/<int:registration_id>/repeat", methods=["POST"])
@blueprint.needs("create_customers")
@blueprint.response(200, schemas.RegistrationOut)
def repeat_registration(registration_id: int) -> CustomerRegistration:
    """Let one that failed be tried again"""
    refuse_body()
    row = registrations.repeat(**acting(), registration_id=registration_id)
    database.commit()
    return row
