"""Vouchers over HTTP."""

from typing import Any

from flask import Response

from bss import vouchers
from db.models import Voucher
from db.queries.vouchers import page_of_vouchers
from domain.spreadsheet import as_csv
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, as_list, as_result, page_of, tenant_id, wanted_part

blueprint = Blueprint("vouchers", __name__, url_prefix=f"{PREFIX}/vouchers", description="Codes for hotspots")


@blueprint.route("")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.VoucherQuery, location="query")
@blueprint.response(200, schemas.VoucherList)
def list_vouchers(arguments: dict[str, Any]) -> dict[str, Any]:
    """List vouchers"""
    wanted = wanted_part(arguments)
    fits = {"state": arguments.get("state"), "batch": arguments.get("batch")}
    return as_list(page_of(lambda: page_of_vouchers(database.session(), tenant_id=tenant_id(), wanted=wanted, **fits)))


@blueprint.route("", methods=["POST"])
@blueprint.needs("create_customers")
@blueprint.arguments(schemas.VoucherIn)
@blueprint.response(201, schemas.VoucherMade)
def create_vouchers(body: dict[str, Any]) -> dict[str, Any]:
    """Make vouchers of a hotspot plan"""
    made = vouchers.create(**acting(), **body)
    database.commit()
    return {"items": made}


@blueprint.route("/<int:voucher_id>", methods=["PATCH"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.VoucherPatch)
@blueprint.response(200, schemas.VoucherOut)
def change_voucher(body: dict[str, Any], voucher_id: int) -> Voucher:
    """Take a voucher out of use and end its session, or give it back"""
    changed = vouchers.set_disabled(**acting(), voucher_id=voucher_id, **body)
    database.commit(changed.effect)
    return changed.row


@blueprint.route("/batches", methods=["PATCH"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.BatchPatch)
@blueprint.response(200, schemas.BatchResult)
def change_batch(body: dict[str, Any]) -> dict[str, Any]:
    """Take every voucher of a batch out of use, or give them back"""
    changed = vouchers.set_batch_disabled(**acting(), **body)
    database.commit(changed.effect)
    what = "Disabled" if body["disabled"] else "Enabled"
    return as_result(what, changed.effect, batch={"batch": changed.batch, "changed": changed.changed})


@blueprint.route("/export", methods=["POST"])
@blueprint.needs("create_customers")
@blueprint.arguments(schemas.BatchName)
@blueprint.response(200, {"type": "string"}, content_type="text/csv")
def export_batch(body: dict[str, Any]) -> Response:
    """The vouchers of a batch as CSV, codes included; the audit log says who took them"""
    text = as_csv(vouchers.export(**acting(), **body))
    database.commit()
    return Response(text, mimetype="text/csv")
