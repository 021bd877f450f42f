"""The web application: one factory that puts panel, API and health together in the order their hooks must run."""

import gc
import importlib
import importlib.util
from pathlib import Path
from typing import Any

from flask import Flask
from flask_limiter import Limiter
from werkzeug.middleware.proxy_fix import ProxyFix

from runtime.logs import configure_logs
from runtime.settings import Settings, get_settings
from webadmin import bounds, database, errors, headers, limits, security, signing_in, webhooks
from webadmin.api import cross_origin, register_api
from webadmin.health import health

ROOT = Path(__file__).resolve().parent


def create_app(settings: Settings | None = None, **config: Any) -> Flask:
    """A new application on these settings (the installation's own by default); `config` is for tests."""
    settings = settings or get_settings()
    if not config.get("TESTING"):
        configure_logs(log_format=settings.log_format, level=settings.log_level)
    app = Flask("webadmin", root_path=str(ROOT))
    app.config.update(config, LINTAS_REDIS_URL=settings.redis_url)
    if settings.proxies:
        # Exactly so many addresses are believed; what a client wrote before them is not.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]
    headers.init_headers(app)
    cross_origin.init_cross_origin(app, settings)
    bounds.init_bounds(app)
    database.init_database(app, settings.database_url)
    limiter = limits.init_limits(app, settings.redis_url)
    # Switched off, Flask-Limiter keeps only a weak reference to itself, and its decorators ask it at every request.
    app.extensions["lintas_limiter"] = limiter
    security.init_security(app, secret_key=security.read_secret_key(settings.secret_key_file))
    signing_in.init_signing_in(app, limiter)
    app.register_blueprint(health)
    register_api(app, limiter)
    webhooks.init_webhooks(app, limiter)
    _register_panel(app, limiter)
    limits.limit_redeeming(app, limiter)
    errors.init_errors(app)
    return app


def served_app(settings: Settings | None = None, **config: Any) -> Flask:
    """`create_app`, for a process that serves nothing else until it ends.

    What was made for it, half a million objects, never goes away: left to Python's collector, each of its full rounds
    looks at them all, and nobody is answered for a third of a second.
    """
    app = create_app(settings, **config)
    gc.collect()
    gc.freeze()
    return app


def _register_panel(app: Flask, limiter: Limiter) -> None:
    # An installation may serve the API alone; the panel's room is then left out of the build.
    if importlib.util.find_spec("webadmin.panel") is None:
        return
    importlib.import_module("webadmin.panel").register_panel(app, limiter)
