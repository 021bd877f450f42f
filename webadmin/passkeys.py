"""A passkey is asked for in two requests: the challenge waits in the signed cookie, for five minutes and one answer."""

import base64
import time

from flask import request
from flask import session as cookie

from bss.staff.second_factor import Site

LASTS_S = 300
_KEY = "passkey_challenge"


def site() -> Site:
    """The host and origin that passkeys of this panel are bound to, as the browser sees them."""
    host = request.host.rpartition("]")[0].lstrip("[") or request.host.partition(":")[0]
    return Site(host=host, origin=f"{request.scheme}://{request.host}")


def keep(challenge: bytes) -> None:
    """Remember a challenge until the browser answers."""
    cookie[_KEY] = {"value": base64.b64encode(challenge).decode(), "at": int(time.time())}


def taken() -> bytes:
    """The challenge that was kept, once; empty when there is none or it is over, which no answer fits."""
    kept = cookie.pop(_KEY, None)
    if not isinstance(kept, dict) or time.time() - float(kept.get("at", 0)) > LASTS_S:
        return b""
    return base64.b64decode(str(kept.get("value", "")))
