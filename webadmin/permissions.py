"""Who may open which route: every view says which permission it needs, or that it is public.

Deny by default: a view that says neither answers 403 to everybody, and a house test names it. The codes themselves are
the business's (`bss.permissions`).
"""

from collections.abc import Callable
from typing import Any, TypeVar

from bss.permissions import PERMISSIONS, ROLES

__all__ = ["PERMISSIONS", "PUBLIC", "ROLES", "SIGNED_IN", "public", "requires", "signed_in"]

PUBLIC = "(public)"
SIGNED_IN = "(signed in)"
_ATTRIBUTE = "lintas_permission"
ViewT = TypeVar("ViewT", bound=Callable[..., Any])


def requires(code: str) -> Callable[[ViewT], ViewT]:
    """Only those who hold `code` may use the view."""
    if code not in PERMISSIONS:
        raise ValueError(f"no such permission: {code}")
    return _mark(code)


def public(view: ViewT) -> ViewT:
    """Anybody may use the view, signed in or not."""
    return _mark(PUBLIC)(view)


def signed_in(view: ViewT) -> ViewT:
    """Every active member of staff may use the view: it shows or changes nothing but their own account."""
    return _mark(SIGNED_IN)(view)


def _mark(need: str) -> Callable[[ViewT], ViewT]:
    def decorate(view: ViewT) -> ViewT:
        setattr(view, _ATTRIBUTE, need)
        return view

    return decorate


def need_of(view: Callable[..., Any]) -> str | None:
    """What the view declared, looking through decorators that keep `__wrapped__`; None when it declared nothing."""
    seen: Any = view
    while seen is not None:
        if hasattr(seen, _ATTRIBUTE):
            return str(getattr(seen, _ATTRIBUTE))
        seen = getattr(seen, "__wrapped__", None)
    return None
