"""Which session a record says it is of.

A session's unique id is 24 hex digits of a hash over router, Class (or User-Name, where no Class of ours came) and
Acct-Session-Id, and 8 that are zero unless that identity was used before: then the start of the later session. So
everything of one identity is found by one range of an index, and the usual case by one exact value.
"""

from collections.abc import Collection
from hashlib import blake2b

from accounting.records import Record
from accounting.sessions import Key
from db.queries.accounting import NasRow
from domain.sessions import SECOND_US

# The end of the unique id of an identity's first session.
FIRST = "00000000"


def key_of(record: Record, router: NasRow) -> Key:
    """What the record says its session is; no part can hold the NUL that is between them."""
    return f"{router.nas_server_id}\0{record.class_text or f'name {record.username}'}\0{record.session_id}"


def session_id_of(key: Key) -> str:
    """The Acct-Session-Id in it."""
    return key.rpartition("\0")[2]


def prefix_of(key: Key) -> str:
    """The 24 hex digits that every session of an identity shares."""
    return blake2b(key.encode(), digest_size=12).hexdigest()


def unique_id_of(key: Key, started_us: int, taken: Collection[str]) -> str:
    """The id of a session that begins, where its identity has those that are `taken` already."""
    if not taken:
        return prefix_of(key) + FIRST
    suffix = started_us // SECOND_US
    while (unique_id := f"{prefix_of(key)}{suffix & 0xFFFFFFFF:08x}") in taken:
        suffix += 1
    return unique_id
