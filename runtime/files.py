"""Files that hold secrets or state: written whole or not at all, readable by their owner only."""

import os
import secrets
from pathlib import Path


def private_dir(path: Path) -> Path:
    """Creates the directory, or closes it to others if it stands open."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write_private(path: Path, content: str) -> None:
    """Replaces the file in one step with mode 0600, so a reader never sees half of it."""
    write_private_bytes(path, content.encode())


def write_private_bytes(path: Path, content: bytes) -> None:
    """The same for what is not text."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_or_create(path: Path, content: str) -> str:
    """The secret in the file; the given one is written first if there is none."""
    if not path.exists():
        write_private(path, content)
    return path.read_text().strip()
