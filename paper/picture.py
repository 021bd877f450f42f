"""Pictures on paper and on screen: a logo or a photo is drawn anew before it is kept, and a QR code is drawn here.

What was uploaded is never kept: it is opened as one of three plain formats, bounded before a point of it is unpacked,
and written again as PNG or JPEG, so no comment, place, script or second file survives in it.
"""

import base64
import binascii
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import segno
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_UPLOAD_BYTES = 1_400_000
MAX_PIXELS = 16_000_000
LOGO_WIDTH, LOGO_HEIGHT = 640, 240
MAX_LOGO_BYTES = 400 * 1024
FORMATS = ("PNG", "JPEG", "WEBP")
# A telephone takes pictures of so many bytes and points.
MAX_PHOTO_BYTES = 8_000_000
MAX_PHOTO_PIXELS = 26_000_000
_QUALITY = 85
MAX_QR_TEXT = 500
_MASK = 3
_PNG = "data:image/png;base64,"
_OURS = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")

ResultT = TypeVar("ResultT")


class BadPicture(Exception):
    """Not a picture that can be used; `str()` says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """A photo as it is kept: a JPEG of so many points, and where it was wanted a small square one."""

    content: bytes
    width: int
    height: int
    thumbnail: bytes | None


def photo(upload: bytes, *, longest: int, thumbnail: int | None = None) -> Photo:
    """A photo with no side longer than `longest` points, upright, without what the camera wrote besides.

    Raises `BadPicture`.
    """
    return _read(upload, MAX_PHOTO_BYTES, lambda: _photo(upload, longest, thumbnail))


def logo(upload: bytes) -> str:
    """The logo as a `data:` address of a PNG within 640 by 240 points. Raises `BadPicture`."""
    return _PNG + base64.b64encode(_read(upload, MAX_UPLOAD_BYTES, lambda: _drawn_anew(upload))).decode()


def _read(upload: bytes, most_bytes: int, draw: Callable[[], ResultT]) -> ResultT:
    if len(upload) > most_bytes:
        raise BadPicture(f"is larger than {most_bytes / 1_000_000:g} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return draw()
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


def _photo(upload: bytes, longest: int, thumbnail: int | None) -> Photo:
    with Image.open(io.BytesIO(upload), formats=FORMATS) as picture:
        _require_points(picture, MAX_PHOTO_PIXELS)
        picture.draft("RGB", (longest, longest))
        # How the camera was held stands beside the picture and goes with everything else that does.
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail((longest, longest))
    drawn = Image.new("RGB", upright.size, "white")
    drawn.paste(upright, mask=upright.getchannel("A"))
    small = None if thumbnail is None else _jpeg(ImageOps.fit(drawn, (thumbnail, thumbnail)))
    return Photo(content=_jpeg(drawn), width=drawn.width, height=drawn.height, thumbnail=small)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()


def _require_points(picture: Image.Image, most: int) -> None:
    if picture.width * picture.height > most:
        raise BadPicture(f"has more than {most // 1_000_000} million points")


def _drawn_anew(upload: bytes) -> bytes:
    with Image.open(io.BytesIO(upload), formats=FORMATS) as picture:
        _require_points(picture, MAX_PIXELS)
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
