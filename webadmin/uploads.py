"""How large a request may be: little everywhere, and a telephone's picture where pictures are taken."""

from flask import Flask, request

from paper.picture import MAX_PHOTO_BYTES

# What a form carries around its file.
_AROUND_BYTES = 64 * 1024
_PICTURES = frozenset(
    {
        "customer-pictures.keep_photo",
        "customer-pictures.keep_id_card_picture",
        "panel.customer_pictures.change_photo",
        "panel.customer_pictures.change_id_card",
    }
)


def init_uploads(app: Flask) -> None:
    """Before anything reads the body, the check against forgery included."""
    app.before_request(_allow)


def _allow() -> None:
    if request.endpoint in _PICTURES:
        request.max_content_length = MAX_PHOTO_BYTES + _AROUND_BYTES
