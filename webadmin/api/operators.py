"""Operators, whose staff somebody is, and customers who change hands, over HTTP."""

from typing import Any

from bss import operators, transfers
from bss.rows import find
from db.models import CustomerTransfer, Operator, User
from db.queries.operators import customers_by_operator, operators_of, staff_by_operator, transfers_of
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_whole_list, refuse_body, tenant_id
from webadmin.api.schemas import operators as schemas

blueprint = Blueprint(
    "operators", __name__, url_prefix=PREFIX, description="Resellers with customers of their own, in a tree"
)


@blueprint.route("/operators")
@blueprint.needs("manage_operators")
@blueprint.response(200, schemas.OperatorList)
def list_operators() -> dict[str, Any]:
    """All operators, by level and name"""
    rows = operators_of(database.session(), tenant_id())
    ids = [row.id for row in rows]
    customers, staff = customers_by_operator(database.session(), ids), staff_by_operator(database.session(), ids)
    return as_whole_list([
        _shown(row) | {"customers": customers.get(row.id, 0), "staff": staff.get(row.id, 0)} for row in rows
    ])  # fmt: skip


@blueprint.route("/operators", methods=["POST"])
@blueprint.needs("manage_operators")
@blueprint.arguments(schemas.OperatorIn)
@blueprint.response(201, schemas.OperatorOut)
def create_operator(body: dict[str, Any]) -> Operator:
    """Add an operator, below the provider or another one"""
    row = operators.create(**acting(), **body)
    database.commit()
    return row


@blueprint.route("/operators/<int:operator_id>")
@blueprint.needs("manage_operators")
@blueprint.response(200, schemas.OperatorOut)
def get_operator(operator_id: int) -> Operator:
    """One operator"""
    return find(database.session(), Operator, operator_id, actor=actor())


@blueprint.route("/operators/<int:operator_id>", methods=["PATCH"])
@blueprint.needs("manage_operators")
@blueprint.arguments(schemas.OperatorPatch)
@blueprint.response(200, schemas.OperatorOut)
def edit_operator(body: dict[str, Any], operator_id: int) -> Operator:
    """Change an operator; one that moves takes along who stands below"""
    version = body.pop("version", None)
    changed = operators.edit(**acting(), operator_id=operator_id, changes=body, version=version)
    database.commit()
    return changed.row


@blueprint.route("/operators/<int:operator_id>", methods=["DELETE"])
@blueprint.needs("manage_operators")
@blueprint.response(204)
def delete_operator(operator_id: int) -> None:
    """Remove an operator whom nothing names"""
    operators.delete(**acting(), operator_id=operator_id)
    database.commit()


@blueprint.route("/staff/<int:user_id>/operator", methods=["PATCH"])
@blueprint.needs("manage_operators")
@blueprint.arguments(schemas.StaffOperatorIn)
@blueprint.response(200, schemas.StaffOut)
def set_operator_of_staff(body: dict[str, Any], user_id: int) -> User:
    """Say whose staff somebody is; he then sees that operator's customers and those below"""
    changed = operators.set_staff(**acting(), user_id=user_id, **body)
    database.commit()
    return changed.row


@blueprint.route("/customer-transfers")
@blueprint.needs("change_operator")
@blueprint.arguments(schemas.TransferQuery, location="query")
@blueprint.response(200, schemas.TransferList)
def list_transfers(arguments: dict[str, Any]) -> dict[str, Any]:
    """Customers on their way from one operator to another, newest first"""
    return as_whole_list(transfers_of(database.session(), tenant_id(), **arguments))


@blueprint.route("/customers/<int:customer_id>/transfer", methods=["POST"])
@blueprint.needs("change_operator")
@blueprint.arguments(schemas.TransferIn)
@blueprint.response(201, schemas.TransferOut)
def request_transfer(body: dict[str, Any], customer_id: int) -> CustomerTransfer:
    """Ask for a customer to go to another operator; it is done when both sides have agreed"""
    changed = transfers.request(**acting(), customer_id=customer_id, **body)
    database.commit()
    return changed.row


@blueprint.route("/customer-transfers/<int:transfer_id>/confirm", methods=["POST"])
@blueprint.needs("change_operator")
@blueprint.response(200, schemas.TransferOut)
def confirm_transfer(transfer_id: int) -> CustomerTransfer:
    """Agree for one's own side"""
    refuse_body()
    changed = transfers.confirm(**acting(), transfer_id=transfer_id)
    database.commit()
    return changed.row


@blueprint.route("/customer-transfers/<int:transfer_id>/reject", methods=["POST"])
@blueprint.needs("change_operator")
@blueprint.arguments(schemas.TransferNote, required=False)
@blueprint.response(200, schemas.TransferOut)
def reject_transfer(body: dict[str, Any], transfer_id: int) -> CustomerTransfer:
    """End a transfer without a change"""
    changed = transfers.reject(**acting(), transfer_id=transfer_id, **body)
    database.commit()
    return changed.row


def _shown(row: Operator) -> dict[str, Any]:
    names = ("id", "name", "parent_operator_id", "level", "phone", "email", "commission_rate", "is_active", "version")
    return {name: getattr(row, name) for name in names}
