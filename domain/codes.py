"""The codes people read out on the phone: `CUST-2026110001`. Decides their form; who counts is somebody else's part."""

import re
from datetime import date

# Letters and digits that are not misread on paper: without 0 O, 1 l I.
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
CUSTOMER_PREFIX = "CUST"
SUBSCRIPTION_PREFIX = "SUB"
BATCH_PREFIX = "VCH"
_PREFIX = re.compile(r"[A-Z0-9]{1,10}")
INVOICE_PREFIX = "INV"
RECEIPT_PREFIX = "RCP"


def is_prefix(text: str) -> bool:
    """Whether codes and numbers may begin so."""
    return _PREFIX.fullmatch(text) is not None


def code_period(day: date) -> str:
    """The month in which running numbers start again at one."""
    return f"{day.year:04d}{day.month:02d}"


def render_code(prefix: str, period: str, number: int) -> str:
    """Prefix, month and at least four digits; the ten-thousandth of a month simply gets a fifth."""
    if number < 1:
        raise ValueError(f"running numbers start at one, not {number}")
    return f"{prefix}-{period}{number:04d}"


def render_document(prefix: str, period: str, number: int) -> str:
    """The number of a document of a day: `INV-20261127-0001`; the ten-thousandth of a day gets a fifth digit."""
    if number < 1:
        raise ValueError(f"running numbers start at one, not {number}")
    return f"{prefix}-{period}-{number:04d}"
