"""Which of several servers answers a name.

The kernel deals requests out by this rule and each server fills its memory by it, so one name's tries, sessions and
tunnels are always in one memory. Knows bytes and numbers only; upper and lower case of ASCII are one.
"""

# How a server is told which share it is of how many, where it opens a socket of its own, and over which channel it is
# given the one that it shares: names of environment variables.
SHARE, SHARES = "LINTAS_RADIUS_SHARE", "LINTAS_RADIUS_SHARES"
ADDRESS, PORT, CHANNEL = "LINTAS_RADIUS_ADDRESS", "LINTAS_RADIUS_PORT", "LINTAS_RADIUS_CHANNEL"
# Its name among all that write into the spool: FreeRADIUS refuses a file that another process is writing into.
WRITER = "LINTAS_RADIUS_WRITER"
# The folder with the listener for RADIUS over TLS, which only the first server opens.
TLS = "LINTAS_RADIUS_TLS"
# What a server answers once it reads from the shared socket.
TAKEN = b"taken"

FACTOR = 0x9E37_79B1
FOLD = 0x2020_2020
WORD_BYTES = 4
# So many words from the front, and the last one: names of an institution differ at the front or at the end.
MOST_WORDS = 8
_MASK = 0xFFFF_FFFF


def share_of(name: bytes, shares: int) -> int:
    """The share, from 0, of a name as it is sent; a name of less than a word is told by its first byte."""
    if len(name) < WORD_BYTES:
        return (name[0] | FOLD & 0xFF) % shares if name else 0
    mixed = 0
    for at in range(0, min(len(name) - WORD_BYTES + 1, MOST_WORDS * WORD_BYTES), WORD_BYTES):
        mixed = _mix(mixed, name[at : at + WORD_BYTES])
    return (_mix(mixed, name[-WORD_BYTES:]) >> 16) % shares


def _mix(mixed: int, word: bytes) -> int:
    return (mixed + (int.from_bytes(word) | FOLD)) * FACTOR & _MASK
