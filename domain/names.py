"""When two usernames are the same name.

Names are told apart letter by letter, unless the provider said that upper and lower case are one: then each name is
kept, looked up and compared folded. Only A to Z are folded, as PostgreSQL's "C" collation does it, so that the database
and every process agree. A device's name is its address in one spelling already.
"""

import re

from domain.mac import normalise_mac

# Twelve digits may be a phone number; six groups are only ever a device.
_DEVICE = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def folded(name: str) -> str:
    """The name as it is kept where upper and lower case are one."""
    if _DEVICE.fullmatch(name):
        return normalise_mac(name) or name
    return name.translate(_LOWER)
