"""The application as a web server runs it."""

import gc

from runtime.settings import Settings
from webadmin.app import served_app


def test_no_collection_looks_at_what_the_application_is_made_of(settings: Settings) -> None:
    before = gc.get_freeze_count()
    app = served_app(settings, TESTING=True)
    try:
        assert gc.get_freeze_count() > before + 50_000
        assert app.test_client().get("/login").status_code == 200
    finally:
        app.extensions["lintas_engine"].dispose()
        gc.unfreeze()
        gc.collect()
        gc.freeze()
