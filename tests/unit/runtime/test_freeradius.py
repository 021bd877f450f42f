"""Filling in FreeRADIUS's configuration."""

import re
import stat
from pathlib import Path

import pytest

from runtime import freeradius
from runtime.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database_url="postgresql://lintas:s3cret@127.0.0.1:5432/lintas",
        redis_url="redis://:r3dis@127.0.0.1:6379/0",
        keys_file=tmp_path / "keys",
        secret_key_file=tmp_path / "flask.key",
        spool_dir=tmp_path / "spool",
        var_dir=tmp_path,
        radius_auth_port=21812,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "sites").mkdir(parents=True)
    (source / "radiusd.conf").write_text("port = @AUTH_PORT@\nrun_dir = @RUN_DIR@\nrealm = a@example.com\n")
    (source / "sites" / "login").write_text("server login {\n}\n")
    return source


def test_placeholders_are_filled_and_other_at_signs_stay(settings: Settings, source: Path, tmp_path: Path) -> None:
    raddb = freeradius.render(settings, tmp_path / "run" / "raddb", source=source)
    assert (raddb / "radiusd.conf").read_text() == f"port = 21812\nrun_dir = {tmp_path}/run\nrealm = a@example.com\n"
    assert (raddb / "sites" / "login").exists()


def test_an_unknown_placeholder_is_refused_by_name(settings: Settings, source: Path, tmp_path: Path) -> None:
    (source / "radiusd.conf").write_text("x = @NO_SUCH_THING@")
    with pytest.raises(freeradius.RenderError, match=r"radiusd\.conf: @NO_SUCH_THING@"):
        freeradius.render(settings, tmp_path / "raddb", source=source)


@pytest.mark.parametrize("value", ['a"b', "a'b", "a\nb", "${evil}", "%{User-Name}", "a b", "a\\b", "a#b", "a`id`"])
def test_a_value_that_freeradius_would_read_differently_is_refused(value: str) -> None:
    with pytest.raises(freeradius.RenderError, match="would not read as written"):
        freeradius.fill("x = @X@", {"X": value}, name="file")


def test_what_is_rendered_is_readable_by_its_owner_only(settings: Settings, source: Path, tmp_path: Path) -> None:
    raddb = freeradius.render(settings, tmp_path / "raddb", source=source)
    for path in [raddb, *raddb.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_file_removed_from_the_source_is_gone_after_the_next_rendering(
    settings: Settings, source: Path, tmp_path: Path
) -> None:
    freeradius.render(settings, tmp_path / "raddb", source=source)
    (source / "sites" / "login").unlink()
    freeradius.render(settings, tmp_path / "raddb", source=source)
    assert not (tmp_path / "raddb" / "sites" / "login").exists()


def test_no_configuration_file_of_ours_holds_a_password(settings: Settings, tmp_path: Path) -> None:
    raddb = freeradius.render(settings, tmp_path / "raddb")
    for path in raddb.rglob("*.conf"):
        assert not re.search(r"s3cret|r3dis", path.read_text()), path
