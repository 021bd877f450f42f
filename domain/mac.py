"""MAC addresses in any spelling, brought to one: upper case with colons."""

import re

# How RouterOS writes a MAC for PPPoE and hotspot: nearly every login, so it is recognised before it is taken apart.
_NORMAL = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){5}")
_HEX = re.compile(r"[0-9A-Fa-f]+")


def normalise_mac(text: str) -> str | None:
    """`AA:BB:CC:DD:EE:FF` for any usual spelling, or None when `text` is no MAC.

    Octets may lack their leading zero (RouterOS's DHCP client identifier is `1:0:11:32:c9:fd:24`), so groups are padded
    one by one; a leading hardware type 1 is dropped.
    """
    if _NORMAL.fullmatch(text):
        return text
    groups = re.split(r"[:\-.]", text.strip())
    if len(groups) == 7 and groups[0] in ("1", "01"):
        groups = groups[1:]
    if not all(_HEX.fullmatch(group) for group in groups):
        return None
    width = {1: 12, 3: 4, 6: 2}.get(len(groups))
    if width is None or any(len(group) > width for group in groups) or (width != 2 and len("".join(groups)) != 12):
        return None
    digits = "".join(group.zfill(width) for group in groups).upper()
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
