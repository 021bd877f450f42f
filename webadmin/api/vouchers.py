"""Vouchers over HTTP: made, listed, disabled, and redeemed for a customer."""

from typing import Any

from bss import hotspot, redeeming, vouchers
from db.models import Voucher
from db.queries.vouchers import page_of_vouchers
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_list, as_result, page_of, tenant_id, wanted_part
from webadmin.api.schemas import vouchers as schemas

blueprint = Blueprint("vouchers", __name__, url_prefix=PREFIX, description="Codes for hotspots, and codes worth money")


@blueprint.route("/vouchers")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.VoucherQuery, location="query")
@blueprint.response(200, schemas.VoucherList)
def list_vouchers(arguments: dict[str, Any]) -> dict[str, Any]:
    """List vouchers"""
    wanted = wanted_part(arguments)
    mine = vouchers.operators_seen(database.session(), actor=actor())
    return as_list(
        page_of(
            lambda: page_of_vouchers(
                database.session(), tenant_id=tenant_id(), wanted=wanted, operator_ids=mine, **arguments
            )
        )
    )


@blueprint.route("/vouchers", methods=["POST"])
@blueprint.needs("manage_vouchers")
@blueprint.arguments(schemas.VoucherIn)
@blueprint.response(201, schemas.VoucherMade)
def create_vouchers(body: dict[str, Any]) -> dict[str, Any]:
    """Make vouchers of a hotspot plan, or of money"""
    made = vouchers.create(**acting(), **body)
    database.commit()
    return {"items": made}


@blueprint.route("/vouchers/<int:voucher_id>", methods=["PATCH"])
@blueprint.needs("manage_vouchers")
@blueprint.arguments(schemas.VoucherPatch)
@blueprint.response(200, schemas.VoucherOut)
def change_voucher(body: dict[str, Any], voucher_id: int) -> Voucher:
    """Take a voucher out of use and end its session, or give it back"""
    changed = vouchers.set_disabled(**acting(), voucher_id=voucher_id, **body)
    database.commit(changed.effect)
    return changed.row


@blueprint.route("/vouchers/redeem", methods=["POST"])
@blueprint.needs("hotspot_recharge")
@blueprint.arguments(schemas.VoucherRedeem)
@blueprint.response(200, schemas.VoucherRedeemResult)
def redeem_voucher(body: dict[str, Any]) -> dict[str, Any]:
    """Give what a voucher is worth to a customer, once; wrong codes are slowed down"""
    done = redeeming.redeem(**acting(), **body)
    database.commit(done.effect)
    login = done.subscription
    told = {
        "voucher": done.voucher,
        "customer_id": done.customer.id,
        "subscription_id": None if login is None else login.id,
        "username": None if login is None else login.username,
        "secret": done.secret,
        "expires_at": None if login is None else login.expires_at,
        "added": done.added,
    }
    return as_result("Redeemed", done.effect, redeemed=told)


@blueprint.route("/customers/<int:customer_id>/hotspot-credentials", methods=["POST"])
@blueprint.needs("hotspot_recharge")
@blueprint.arguments(schemas.HotspotIn)
@blueprint.response(201, schemas.HotspotOut)
def make_hotspot_credentials(body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """Make a hotspot login with a name and a password that can be read out"""
    issued = hotspot.generate(**acting(), customer_id=customer_id, **body)
    database.commit(issued.effect)
    row = issued.row
    return {
        "subscription_id": row.id,
        "username": row.username,
        "secret": issued.secret,
        "expires_at": row.expires_at,
    }
