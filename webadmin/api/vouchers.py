"""Vouchers over HTTP."""

from typing import Any

from bss import vouchers
from db.models import Voucher
from db.queries.vouchers import page_of_vouchers
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, as_list, page_of, tenant_id, wanted_part

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
    """Take a voucher out of use, or give it back"""
    voucher = vouchers.set_disabled(**acting(), voucher_id=voucher_id, **body)
    database.commit()
    return voucher
