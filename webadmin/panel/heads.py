"""What the columns of a file are called in the reader's language. API and command line keep the keys themselves."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

Row = Sequence[Any]
# Times are in UTC and numbers whole, because a file is read by programs too; the head says so.
HEADS: dict[str, LazyString | str] = {
    "started_at": _l("Began (UTC)"),
    "stopped_at": _l("Ended (UTC)"),
    "seconds": _l("Time online (seconds)"),
    "service": _l("Service"),
    "username": _l("Username"),
    "framed_ip": _l("Address"),
    "ipv6_prefix": _l("IPv6 prefix"),
    "delegated_prefix": _l("Delegated prefix"),
    "device": _l("Device (MAC)"),
    "router": _l("Router"),
    "download_bytes": _l("Downloaded (bytes)"),
    "upload_bytes": _l("Uploaded (bytes)"),
    "terminate_cause": _l("End"),
    "acct_session_id": _l("Session number"),
    "code": _l("Code"),
    "batch": _l("Batch"),
    "plan": _l("Plan"),
    "state": _l("State"),
    "price": _l("Price"),
    "credit": _l("Credit"),
    "validity_hours": _l("Valid for (hours)"),
    "time_limit_hours": _l("Time online (hours)"),
    "data_limit_bytes": _l("Volume (bytes)"),
    "sell_until": _l("To be sold until"),
    "sold_at": _l("Sold (UTC)"),
    "first_used_at": _l("First used (UTC)"),
    "valid_until": _l("Valid until (UTC)"),
    "redeemed_at": _l("Redeemed (UTC)"),
}


def in_language(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of a file with its head, the first of them, in the reader's words; a key without words stays.

    The head is taken at once, while the request and its language are there; the others when they are asked for.
    """
    left = iter(rows)
    head = [str(HEADS.get(str(key), key)) for key in next(left, ())]
    return chain([head] if head else [], left)
