"""Lines that could not be counted, as they are kept for people.

Knows what can be read of any line at all: the address it came from. Refuses to know why it was put aside.
"""

import re
from collections.abc import Mapping

from accounting.facts import plain_address
from accounting.spool import Line
from db.queries.accounting import NasRow
from db.queries.spool import PutAside

_HEAD = re.compile(rb"\d{9,11}\.\d{1,6} ([0-9A-Fa-f.:]{2,45}) ")


def put_aside(line: Line, reason: str, routers: Mapping[str, NasRow]) -> PutAside:
    """The line as a row, with the address it came from and whose router that is."""
    found = _HEAD.match(line.raw)
    source = None if found is None else plain_address(found[1].decode("ascii"))
    router = None if source is None else routers.get(source)
    return PutAside(line.file, line.offset, reason, line.raw, source, None if router is None else router.tenant_id)
