"""The plan of processes: what is started, in which order, and what stands in the way."""

import socket
from pathlib import Path

import pytest

from runtime import services
from runtime.local import Local, Places
from runtime.postgres import Cluster
from runtime.redis import RedisServer
from runtime.services import PortTakenError, Service
from runtime.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database_url="postgresql://x", redis_url="redis://x", keys_file=tmp_path, secret_key_file=tmp_path,
        spool_dir=tmp_path / "spool", var_dir=tmp_path,
    )  # fmt: skip


def local(tmp_path: Path, *, private: bool) -> Local:
    return Local(
        places=Places(var=tmp_path),
        cluster=Cluster(directory=tmp_path / "pg", port=1) if private else None,
        redis_server=RedisServer(directory=tmp_path / "redis", port=2, password="pw") if private else None,
    )


def test_everything_starts_after_what_it_needs(settings: Settings, tmp_path: Path) -> None:
    names = [item.name for item in services.plan(local(tmp_path, private=True), settings)]
    servers = ["postgres", "database", "migrations", "redis", "radius-login", "radius-accounting"]
    assert names == [*servers, "collector", "worker", "beat", "panel"]


def test_servers_given_from_outside_are_not_started(settings: Settings, tmp_path: Path) -> None:
    names = [item.name for item in services.plan(local(tmp_path, private=False), settings)]
    assert names == ["migrations", "radius-login", "radius-accounting", "collector", "worker", "beat", "panel"]


def test_a_command_with_blanks_stays_one_command() -> None:
    service = Service(name="x", command=["program", "a b", "create_app()"])
    assert service.shell_line == "exec program 'a b' 'create_app()'"


def test_a_port_held_by_another_program_is_named_with_the_setting_to_change(settings: Settings, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = settings.model_copy(update={"panel_port": holder.getsockname()[1]})
        panel = next(item for item in services.plan(local(tmp_path, private=False), taken) if item.name == "panel")
        assert isinstance(panel, Service)
        assert panel.before is not None
        with pytest.raises(PortTakenError, match="LINTAS_PANEL_PORT"):
            panel.before()


def test_no_service_has_a_password_in_its_command(settings: Settings, tmp_path: Path) -> None:
    shown = settings.model_copy(update={"database_url": "postgresql://u:s3cret@h/d", "redis_url": "redis://:s3cret@h"})
    for item in services.plan(local(tmp_path, private=True), shown):
        assert not isinstance(item, Service) or "s3cret" not in item.shell_line
