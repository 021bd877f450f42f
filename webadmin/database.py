"""The request's session: made when first used, scoped to one tenant, committed once by the view, else rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, current_app, g
from sqlalchemy.orm import Session, sessionmaker

from bss.outcome import Effect
from db.engine import make_engine, make_session_factory, use_tenant
from db.queries.operators import with_descendants
from db.scope import use_operators
from runtime.tasks import nudge_coa

# One connection for each thread of the server process that answers pages; those that tell live figures need one for
# moments only.
POOL_SIZE = 8
_KEY = "lintas_sessions"


def init_database(app: Flask, url: str) -> None:
    """Give the application its pool; nothing connects until a request asks."""
    engine = make_engine(url, pool_size=POOL_SIZE, max_overflow=2)
    app.extensions["lintas_engine"] = engine
    app.extensions[_KEY] = make_session_factory(engine)
    app.teardown_appcontext(_close)


def session() -> Session:
    """The session of this request."""
    if "database_session" not in g:
        factory: sessionmaker[Session] = current_app.extensions[_KEY]
        g.database_session = factory()
    opened: Session = g.database_session
    return opened


def scope_to(tenant_id: int, operator_id: int | None = None) -> None:
    """From now on this request sees one tenant's rows, and of an operator's staff only theirs and those below."""
    use_tenant(session(), tenant_id)
    use_operators(session(), None if operator_id is None else with_descendants(session(), operator_id))


def commit(effect: Effect | None = None) -> None:
    """Make what the use-case wrote true, then wake the sender when a running session is concerned."""
    held: HeldCommit | None = g.get("held_commit")
    concerned = effect is not None and bool(effect.sessions)
    if held is not None:
        session().flush()
        held.concerns_sessions |= concerned
        return
    session().commit()
    if concerned:
        nudge_coa()


class HeldCommit:
    """A commit that waits until the answer can be written with it."""

    def __init__(self) -> None:
        self.concerns_sessions = False

    def commit(self) -> None:
        """What `commit` would have done."""
        session().commit()
        if self.concerns_sessions:
            nudge_coa()


@contextmanager
def held_commit() -> Iterator[HeldCommit]:
    """Inside, `commit` only flushes; whoever holds it back commits in the end."""
    g.held_commit = HeldCommit()
    try:
        yield g.held_commit
    finally:
        g.held_commit = None


def _close(_error: BaseException | None = None) -> None:
    # Kept, not taken out: a file that is read while it is sent uses the session after its view has ended, in a context
    # that ends here again.
    opened: Session | None = g.get("database_session")
    if opened is not None:
        # Closing rolls back whatever a view did not commit.
        opened.close()
