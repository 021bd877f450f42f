"""How often one may ask: the API by token and by address, the sign-in by address and by account, wrong vouchers.

Counted in Redis; while Redis is away each process counts for itself and says so in the log. A limit protects people at
work, so it never turns into an outage of its own.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, current_app, request
from flask import session as cookie
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user

API_PER_CLIENT = "600 per minute"
API_PER_ADDRESS = "1200 per minute"
LOGIN_PER_ADDRESS = "30 per minute; 200 per hour"
LOGIN_PER_ACCOUNT = "10 per 15 minutes"
# Second factors and asking again: six figures do not stand a thousand guesses.
GUESSES = "10 per 15 minutes"
LINKS_PER_ADDRESS = "10 per 15 minutes"
# Codes of vouchers that were not there; whoever types the right ones is never slowed down.
WRONG_CODES_PER_ADDRESS = "30 per minute; 200 per hour"
WRONG_CODES_PER_PERSON = "10 per minute; 60 per hour"
_REDIS_TIMEOUT_SECONDS = 0.25
_PREFIX = re.compile(r"Bearer lts_([a-z0-9]{12})_")


def init_limits(app: Flask, redis_url: str) -> Limiter:
    """Count requests of this application in Redis."""
    limiter = Limiter(
        get_remote_address,
        storage_uri=redis_url,
        storage_options={
            "socket_connect_timeout": _REDIS_TIMEOUT_SECONDS,  # type: ignore[dict-item]
            "socket_timeout": _REDIS_TIMEOUT_SECONDS,  # type: ignore[dict-item]
        },
        strategy="moving-window",
        headers_enabled=True,
        swallow_errors=True,
        in_memory_fallback_enabled=True,
        key_prefix="lintas",
        enabled=app.config.get("RATE_LIMITS_ENABLED", True),
    )
    limiter.init_app(app)
    return limiter


def limit_sign_in(app: Flask, limiter: Limiter) -> None:
    """Slow down guessing: failed sign-ins count by address and by account, successful ones do not count.

    Second steps count for the account that is half way, wherever they come from.
    """
    by_address = limiter.limit(LOGIN_PER_ADDRESS, methods=["POST"], deduct_when=_failed)
    by_account = limiter.limit(LOGIN_PER_ACCOUNT, key_func=_account, methods=["POST"], deduct_when=_failed)
    by_half_way = limiter.limit(GUESSES, key_func=_half_way, methods=["POST"], deduct_when=_failed)
    links = limiter.limit(LINKS_PER_ADDRESS, methods=["POST"])
    views: dict[str, Any] = app.view_functions
    views["security.login"] = by_account(by_address(views["security.login"]))
    views["signing_in.second"] = by_half_way(by_address(views["signing_in.second"]))
    for endpoint in ("signing_in.passkey", "signing_in.forgot", "signing_in.set_password"):
        views[endpoint] = links(views[endpoint])


@contextmanager
def guessing(scope: str, who: str) -> Iterator[None]:
    """Count a guess of somebody; too many in a quarter of an hour are answered with 429."""
    limiter: Limiter = current_app.extensions["lintas_limiter"]
    if not limiter.enabled:
        yield
        return
    with limiter.limit(GUESSES, key_func=lambda: f"{scope}:{who}"):
        yield


def limit_redeeming(app: Flask, limiter: Limiter) -> None:
    """Slow down guessing the codes of vouchers, by address and by whoever is signed in or holds the token."""
    by_address = limiter.limit(WRONG_CODES_PER_ADDRESS, methods=["POST"], deduct_when=_refused)
    by_person = limiter.limit(WRONG_CODES_PER_PERSON, key_func=_person, methods=["POST"], deduct_when=_refused)
    views: dict[str, Any] = app.view_functions
    for endpoint in ("vouchers.redeem_voucher", "panel.redeeming.redeem"):
        if endpoint in views:
            views[endpoint] = by_person(by_address(views[endpoint]))


def token_or_address() -> str:
    """Whose budget an API call spends: the token it names, true or not; the address has a budget of its own."""
    named = _PREFIX.match(request.headers.get("Authorization", ""))
    return f"token:{named[1]}" if named else get_remote_address()


def _account() -> str:
    return "account:" + request.form.get("email", "").strip().lower()[:254]


def _half_way() -> str:
    kept = cookie.get("half_way")
    return f"second:{kept.get('user')}" if isinstance(kept, dict) else get_remote_address()


def _person() -> str:
    """Whose guesses they are: a token's, or a member of staff's wherever he sits."""
    signed_in = "" if request.headers.get("Authorization") else str(current_user.get_id() or "")
    return f"redeeming:{signed_in or token_or_address()}"


def _refused(response: Response) -> bool:
    return response.status_code in (404, 409, 422)


def _failed(response: Response) -> bool:
    return response.status_code != 302
