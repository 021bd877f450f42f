"""Photos of customers and pictures of their identity cards, over HTTP."""

from typing import Any

from flask import Response
from werkzeug.datastructures import FileStorage

from bss import pictures
from db.models import Customer
from domain.customer_media import ID_CARD, PHOTO
from paper.picture import MAX_PHOTO_BYTES
from webadmin import database
from webadmin.api import schemas as shared
from webadmin.api.base import PREFIX, Blueprint, acting, actor
from webadmin.api.customers import shown
from webadmin.api.schemas import customer_media as schemas
from webadmin.pictures import JPEG, JPEG_TYPE, as_jpeg

blueprint = Blueprint(
    "customer-pictures", __name__, url_prefix=f"{PREFIX}/customers", description="A photo and an identity card of each"
)


@blueprint.route("/<int:customer_id>/photo")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.PhotoQuery, location="query")
@blueprint.response(200, JPEG, content_type=JPEG_TYPE)
def get_photo(arguments: dict[str, Any], customer_id: int) -> Response:
    """A customer's photo, or the small square one"""
    is_small = arguments["size"] == "small"
    picture = pictures.photo_of(database.session(), actor=actor(), customer_id=customer_id, is_small=is_small)
    return as_jpeg(picture, f"customer-{customer_id}")


@blueprint.route("/<int:customer_id>/photo", methods=["POST"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.PictureFile, location="files")
@blueprint.response(200, shared.CustomerOut)
def keep_photo(files: dict[str, FileStorage], customer_id: int) -> Customer:
    """Keep a photo in the place of the one before; it is drawn anew, so nothing else of the file stays"""
    return _put(files, customer_id, PHOTO)


@blueprint.route("/<int:customer_id>/photo", methods=["DELETE"])
@blueprint.needs("edit_customers")
@blueprint.response(204)
def remove_photo(customer_id: int) -> None:
    """Take the photo away"""
    pictures.remove(**acting(), customer_id=customer_id, kind=PHOTO)
    database.commit()


@blueprint.route("/<int:customer_id>/id-card-picture")
@blueprint.needs("view_id_cards")
@blueprint.response(200, JPEG, content_type=JPEG_TYPE)
def get_id_card_picture(customer_id: int) -> Response:
    """The picture of a customer's identity card; the audit log keeps who looked"""
    picture = pictures.id_card_of(**acting(), customer_id=customer_id)
    database.commit()
    return as_jpeg(picture, f"id-card-{customer_id}")


@blueprint.route("/<int:customer_id>/id-card-picture", methods=["POST"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.PictureFile, location="files")
@blueprint.response(200, shared.CustomerOut)
def keep_id_card_picture(files: dict[str, FileStorage], customer_id: int) -> Customer:
    """Keep a picture of the identity card in the place of the one before"""
    return _put(files, customer_id, ID_CARD)


@blueprint.route("/<int:customer_id>/id-card-picture", methods=["DELETE"])
@blueprint.needs("edit_customers")
@blueprint.response(204)
def remove_id_card_picture(customer_id: int) -> None:
    """Take the picture of the identity card away"""
    pictures.remove(**acting(), customer_id=customer_id, kind=ID_CARD)
    database.commit()


def _put(files: dict[str, FileStorage], customer_id: int, kind: str) -> Customer:
    upload = files["file"].stream.read(MAX_PHOTO_BYTES + 1)
    customer = pictures.put(**acting(), customer_id=customer_id, kind=kind, upload=upload)
    database.commit()
    return shown(customer)
