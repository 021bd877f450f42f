"""Reading the settings, and saying what is missing."""

from pathlib import Path

import pytest

from runtime import settings as module
from runtime.settings import Settings, SettingsError, load_settings

REQUIRED = {
    "LINTAS_DATABASE_URL": "postgresql://lintas:s3cret@h/lintas",
    "LINTAS_REDIS_URL": "redis://h/0",
    "LINTAS_KEYS_FILE": "/k",
    "LINTAS_SECRET_KEY_FILE": "/s",
    "LINTAS_SPOOL_DIR": "/spool",
}


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in REQUIRED:
        # Set first, so that what load_settings adds is taken back afterwards.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    file = tmp_path / "lintas.env"
    monkeypatch.setenv("LINTAS_ENV_FILE", str(file))
    return file


def test_every_missing_setting_is_named_with_the_way_out(clean_environment: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    for name in REQUIRED:
        assert name in str(caught.value)
    assert "lintas up" in str(caught.value)


def test_the_file_is_read_and_the_environment_wins(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment.write_text("# a comment\n\n" + "".join(f"{name}='{value}'\n" for name, value in REQUIRED.items()))
    monkeypatch.setenv("LINTAS_REDIS_URL", "redis://other/0")
    loaded = load_settings()
    assert loaded.database_url == REQUIRED["LINTAS_DATABASE_URL"]
    assert loaded.redis_url == "redis://other/0"


def test_what_the_file_says_reaches_child_processes(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment.write_text("".join(f"{name}={value}\n" for name, value in REQUIRED.items()))
    load_settings()
    assert module.os.environ["LINTAS_KEYS_FILE"] == "/k"


def test_printing_the_settings_shows_no_password() -> None:
    shown = repr(
        Settings(
            database_url=REQUIRED["LINTAS_DATABASE_URL"],
            redis_url="redis://:r3dis@h",
            keys_file=Path("/k"),
            secret_key_file=Path("/s"),
            spool_dir=Path("/spool"),
        )
    )
    assert "s3cret" not in shown
    assert "r3dis" not in shown


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://u:s3cret@db1,db2/d", "target_session_attrs=read-write"),
        ("postgresql://u:s3cret@db1,db2/d?target_session_attrs=any", "target_session_attrs=read-write"),
        ("no address: s3cret", "is no address"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_what_to_write_and_without_its_password(
    clean_environment: Path, monkeypatch: pytest.MonkeyPatch, url: str, complaint: str
) -> None:
    for name, value in (REQUIRED | {"LINTAS_DATABASE_URL": url}).items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert complaint in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("wanted", ["read-write", "primary"])
def test_several_servers_of_which_the_one_that_writes_is_wanted_are_an_address(
    clean_environment: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    url = f"postgresql://u:s3cret@db1:5432,db2:5433/d?target_session_attrs={wanted}"
    for name, value in (REQUIRED | {"LINTAS_DATABASE_URL": url}).items():
        monkeypatch.setenv(name, value)

    assert load_settings().database_url == url
