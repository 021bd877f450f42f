"""Pictures on paper: a logo is drawn anew before it is kept, and a QR code is drawn here.

What was uploaded is never kept: it is opened as one of three plain formats, bounded before a point of it is unpacked,
and written again as PNG, so no comment, script or second file survives in it.
"""

import base64
import binascii
import io
import re
import warnings

import segno
from PIL import Image, UnidentifiedImageError

MAX_UPLOAD_BYTES = 1_400_000
MAX_PIXELS = 16_000_000
LOGO_WIDTH, LOGO_HEIGHT = 640, 240
MAX_LOGO_BYTES = 400 * 1024
FORMATS = ("PNG", "JPEG", "WEBP")
MAX_QR_TEXT = 500
_MASK = 3
_PNG = "data:image/png;base64,"
_OURS = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")


class BadPicture(Exception):
    """Not a picture that can be used; `str()` says why."""


def logo(upload: bytes) -> str:
    """The logo as a `data:` address of a PNG within 640 by 240 points. Raises `BadPicture`."""
    if len(upload) > MAX_UPLOAD_BYTES:
        raise BadPicture(f"is larger than {MAX_UPLOAD_BYTES / 1_000_000:g} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _PNG + base64.b64encode(_drawn_anew(upload)).decode()
    except BadPicture:
        raise
    except UnidentifiedImageError:
        raise BadPicture("is no PNG, JPEG or WebP picture") from None
    # Broken files end in many kinds of errors, all of them the file's.
    except Exception as error:
        raise BadPicture("cannot be read as a picture") from error


def is_ours(address: str) -> bool:
    """Whether it is a `data:` address as `logo` makes them."""
    return len(address) <= MAX_LOGO_BYTES * 2 and _OURS.fullmatch(address) is not None


def unwrapped(text: str) -> bytes:
    """The bytes of a picture that came as base64 or as a `data:` address. Raises `BadPicture`."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadPicture("is not base64") from None


def _drawn_anew(upload: bytes) -> bytes:
    with Image.open(io.BytesIO(upload), formats=FORMATS) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise BadPicture(f"has more than {MAX_PIXELS // 1_000_000} million points")
        picture.draft("RGB", (LOGO_WIDTH, LOGO_HEIGHT))
        small = picture.convert("RGBA")
    small.thumbnail((LOGO_WIDTH, LOGO_HEIGHT))
    for colours in (None, 256, 64):
        out = io.BytesIO()
        (small if colours is None else small.quantize(colours)).save(out, "PNG", optimize=True)
        if out.tell() <= MAX_LOGO_BYTES:
            return out.getvalue()
    raise BadPicture("has too much in it for a logo")


def qr(text: str) -> str:
    """A QR code as a `data:` address, of medium error correction, for paper that gets wet or folded.

    Its mask is fixed: to weigh all eight takes five times as long, and readers know them all. A bitmap, four points to
    a square: a drawing of a thousand small lines takes longer to print than everything else on a voucher.
    """
    if not 0 < len(text) <= MAX_QR_TEXT:
        raise ValueError(f"a QR code holds 1 to {MAX_QR_TEXT} characters here, not {len(text)}")
    drawn: str = segno.make_qr(text, error="m", mask=_MASK).png_data_uri(border=0, scale=4)
    return drawn
