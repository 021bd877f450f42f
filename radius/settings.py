"""What the policy is told at start: a small file of its own, so that no settings library loads into FreeRADIUS."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicySettings:
    """Where things are and how much of everything.

    `spool_strict`: no record is acknowledged before it is on the disk. `takes_accounting`: the server for logins takes
    records too, by TLS. `max_stale_s`: how old a profile may be during an outage. `capacity`: subscriptions kept in
    memory.
    """

    dsn: str
    keys_file: str
    spool_dir: str
    spool_gate: str
    min_free_bytes: int = 64 * 1024 * 1024
    spool_sync_ms: int = 1000
    spool_strict: bool = False
    takes_accounting: bool = False
    capacity: int = 250_000
    max_stale_s: float = 86_400.0
    read_timeout_ms: int = 250

    @classmethod
    def from_file(cls, path: str) -> "PolicySettings":
        """Read the JSON file that FreeRADIUS's configuration names; an unknown name in it is an error."""
        return cls(**json.loads(Path(path).read_text()))
