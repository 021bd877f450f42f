"""Encryption at rest for the secrets a server must be able to read back: service passwords and NAS secrets.

CHAP and MS-CHAPv2 need the clear password, so these are encrypted, not hashed. The keys live in a file that only the
service account reads, never in the database. The first key encrypts; every key in the file still decrypts, so a key is
rotated by putting a new one on top.
"""

import os
import stat
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEYS_VARIABLE = "LINTAS_KEYS_FILE"


class UnableToDecrypt(Exception):
    """The stored value was not made with any key of this installation."""


class UnsafeKeysFile(Exception):
    """The keys file is missing, empty, or readable by others."""


class Keyring:
    """Encrypts with the newest key and decrypts with any."""

    def __init__(self, keys: list[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def from_file(cls, path: str | Path) -> "Keyring":
        """Read one key a line from a file that only its owner may read; raises `UnsafeKeysFile`."""
        file = Path(path)
        if not file.is_file():
            raise UnsafeKeysFile(f"{file}: no keys file; `lintas up` makes one on a first run")
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UnsafeKeysFile(f"{file}: readable by others; run: chmod 600 {file}")
        keys = [line.strip().encode() for line in file.read_text().splitlines() if line.strip()]
        if not keys:
            raise UnsafeKeysFile(f"{file}: holds no key")
        return cls(keys)

    def encrypt(self, text: str) -> bytes:
        """The ciphertext of `text`, different at every call."""
        return self.encrypt_bytes(text.encode())

    def decrypt(self, token: bytes) -> str:
        """The text behind a ciphertext; raises `UnableToDecrypt`."""
        return self.decrypt_bytes(token).decode()

    def encrypt_bytes(self, content: bytes) -> bytes:
        """The same for what is no text, such as a picture."""
        return self._fernet.encrypt(content)

    def decrypt_bytes(self, token: bytes) -> bytes:
        """The bytes behind a ciphertext; raises `UnableToDecrypt`."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise UnableToDecrypt("made with a key that is not in the keys file") from None


@lru_cache(maxsize=4)
def _keyring_of(path: str) -> Keyring:
    return Keyring.from_file(path)


def keyring() -> Keyring:
    """The keyring named by `LINTAS_KEYS_FILE`; read once per process and path."""
    path = os.environ.get(KEYS_VARIABLE)
    if not path:
        raise UnsafeKeysFile(f"{KEYS_VARIABLE} is not set")
    return _keyring_of(path)
