"""What every expected failure looks like: which field, what is wrong with it, and what to do about it.

Modules subclass these for their own failures; the surfaces translate the three kinds and know nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

# A reason that begins with one of these is a sentence; any other is said of its field.
_SENTENCES_BEGIN = frozenset(("a", "an", "another", "every", "it", "no", "nobody", "only", "the", "there", "this"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong: `field` as the caller named it (empty for the whole), the reason, and the mend."""

    field: str
    reason: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.mend}" if self.mend else self.reason

    def sentence(self) -> str:
        """What stands by itself: "username is taken", but "the invoice is paid" without the field before it."""
        is_whole = not self.field or self.reason.split(" ", 1)[0] in _SENTENCES_BEGIN
        return str(self) if is_whole else f"{self.field} {self}"


class Failure(Exception):
    """A use-case that refused; nothing was written. `str()` is a sentence for the person who asked."""

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class NotFound(Failure):
    """No such row in the actor's tenant."""


class Invalid(Failure):
    """A value that cannot be accepted."""


class Conflict(Failure):
    """A value or a move that does not go with what is there now."""


class TooMany(Failure):
    """More in a time than is allowed; later it is."""


class StaleVersion(Conflict):
    """Somebody else saved the row since the caller read it."""


def require_known(changes: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """Raise `Invalid` for a field that this use-case does not change."""
    unknown = sorted(set(changes) - allowed)
    if unknown:
        raise Invalid([Problem(field=name, reason="cannot be changed here") for name in unknown])


def raise_all(problems: Sequence[Problem | None]) -> None:
    """Raise `Invalid` with every problem that was found; returns when there is none."""
    found = [problem for problem in problems if problem is not None]
    if found:
        raise Invalid(found)


def flush_or_conflict(session: Session, taken: Mapping[str, Problem]) -> None:
    """Flush; a broken unique index named in `taken` becomes a `Conflict`. Only the index is safe against a race."""
    try:
        session.flush()
    except IntegrityError as error:
        name = str(getattr(getattr(error.orig, "diag", None), "constraint_name", ""))
        if name not in taken:
            raise
        raise Conflict(taken[name]) from None
