"""The codes people read out on the phone: `CUST-2026110001`. Decides their form; who counts is somebody else's part."""

from datetime import date

CUSTOMER_PREFIX = "CUST"
SUBSCRIPTION_PREFIX = "SUB"
BATCH_PREFIX = "VCH"


def code_period(day: date) -> str:
    """The month in which running numbers start again at one."""
    return f"{day.year:04d}{day.month:02d}"


def render_code(prefix: str, period: str, number: int) -> str:
    """Prefix, month and at least four digits; the ten-thousandth of a month simply gets a fifth."""
    if number < 1:
        raise ValueError(f"running numbers start at one, not {number}")
    return f"{prefix}-{period}{number:04d}"
