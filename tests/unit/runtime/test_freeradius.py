"""Filling in FreeRADIUS's configuration."""

import json
import re
import stat
from pathlib import Path

import pytest

from runtime import freeradius, postgres
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
    (source / "radiusd.conf").write_text("port = @RADSEC_PORT@\nrun_dir = @RUN_DIR@\nrealm = a@example.com\n")
    (source / "sites" / "login").write_text("server login {\n}\n")
    return source


def test_placeholders_are_filled_and_other_at_signs_stay(settings: Settings, source: Path, tmp_path: Path) -> None:
    raddb = freeradius.render(settings, tmp_path / "run" / "raddb", source=source)
    assert (raddb / "radiusd.conf").read_text() == f"port = 0\nrun_dir = {tmp_path}/run\nrealm = a@example.com\n"
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


def test_memory_is_for_as_many_subscriptions_as_fit_into_half_of_the_machine_unless_told(
    settings: Settings, tmp_path: Path
) -> None:
    told = json.loads(
        freeradius.policy_settings(settings.model_copy(update={"policy_capacity": 7}), tmp_path / "raddb")
    )
    alone, three = (
        json.loads(freeradius.policy_settings(settings.model_copy(update={"radius_servers": servers}), tmp_path))
        for servers in (1, 3)
    )

    assert told["capacity"] == 7
    assert alone["capacity"] == freeradius.capacity_for(postgres.memory_bytes())
    assert three["capacity"] == freeradius.capacity_for(postgres.memory_bytes() // 3)
    assert freeradius.capacity_for(16 << 30) > 1_000_000
    assert freeradius.capacity_for(1 << 20) == 50_000


@pytest.mark.parametrize(("limit", "expected"), [("max\n", 8 << 30), ("1073741824\n", 1 << 30), (None, 8 << 30)])
def test_a_container_has_the_memory_it_may_use(
    limit: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "memory.max"
    if limit is not None:
        path.write_text(limit)
    monkeypatch.setattr(postgres, "_CONTAINER_LIMIT", path)
    monkeypatch.setattr(postgres, "_machine_bytes", lambda: 8 << 30)

    assert postgres.memory_bytes() == expected
