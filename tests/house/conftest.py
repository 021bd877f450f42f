"""What several house rules look at."""

import uuid
from pathlib import Path

import pytest
from flask import Flask

from runtime.settings import Settings
from webadmin.app import create_app


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The panel and the API, with no service behind them."""
    key = tmp_path / "flask.key"
    key.write_text(uuid.uuid4().hex)
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1/0",
        keys_file=tmp_path / "keys",
        secret_key_file=key,
        spool_dir=tmp_path,
    )
    return create_app(settings, TESTING=True)
