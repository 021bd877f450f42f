"""What several house rules look at."""

import uuid

import pytest
from flask import Flask

from runtime.settings import Settings
from webadmin.app import create_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The panel and the API, with no service behind them."""
    folder = tmp_path_factory.mktemp("app")
    key = folder / "flask.key"
    key.write_text(uuid.uuid4().hex)
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1/0",
        keys_file=folder / "keys",
        secret_key_file=key,
        spool_dir=folder,
    )
    return create_app(settings, TESTING=True)
