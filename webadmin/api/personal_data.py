"""A customer's own data over HTTP: handed out, made anonymous, erased."""

from typing import Any

from marshmallow import Schema, fields

from bss import personal_data as use
from bss.personal_data import Forgotten
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, SessionChanges, acting, as_result
from webadmin.api.schemas.shapes import boolean, text

blueprint = Blueprint(
    "personal-data",
    __name__,
    url_prefix=f"{PREFIX}/customers",
    description="Everything about a customer, and what is left of one who is forgotten",
)


class PersonalDataOut(Schema):
    """Everything that is kept about a customer. Each list is of the newest, at most ten thousand."""

    exported_at = fields.String(metadata={"example": "2026-11-27T07:00:00+00:00"})
    provider = fields.String(metadata={"example": "Cempaka Net"})
    customer = fields.Dict(metadata={"description": "the whole record"})
    left_off = fields.List(fields.String(), metadata={"description": "lists that had more than is here"})


class PersonalData(PersonalDataOut):
    """The same with its lists, which are as the tables have them."""

    class Meta:
        include = {  # noqa: RUF012 - marshmallow reads it
            name: fields.List(fields.Dict()) for name in (*use.PARTS, "tickets")
        }


class ForgetIn(Schema):
    """Who is meant, and how far it goes."""

    confirm = text(50, required=True, example="CUST-2026110001")
    with_open_money = boolean(
        load_default=False, metadata={"description": "also where he owes or has credit; nobody can be asked afterwards"}
    )


class ForgottenOut(Schema):
    """What came of it."""

    message = fields.String(metadata={"example": "Made anonymous; nothing changes on the network."})
    session_changes = fields.Nested(SessionChanges)
    customer_id = fields.Integer()
    ending = fields.String(metadata={"description": "anonymous or erased", "example": "anonymous"})


@blueprint.route("/<int:customer_id>/personal-data")
@blueprint.needs("manage_personal_data")
@blueprint.response(200, PersonalData)
def export_personal_data(customer_id: int) -> dict[str, Any]:
    """Everything about a customer, deleted or not, to be handed to him; the audit log keeps who took it"""
    found = use.export(**acting(), customer_id=customer_id)
    database.commit()
    return found


@blueprint.route("/<int:customer_id>/anonymize", methods=["POST"])
@blueprint.needs("manage_personal_data")
@blueprint.arguments(ForgetIn)
@blueprint.response(200, ForgottenOut)
def anonymize_customer(body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """Take everything personal away; invoices and payments stay and name nobody. It cannot be taken back"""
    return _done("Made anonymous", use.anonymize(**acting(), customer_id=customer_id, **body))


@blueprint.route("/<int:customer_id>/erase", methods=["POST"])
@blueprint.needs("manage_personal_data")
@blueprint.arguments(ForgetIn)
@blueprint.response(200, ForgottenOut)
def erase_customer(body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """The same, and delete all that the books do not need, the record too where nothing was ever paid or asked"""
    return _done("Erased", use.erase(**acting(), customer_id=customer_id, **body))


def _done(what: str, done: Forgotten) -> dict[str, Any]:
    database.commit(done.effect)
    return as_result(what, done.effect, customer_id=done.customer_id, ending=done.ending)
