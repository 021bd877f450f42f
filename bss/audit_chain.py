"""The keyed chain over the audit log, and the check that finds what was changed behind its back.

A row is sealed within the minute after its transaction, by a job, so that what wrote it never waits. A seal is
HMAC-SHA-256 over the row and the seal before, under a key that the database does not know: whoever may write tables
cannot make one. The end of the chain is also written to a file and to the log, so that a chain that was cut at its end,
or an old copy of the whole database, is found as well.
"""

import hmac
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from db.queries import audit_chain as queries
from db.queries.audit_chain import Link
from runtime.files import private_dir, read_or_create, write_private

PORTION = 2000
MOST_PORTIONS = 100
MOST_FINDINGS = 100
HEADS_KEPT = 2000
HEAD_EVERY = timedelta(hours=1)
# A row that waits longer has no job that seals it.
LATE = timedelta(minutes=5)
GONE = ("gone",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong. `kind`: changed, removed, inserted, link_removed, cut or late."""

    kind: str
    audit_id: int | None
    seq: int | None
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the check found; `head` is number and seal of the last link, to be kept elsewhere."""

    checked: int
    waiting: int
    head: str
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether everything is as it was written."""
        return not self.findings


def read_key(path: Path) -> bytes:
    """The key of the chain, made when there is none yet."""
    if not path.exists():
        # A key that is given lies where others may have files, too: their folder is not ours to close.
        private_dir(path.parent)
    return read_or_create(path, secrets.token_hex(32)).encode()


def seal_portion(connection: psycopg.Connection[Any], *, key: bytes, now: datetime) -> int:
    """Seal some rows in the caller's transaction; returns how many, 0 when none waits or somebody else is at it."""
    if not queries.lock_chain(connection):
        return 0
    seq, seal = queries.head(connection)
    made = []
    for row in queries.take_unsealed(connection, PORTION):
        seq += 1
        seal = _seal(key, seal, seq, GONE if row.is_gone else row.content)
        made.append((seq, row.audit_id, seal, now))
    queries.add_links(connection, made)
    return len(made)


def head_line(connection: psycopg.Connection[Any]) -> str:
    """The end of the chain as `number:seal`."""
    seq, seal = queries.head(connection)
    return f"{seq}:{seal.hex()}"


def note_head(path: Path, line: str, now: datetime) -> bool:
    """Write the end of the chain down apart from the database, once an hour; True when it was written."""
    kept = path.read_text().splitlines() if path.exists() else []
    if kept and now - datetime.fromisoformat(kept[-1].split(" ")[0]) < HEAD_EVERY:
        return False
    write_private(path, "\n".join([*kept[1 - HEADS_KEPT :], f"{now.isoformat()} {line}"]) + "\n")
    return True


def noted_heads(path: Path) -> list[str]:
    """The ends that were written down, oldest first."""
    return [line.split(" ")[1] for line in path.read_text().splitlines() if " " in line] if path.exists() else []


def verify(connection: psycopg.Connection[Any], *, key: bytes, now: datetime, heads: Iterable[str] = ()) -> Verdict:
    """Walk the chain from its beginning. The connection's transaction must see one moment (repeatable read).

    `heads` are ends that were written down elsewhere; each must be a link of the chain as it is.
    """
    walk = _Walk(key, dict(_parsed(heads)))
    findings = []
    for finding in walk.findings(queries.links(connection)):
        findings.append(finding)
        if len(findings) >= MOST_FINDINGS:
            break
    findings += _strays(connection)
    count, oldest = queries.waiting(connection)
    if oldest is not None and now - oldest > LATE:
        sentence = (
            f"{count} rows are not sealed; the oldest is of {oldest:%Y-%m-%d %H:%M}. Does the job audit-seal run?"
        )
        findings.append(Finding(kind="late", audit_id=None, seq=None, sentence=sentence))
    return Verdict(checked=walk.checked, waiting=count, head=f"{walk.seq}:{walk.seal.hex()}", findings=tuple(findings))


class _Walk:
    """Where in the chain we are: the last link's number and seal, as they stand in the table."""

    def __init__(self, key: bytes, heads: dict[int, str]) -> None:
        self.key, self.heads = key, heads
        self.seq, self.seal, self.checked = 0, b"", 0

    def findings(self, links: Iterable[Link]) -> Iterator[Finding]:
        """Everything that is wrong, from the first link to the last."""
        for link in links:
            yield from self._wrong_with(link)
            if self.heads.get(link.seq, link.seal.hex()) != link.seal.hex():
                yield _other_end(link.seq)
            self.seq, self.seal, self.checked = link.seq, link.seal, self.checked + 1
        last = max(self.heads, default=0)
        if last > self.seq:
            yield _cut(self.seq, last)

    def _wrong_with(self, link: Link) -> Iterator[Finding]:
        if link.seq != self.seq + 1:
            # What its seal was made from is gone, so this link itself cannot be checked.
            yield _links_gone(self.seq + 1, link.seq - 1)
        elif link.is_gone:
            yield _row_gone(link)
        elif not hmac.compare_digest(_seal(self.key, self.seal, link.seq, link.content), link.seal):
            yield _wrong(link)


def _seal(key: bytes, before: bytes, seq: int, content: tuple[str | None, ...]) -> bytes:
    return hmac.digest(key, json.dumps([before.hex(), seq, *content]).encode(), "sha256")


def _parsed(heads: Iterable[str]) -> Iterator[tuple[int, str]]:
    for head in heads:
        number, _, seal = head.partition(":")
        if number.isdecimal() and int(number):
            yield int(number), seal


def _strays(connection: psycopg.Connection[Any]) -> list[Finding]:
    return [
        Finding(kind="inserted", audit_id=number, seq=None, sentence=f"row {number} was put in behind the chain's back")
        for number in queries.stray_rows(connection, MOST_FINDINGS)
    ]


def _wrong(link: Link) -> Finding:
    sentence = f"row {link.audit_id} is not what was sealed as link {link.seq}"
    return Finding(kind="changed", audit_id=link.audit_id, seq=link.seq, sentence=sentence)


def _row_gone(link: Link) -> Finding:
    sentence = f"row {link.audit_id}, sealed as link {link.seq}, is gone"
    return Finding(kind="removed", audit_id=link.audit_id, seq=link.seq, sentence=sentence)


def _links_gone(first: int, last: int) -> Finding:
    which = f"link {first} is" if first == last else f"links {first} to {last} are"
    return Finding(kind="link_removed", audit_id=None, seq=first, sentence=f"{which} gone from the chain")


def _other_end(seq: int) -> Finding:
    sentence = f"link {seq} is not the one that was written down as the end of the chain"
    return Finding(kind="changed", audit_id=None, seq=seq, sentence=sentence)


def _cut(seq: int, last: int) -> Finding:
    sentence = f"the chain ends at link {seq}, and {last} was written down: its end was cut, or this is an old copy"
    return Finding(kind="cut", audit_id=None, seq=last, sentence=sentence)
