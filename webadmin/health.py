"""Is this process alive, and can it do its work: for load balancers and the person on call."""

from functools import lru_cache

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from db.migrations.runner import head_revision, revision_of
from runtime.redis import answers
from runtime.settings import get_settings
from webadmin.permissions import public

health = Blueprint("health", __name__)
_expected_revision = lru_cache(maxsize=1)(head_revision)


@health.get("/healthz")
@public
def alive() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    """Database reachable and at the newest schema; without Redis the work goes on, only slower."""
    checks = {"database": _database(), "redis": "ok" if answers(_redis_url()) else "away"}
    usable = checks["database"] == "ok"
    status = "ok" if usable and checks["redis"] == "ok" else "degraded" if usable else "unavailable"
    return jsonify(status=status, checks=checks), 200 if usable else 503


def _database() -> str:
    engine: Engine = current_app.extensions["lintas_engine"]
    try:
        with engine.connect() as connection:
            revision = revision_of(connection)
    except SQLAlchemyError:
        return "away"
    return "ok" if revision == _expected_revision() else "migrate: run 'lintas migrate'"


def _redis_url() -> str:
    url: str = current_app.config.get("LINTAS_REDIS_URL") or get_settings().redis_url
    return url
