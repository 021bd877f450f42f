"""What a text attribute can carry to a router, so that whoever takes such text in asks what will be asked at login."""

# RFC 2865 section 5.26: a vendor's attribute has 255 octets, of which the vendor's own heading takes eight.
MAX_TEXT_BYTES = 247


def is_sendable(text: str) -> bool:
    """Printable, not empty, and short enough in UTF-8; also for text with half a character in it, which is not."""
    # Asked first: a lone surrogate is not printable, and could not be encoded.
    return text.isprintable() and 0 < len(text.encode()) <= MAX_TEXT_BYTES
