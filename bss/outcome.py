"""What a use-case hands back: the row, and what will now happen on the network."""

from dataclasses import dataclass
from typing import Generic, TypeVar

RowT = TypeVar("RowT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """The changes of live sessions that were written to the outbox; empty when nobody concerned is online.

    `bulk_ids` are changes to many sessions that a job goes on with; `bulk_sessions` is how many those are for.
    """

    coa_ids: tuple[int, ...] = ()
    disconnect_ids: tuple[int, ...] = ()
    bulk_ids: tuple[int, ...] = ()
    bulk_sessions: int = 0

    @property
    def change_ids(self) -> tuple[int, ...]:
        """Every outbox row, for a caller who wants to follow what the routers answer."""
        return self.coa_ids + self.disconnect_ids

    @property
    def sessions(self) -> int:
        """How many running sessions are concerned."""
        return len(self.coa_ids) + len(self.disconnect_ids) + self.bulk_sessions

    def __add__(self, other: "Effect") -> "Effect":
        return Effect(
            coa_ids=self.coa_ids + other.coa_ids,
            disconnect_ids=self.disconnect_ids + other.disconnect_ids,
            bulk_ids=self.bulk_ids + other.bulk_ids,
            bulk_sessions=self.bulk_sessions + other.bulk_sessions,
        )

    def __str__(self) -> str:
        said = [
            f"{_sessions(len(ids))} will be {what}"
            for ids, what in ((self.coa_ids, "changed"), (self.disconnect_ids, "disconnected"))
            if ids
        ]
        said += [f"{_sessions(self.bulk_sessions)} will be changed in the background"] if self.bulk_ids else []
        return "; ".join(said) or "no session is concerned"


# For results that have one.
NO_EFFECT = Effect()


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed(Generic[RowT]):
    """A row after the change, with its effect on the network."""

    row: RowT
    effect: Effect = Effect()


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued(Generic[RowT]):
    """A row whose secret is shown once, now. `str()` of this never shows it."""

    row: RowT
    secret: str
    effect: Effect = Effect()

    def __repr__(self) -> str:
        return f"Issued(row={self.row!r}, secret=…)"


def _sessions(number: int) -> str:
    return "1 session" if number == 1 else f"{number} sessions"
