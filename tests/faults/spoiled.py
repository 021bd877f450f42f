"""The policy with an error in it, for FreeRADIUS to load in place of `radius.rlm`: only some names meet the error.

What is spoiled are the two functions in which all rules come together; everything around them is the product's.
"""

import time
from dataclasses import replace

from radius import compiled
from radius.policies.types import Grant, Login
from radius.rlm import (  # noqa: F401 - what FreeRADIUS calls
    authorize,
    check_certificate,
    detach,
    find_router,
    instantiate,
    refused,
    stored,
)
from tests.faults.spoils import BAD, RAISING, SLOW, SLOW_S

_first_refusal, _granted = compiled.first_refusal, compiled.granted


def _spoiled_refusal(login: Login, *, per_login: bool) -> str | None:
    name = login.profile.username
    if name in RAISING:
        raise ZeroDivisionError("a rule with an error in it")
    if name in SLOW and per_login is False:
        time.sleep(SLOW_S)
    return _first_refusal(login, per_login=per_login)


def _spoiled_grant(login: Login) -> Grant:
    return replace(_granted(login), **BAD.get(login.profile.username, {}))  # type: ignore[arg-type]


compiled.first_refusal, compiled.granted = _spoiled_refusal, _spoiled_grant
