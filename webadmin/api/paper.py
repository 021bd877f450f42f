"""Invoices and receipts as PDF, and the letterhead on them, over HTTP."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from bss import letterhead, printing
from bss.rows import find
from db.models import Invoice, Letterhead, Payment
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, actor
from webadmin.api.schemas.shapes import text
from webadmin.paper import PDF, PDF_TYPE, as_pdf

# A picture of 1.4 MB in base64.
MAX_LOGO_TEXT = 1_900_000

blueprint = Blueprint(
    "paper", __name__, url_prefix=PREFIX, description="What is printed, and the provider's letterhead"
)


class LetterheadOut(Schema):
    """What stands on invoices, receipts and vouchers."""

    address = fields.String()
    contact = fields.String()
    tax_id = fields.String()
    bank = fields.String(metadata={"description": "how to pay by transfer, as it is printed"})
    footer = fields.String()
    logo = fields.String(metadata={"description": "a `data:` address of a PNG, or nothing"})
    hotspot_login_url = fields.String(metadata={"example": "http://wifi.example.net/login"})
    voucher_note = fields.String(metadata={"description": "what every voucher says, such as how to connect"})


class LetterheadPatch(Schema):
    """What to change; empty text takes one off."""

    address = text(400)
    contact = text(200)
    tax_id = text(50)
    bank = text(400)
    footer = text(400)
    logo = fields.String(
        validate=validate.Length(max=MAX_LOGO_TEXT),
        metadata={"description": "a PNG, JPEG or WebP picture as base64; it is drawn anew"},
    )
    hotspot_login_url = text(letterhead.MAX_URL, example="http://wifi.example.net/login")
    voucher_note = text(90)


class PaymentLinkOn(Schema):
    """The link that is printed on an invoice, as it was told when it was made."""

    payment_link = fields.String(required=True, validate=validate.Length(1, 500))


@blueprint.route("/provider/letterhead")
@blueprint.needs("manage_settings")
@blueprint.response(200, LetterheadOut)
def get_letterhead() -> Letterhead:
    """The provider's letterhead"""
    return letterhead.letterhead_of(database.session(), actor=actor())


@blueprint.route("/provider/letterhead", methods=["PATCH"])
@blueprint.needs("manage_settings")
@blueprint.arguments(LetterheadPatch)
@blueprint.response(200, LetterheadOut)
def change_letterhead(body: dict[str, Any]) -> Letterhead:
    """Change the letterhead"""
    changed = letterhead.change(**acting(), changes=body)
    database.commit()
    return changed


@blueprint.route("/invoices/<int:invoice_id>/pdf")
@blueprint.needs("view_money")
@blueprint.response(200, PDF, content_type=PDF_TYPE)
def get_invoice_pdf(invoice_id: int) -> Response:
    """An invoice as PDF, in the customer's language"""
    invoice = find(database.session(), Invoice, invoice_id, actor=actor())
    body = printing.invoice_pdf(database.session(), actor=actor(), invoice_id=invoice.id)
    return as_pdf(body, invoice.invoice_number or f"draft-{invoice.id}")


@blueprint.route("/invoices/<int:invoice_id>/pdf", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(PaymentLinkOn)
@blueprint.response(200, PDF, content_type=PDF_TYPE)
def print_invoice_with_link(body: dict[str, Any], invoice_id: int) -> Response:
    """The same with a payment link as a QR code; only one that was made for this invoice"""
    invoice = find(database.session(), Invoice, invoice_id, actor=actor())
    paper = printing.invoice_pdf(database.session(), actor=actor(), invoice_id=invoice.id, **body)
    return as_pdf(paper, invoice.invoice_number or f"draft-{invoice.id}")


@blueprint.route("/payments/<int:payment_id>/receipt")
@blueprint.needs("view_money")
@blueprint.response(200, PDF, content_type=PDF_TYPE)
def get_receipt_pdf(payment_id: int) -> Response:
    """The receipt of a payment as PDF, in the customer's language"""
    payment = find(database.session(), Payment, payment_id, actor=actor())
    body = printing.receipt_pdf(database.session(), actor=actor(), payment_id=payment.id)
    return as_pdf(body, payment.receipt_number or f"payment-{payment.id}")
