"""A voucher's first login, told by its record: from then on it is valid for as long as it was sold for.

The record of an accept says by the time it is here that the password was right too.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from db.queries.accounting import Connection
from db.queries.vouchers import FirstUse, begin_vouchers
from domain.mac import normalise_mac


def write(connection: Connection, rows: Iterable[tuple[Any, ...]], now: datetime) -> None:
    """Begin the vouchers that rows of the access log tell of."""
    uses = [use for row in rows if (use := _first_use(row)) is not None]
    if uses:
        begin_vouchers(connection, uses, now)


def _first_use(row: tuple[Any, ...]) -> FirstUse | None:
    at, station, result, subscription_id, details = row[0], row[4], row[6], row[9], row[10]
    if details is None or subscription_id is None or result != "accept":
        return None
    if orjson.loads(details).get("voucher") != "first":
        return None
    return FirstUse(subscription_id=subscription_id, at=at, mac=normalise_mac(station or ""))
