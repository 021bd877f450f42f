"""A customer's photo and the picture of his identity card on screen; without a photo his initials stand for him."""

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.datastructures import FileStorage

from bss import pictures as use
from bss.failure import NotFound
from bss.pictures import Picture
from domain.customer_media import ID_CARD, PHOTO
from paper.picture import MAX_PHOTO_BYTES
from webadmin.panel.support import act, db, found, run
from webadmin.permissions import requires
from webadmin.pictures import as_jpeg
from webadmin.security import current_actor

blueprint = Blueprint("customer_pictures", __name__)


@blueprint.get("/customers/<int:customer_id>/photo")
@requires("view_customers")
def photo(customer_id: int) -> ResponseReturnValue:
    """The photo, or the small square one."""
    is_small = request.args.get("size") == "small"
    try:
        picture = use.photo_of(db(), actor=current_actor(), customer_id=customer_id, is_small=is_small)
    except NotFound:
        return found(None)
    return as_jpeg(picture, f"customer-{customer_id}")


@blueprint.post("/customers/<int:customer_id>/photo")
@requires("edit_customers")
def change_photo(customer_id: int) -> ResponseReturnValue:
    """Another photo, or none."""
    return _change(customer_id, PHOTO)


@blueprint.get("/customers/<int:customer_id>/id-card-picture")
@requires("view_id_cards")
def id_card(customer_id: int) -> ResponseReturnValue:
    """The picture of the identity card; who looked is kept before it is shown."""
    try:
        picture: Picture = run(use.id_card_of, customer_id=customer_id)
    except NotFound:
        return found(None)
    return as_jpeg(picture, f"id-card-{customer_id}")


@blueprint.post("/customers/<int:customer_id>/id-card-picture")
@requires("edit_customers")
def change_id_card(customer_id: int) -> ResponseReturnValue:
    """Another picture of the identity card, or none."""
    return _change(customer_id, ID_CARD)


def _change(customer_id: int, kind: str) -> ResponseReturnValue:
    back = url_for("panel.customers.edit", customer_id=customer_id)
    one: dict[str, Any] = {"customer_id": customer_id, "kind": kind}
    if request.form.get("do") == "remove":
        return act(back, gettext("The picture was removed."), use.remove, **one)
    chosen = request.files.get("file")
    upload = chosen.stream.read(MAX_PHOTO_BYTES + 1) if isinstance(chosen, FileStorage) else b""
    return act(back, gettext("The picture is kept."), use.put, upload=upload, **one)
