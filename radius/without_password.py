"""A device's login, or a voucher's: what it brings in the place of a password, and how FreeRADIUS is told to take it.

Routers send nothing or the name once more as the password of a device. FreeRADIUS's PAP refuses an empty password, so
the policy says itself that such a login is accepted; everything else is still checked by FreeRADIUS. Who may log in
without a password is decided elsewhere.
"""

import hashlib
from collections.abc import Mapping

Control = tuple[tuple[str, ...], ...]

# With the operator: FreeRADIUS has chosen CHAP by now where the request brought that.
ACCEPTED: Control = (("Auth-Type", ":=", "Accept"),)
_CHAP_LENGTH = 17


def control_for(attributes: Mapping[str, str], stored: Control) -> Control:
    """The control list: accepted for an empty password, the name for the name, else the stored password."""
    name = attributes.get("User-Name", "")
    if _is_password(attributes, ""):
        return ACCEPTED
    return (("Cleartext-Password", name),) if _is_password(attributes, name) else stored


def _is_password(attributes: Mapping[str, str], password: str) -> bool:
    if "CHAP-Password" in attributes:
        return _is_chap_of(attributes["CHAP-Password"], attributes.get("CHAP-Challenge", ""), password)
    return attributes.get("User-Password") == password


def _is_chap_of(response: str, challenge: str, password: str) -> bool:
    """RFC 1994: the identifier, then MD5 over identifier, password and challenge. FreeRADIUS gives octets as `0x…`."""
    given, asked = _octets(response), _octets(challenge)
    if given is None or not asked or len(given) != _CHAP_LENGTH:
        return False
    digest = hashlib.md5(given[:1] + password.encode() + asked, usedforsecurity=False).digest()
    return digest == given[1:]


def _octets(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return None
