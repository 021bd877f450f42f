"""What several house rules look at."""

import uuid

import pytest
from flask import Flask

from runtime.settings import Settings
from webadmin.app import create_app


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What an application needs to be made, with no service behind it."""
    folder = tmp_path_factory.mktemp("app")
    key = folder / "flask.key"
    key.write_text(uuid.uuid4().hex)
    return Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1/0",
        keys_file=folder / "keys",
        secret_key_file=key,
        spool_dir=folder,
    )


@pytest.fixture(scope="module")
def app(nowhere: Settings) -> Flask:
    """The panel and the API, to be looked at only."""
    return create_app(nowhere, TESTING=True)
