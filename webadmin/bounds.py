"""What a request may hold: little everywhere, a telephone's picture where pictures are taken, and text that is text."""

from flask import Flask, request

from bss.failure import Invalid, Problem
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


def init_bounds(app: Flask) -> None:
    """Before anything reads the body, the check against forgery included."""
    app.before_request(_allow_size)
    app.before_request(_refuse_nul)


def _refuse_nul() -> None:
    """The database takes no such text, and would say so only after a file has begun to leave."""
    for name, value in request.args.items(multi=True):
        if "\x00" in name or "\x00" in value:
            field = name.replace("\x00", "")
            raise Invalid(Problem(field=field, reason="holds a character that no text has", mend="leave it out"))


def _allow_size() -> None:
    if request.endpoint in _PICTURES:
        request.max_content_length = MAX_PHOTO_BYTES + _AROUND_BYTES
