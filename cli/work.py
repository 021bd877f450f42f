"""What business commands share: a session with the provider and an actor, one commit, and errors in one line."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.failure import Failure
from bss.outcome import Changed, Issued
from cli.output import emit, wants_json
from db.engine import one_session, use_tenant
from db.queries.named import tenant_named
from db.queries.paging import MAX_PAGE_SIZE, Page, Wanted
from domain.lifecycle import IllegalMove
from runtime.settings import get_settings
from runtime.tasks import nudge_coa

ResultT = TypeVar("ResultT")

tenant_option = click.option("--tenant", metavar="SLUG", help="The provider; only needed where there are several.")
limit_option = click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, MAX_PAGE_SIZE), help="How many rows at most."
)


@dataclass(frozen=True, kw_only=True)
class Work:
    """One command's transaction."""

    session: Session
    actor: Actor
    now: datetime

    @property
    def tenant_id(self) -> int:
        """The provider's id."""
        return self.actor.tenant_id

    def do(self, use_case: Callable[..., ResultT], **arguments: Any) -> ResultT:
        """Run a use-case as the person at the terminal."""
        return use_case(self.session, actor=self.actor, now=self.now, **arguments)

    def found(self, row: ResultT | None, what: str) -> ResultT:
        """The row, or an end with a sentence."""
        if row is None:
            raise click.ClickException(f"there is no such {what}")
        return row


@contextmanager
def work(tenant: str | None = None) -> Iterator[Work]:
    """Open a transaction; commit when the block ends well, and wake the sender of live changes."""
    try:
        with one_session(get_settings().database_url) as session:
            found = tenant_named(session, tenant)
            if found is None:
                raise click.ClickException("there is no such provider; 'lintas demo' or the set-up makes the first one")
            use_tenant(session, found.id)
            actor = Actor.system(tenant_id=found.id, name=f"command line ({getpass.getuser()})")
            yield Work(session=session, actor=actor, now=datetime.now(UTC))
            session.commit()
        nudge_coa()
    except (Failure, IllegalMove) as refusal:
        raise click.ClickException(_sentence(refusal)) from None


def newest(limit: int, sort: str) -> Wanted:
    """The first page of a list."""
    return Wanted(sort=sort, page_size=limit)


def show_list(page: Page[Any], rows: list[dict[str, Any]], lines: Callable[[], list[str]]) -> None:
    """Print a list and, for people, how much of it was left out."""
    more = page.total_items - len(rows)
    emit({"items": rows, "total_items": page.total_items}, [])
    if not wants_json():
        emit(None, lines() + ([f"… and {more} more; narrow the search or raise --limit"] if more > 0 else []))


def show_fields(row: dict[str, Any]) -> None:
    """Print one row, a field a line."""
    width = max(len(name) for name in row)
    emit(row, [f"{name.ljust(width)}  {'' if value is None else value}" for name, value in row.items()])


def show_result(what: str, result: Changed[Any] | Issued[Any], **more: Any) -> None:
    """Print what was done and what follows on the network."""
    data: dict[str, Any] = {"message": f"{what}; {result.effect}", "session_changes": list(result.effect.change_ids)}
    secret = {"secret": result.secret} if isinstance(result, Issued) else {}
    shown = [f"{name}: {value}" for name, value in (more | secret).items()]
    emit(data | more | secret, [f"{data['message']}.", *shown])


def _sentence(refusal: Failure | IllegalMove) -> str:
    if isinstance(refusal, IllegalMove):
        return str(refusal)
    return "; ".join(f"{problem.field}: {problem}" if problem.field else str(problem) for problem in refusal.problems)
