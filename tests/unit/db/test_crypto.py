"""Secrets at rest: round trip, rotation, wrong keys, and a keys file that others can read."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from db.crypto import KEYS_VARIABLE, Keyring, UnableToDecrypt, UnsafeKeysFile, keyring
from db.models.base import EncryptedText

KEY, OTHER_KEY = Fernet.generate_key(), Fernet.generate_key()
DIALECT = postgresql.dialect()


def write_keys(path: Path, *keys: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(b"\n".join(keys) + b"\n")
    path.chmod(mode)
    return path


@given(st.text())
def test_what_was_encrypted_comes_back(text: str) -> None:
    ring = Keyring([KEY])

    assert ring.decrypt(ring.encrypt(text)) == text


def test_the_same_text_never_looks_the_same() -> None:
    ring = Keyring([KEY])

    tokens = {ring.encrypt("rahasia") for _ in range(20)}

    assert len(tokens) == 20
    assert not [token for token in tokens if b"rahasia" in token]


def test_after_a_rotation_old_values_are_read_and_new_ones_need_the_new_key() -> None:
    old = Keyring([KEY]).encrypt("rahasia")
    rotated = Keyring([OTHER_KEY, KEY])

    assert rotated.decrypt(old) == "rahasia"
    assert Keyring([OTHER_KEY]).decrypt(rotated.encrypt("baru")) == "baru"
    with pytest.raises(UnableToDecrypt):
        Keyring([KEY]).decrypt(rotated.encrypt("baru"))


@pytest.mark.parametrize(
    "token",
    [Keyring([OTHER_KEY]).encrypt("x"), b"", b"not a token", b"gAAAAA"],
    ids=["another key's", "empty", "no token", "cut short"],
)
def test_what_no_key_of_ours_made_is_refused_without_saying_more(token: bytes) -> None:
    with pytest.raises(UnableToDecrypt) as caught:
        Keyring([KEY]).decrypt(token)

    assert KEY.decode() not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_token_that_was_changed_is_refused() -> None:
    token = bytearray(Keyring([KEY]).encrypt("rahasia"))
    token[20] ^= 1

    with pytest.raises(UnableToDecrypt):
        Keyring([KEY]).decrypt(bytes(token))


def test_a_keys_file_holds_one_key_a_line(tmp_path: Path) -> None:
    path = write_keys(tmp_path / "keys", OTHER_KEY, b"", KEY)

    ring = Keyring.from_file(path)

    assert ring.decrypt(Keyring([KEY]).encrypt("a")) == "a"
    assert Keyring([OTHER_KEY]).decrypt(ring.encrypt("b")) == "b"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666, 0o660])
def test_a_keys_file_that_others_may_touch_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = write_keys(tmp_path / "keys", KEY, mode=mode)

    with pytest.raises(UnsafeKeysFile, match="chmod 600"):
        Keyring.from_file(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_keys_file_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    Keyring.from_file(write_keys(tmp_path / "keys", KEY, mode=mode))


def test_a_keys_file_that_is_missing_empty_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", write_keys(tmp_path / "empty", b"", b"  "), tmp_path):
        with pytest.raises(UnsafeKeysFile):
            Keyring.from_file(path)


def test_the_keyring_is_named_by_the_environment_and_never_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEYS_VARIABLE, raising=False)
    with pytest.raises(UnsafeKeysFile, match=KEYS_VARIABLE):
        keyring()

    monkeypatch.setenv(KEYS_VARIABLE, str(write_keys(tmp_path / "keys", KEY)))
    assert keyring() is keyring()


@given(st.one_of(st.none(), st.text()))
def test_an_encrypted_column_keeps_text_and_nothing(tmp_path_factory: pytest.TempPathFactory, text: str | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEYS_VARIABLE, str(write_keys(tmp_path_factory.getbasetemp() / "column-keys", KEY)))
        column = EncryptedText()

        stored = column.process_bind_param(text, DIALECT)

        assert column.process_result_value(stored, DIALECT) == text
        assert (stored is None) == (text is None)
