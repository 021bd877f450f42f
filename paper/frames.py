"""How the process that prints and the one that asked talk: lengths and bytes over a pair of pipes."""

from typing import Any, Protocol

MAX_FRAME_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 4


class Outward(Protocol):
    """Where a message goes."""

    def write(self, body: bytes, /) -> Any: ...
    def flush(self) -> Any: ...


class Inward(Protocol):
    """Where one comes from."""

    def read(self, length: int, /) -> bytes: ...


class BrokenFrame(Exception):
    """The other side stopped in the middle, or announced more than it may send."""


def send(stream: Outward, body: bytes) -> None:
    """Write one message."""
    stream.write(len(body).to_bytes(_HEAD_BYTES, "big") + body)
    stream.flush()


def receive(stream: Inward) -> bytes | None:
    """The next message, or None when the other side has closed. Raises `BrokenFrame`."""
    head = stream.read(_HEAD_BYTES)
    if not head:
        return None
    length = int.from_bytes(head, "big")
    if len(head) < _HEAD_BYTES or length > MAX_FRAME_BYTES:
        raise BrokenFrame(f"a message of {length} bytes")
    body = stream.read(length)
    if len(body) < length:
        raise BrokenFrame(f"{len(body)} of {length} bytes")
    return body
