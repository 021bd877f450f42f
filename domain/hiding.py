"""Which attributes carry a secret, so that no list, log or receipt shows what is in them."""

import re

HIDDEN = "(not shown)"
_SECRET = re.compile(r"passw|secret|psk|key|hash", re.IGNORECASE)


def is_secret(attribute: str) -> bool:
    """Whether an attribute of that name holds a password, a key or a hash of one."""
    return _SECRET.search(attribute) is not None


def shown(attribute: str, value: str) -> str:
    """The value, or a word in its place."""
    return HIDDEN if is_secret(attribute) else value
