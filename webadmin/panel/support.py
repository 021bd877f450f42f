"""What every panel view needs: who asks, when, in which zone; running a use-case and telling what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from flask import abort, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_login import current_user

from bss.failure import Failure, NotFound
from bss.outcome import Effect
from db.models import Tenant
from domain.lifecycle import IllegalMove
from webadmin.database import commit
from webadmin.database import session as db
from webadmin.format import zone_of
from webadmin.panel.sentences import said
from webadmin.panel.words import illegal_move_words
from webadmin.security import current_actor, now

__all__ = [
    "PAGE_SIZE",
    "Page",
    "act",
    "argument_id",
    "attempt",
    "back_url",
    "db",
    "effect_of",
    "followed_ids",
    "found",
    "is_part",
    "now",
    "page_number",
    "page_url",
    "rehearse",
    "render",
    "run",
    "tenant",
    "today",
    "with_follow",
    "with_query",
    "zone",
]

PAGE_SIZE = 25
MAX_PAGE = 10_000
FOLLOWED = 20
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class Page:
    """Where in a list we are."""

    number: int
    size: int
    total: int
    # False when there are more than `total`, which nobody counted.
    is_exact: bool = True

    @property
    def first(self) -> int:
        """Position of the first row shown, 0 when there is none."""
        return min(self.total, (self.number - 1) * self.size + 1)

    @property
    def last(self) -> int:
        """Position of the last row shown."""
        return min(self.total, self.number * self.size)

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))


def tenant() -> Tenant:
    """The provider that the signed-in user works for."""
    if "panel_tenant" not in g:
        g.panel_tenant = db().get(Tenant, current_user.tenant_id)
    found: Tenant = g.panel_tenant
    return found


def zone() -> tzinfo:
    """The provider's time zone, in which every time is shown."""
    return zone_of(tenant().timezone)


def today() -> date:
    """The provider's local day."""
    return now().astimezone(zone()).date()


def is_part() -> bool:
    """True when only a part of a page is wanted (htmx or the dialog script ask so)."""
    return request.headers.get("HX-Request") == "true"


def page_number() -> int:
    """The page asked for in the address, from 1."""
    wanted = request.args.get("page", 1, type=int)
    return min(max(1, wanted or 1), MAX_PAGE)


def argument_id(name: str) -> int | None:
    """A row id from the address, None when absent or no number."""
    value = request.args.get(name, type=int)
    return value if value is not None and 0 < value < 2**63 else None


def page_url(number: int) -> str:
    """The address of this list at another page, with its filters."""
    return with_query(url_for(request.endpoint or "", **(request.view_args or {})), page=str(number))


def with_query(url: str, **changed: str | None) -> str:
    """The address with this request's query, other in what is named; whatever it names, it means only itself."""
    kept = {name: value for name, value in (request.args.to_dict() | changed).items() if value not in (None, "")}
    return f"{url}?{urlencode(kept)}" if kept else url


def render(template: str, status: int = 200, **values: Any) -> ResponseReturnValue:
    """A page of the panel."""
    return make_response(render_template(template, is_part=is_part(), **values), status)


def found(row: ResultT | None) -> ResultT:
    """The row, or the answer that there is none."""
    if row is None:
        abort(404)
    return row


def run(use_case: Callable[..., ResultT], /, **arguments: Any) -> ResultT:
    """Do it for the signed-in user, commit, and wake the sender of live changes. A refusal leaves nothing behind."""
    try:
        result = use_case(db(), actor=current_actor(), now=now(), **arguments)
        commit(effect_of(result))
    except (Failure, IllegalMove):
        db().rollback()
        raise
    return result


def attempt(form: Any, use_case: Callable[..., ResultT], /, **arguments: Any) -> ResultT | None:
    """Do it; None when it was refused, with every problem beside the field of the form that it names."""
    try:
        return run(use_case, **arguments)
    except NotFound:
        abort(404)
    except (Failure, IllegalMove) as refusal:
        blame(form, refusal)
        return None


def blame(form: Any, refusal: Failure | IllegalMove) -> None:
    """Put the problems of a refusal beside the fields they name, the rest above the form."""
    for name, text in problems_of(refusal):
        target = _field_of(form, name)
        if target is None:
            form.form_errors = [*form.form_errors, text]
        else:
            target.errors = [*target.errors, text]


def _field_of(form: Any, name: str) -> Any:
    """The field that a use-case calls `name`; `fup_rules.0.counts` is a field of the list's first part."""
    head, _, rest = name.partition(".")
    field = form._fields.get(head)
    position, _, inner = rest.partition(".")
    if field is None or not position.isdigit() or int(position) >= len(field.entries):
        return field
    return _field_of(field.entries[int(position)].form, inner)


def problems_of(refusal: Failure | IllegalMove) -> list[tuple[str, str]]:
    """Field and translated sentence of everything that is wrong."""
    if isinstance(refusal, IllegalMove):
        words = illegal_move_words(refusal.entity, refusal.current, refusal.wanted, refusal.possible)
        return [("", words)]
    return [(problem.field, _sentence(problem.reason, problem.mend)) for problem in refusal.problems]


def _sentence(reason: str, mend: str) -> str:
    text = said(reason)
    text = text[:1].upper() + text[1:]
    # Some advice comes from a library in English: to another reader it is left out rather than mixed in.
    foreign = mend and said(mend) == mend and str(get_locale()) != "en"
    return f"{text}: {said(mend).rstrip('.')}." if mend and not foreign else f"{text}."


def act(back: str, message: str, use_case: Callable[..., Any], /, **arguments: Any) -> ResponseReturnValue:
    """Do it and go back; the page then shows the message and follows what the routers answer."""
    try:
        result = run(use_case, **arguments)
    except NotFound:
        abort(404)
    except (Failure, IllegalMove) as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(back, 303)
    flash(message, "success")
    return redirect(with_follow(back, effect_of(result)), 303)


def rehearse(use_case: Callable[..., ResultT], /, **arguments: Any) -> Effect | None:
    """What it would do on the network, without doing it; None when it would be refused."""
    try:
        return effect_of(use_case(db(), actor=current_actor(), now=now(), **arguments))
    except (Failure, IllegalMove):
        return None
    finally:
        db().rollback()


def effect_of(result: Any) -> Effect:
    """What a use-case's result does on the network; nothing when it says nothing."""
    if isinstance(result, Effect):
        return result
    effect = getattr(result, "effect", None)
    return effect if isinstance(effect, Effect) else Effect()


def with_follow(url: str, effect: Effect) -> str:
    """The address that also follows these live changes; at most a handful are followed one by one."""
    if not effect.change_ids:
        return url
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}follow={'-'.join(str(number) for number in effect.change_ids[:FOLLOWED])}"


def followed_ids(text: str | None) -> list[int]:
    """The ids in a `follow` argument; anything else in it is ignored."""
    parts = (text or "").split("-")[:FOLLOWED]
    return [int(part) for part in parts if part.isdigit() and len(part) <= 18]


def back_url(default: str) -> str:
    """Where the form wants to return to, if that is a page of ours."""
    wanted = request.form.get("back", "")
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return wanted.rstrip("?") if ours else default
