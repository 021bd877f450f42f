"""`lintas jobs`: the background jobs by name, run here and now in this process."""

import click

from cli.output import emit, json_option


@click.group()
def jobs() -> None:
    """Run a background job by hand."""


@jobs.command("list")
@json_option
def list_jobs() -> None:
    """The names that `run` takes."""
    names = _names()
    emit(names, names)


@jobs.command()
@click.argument("name")
@json_option
def run(name: str) -> None:
    """Run the job NAME to its end in this process, without the queue."""
    from runtime.tasks import app

    if name not in _names():
        raise click.ClickException(f"no job is called {name}; 'lintas jobs list' shows them")
    result = app.tasks[name].apply(throw=True).result
    emit({"job": name, "result": result}, [f"{name}: done" + ("" if result is None else f" ({result})")])


def _names() -> list[str]:
    from runtime.tasks import app

    app.loader.import_default_modules()
    return sorted(name for name in app.tasks if not name.startswith("celery."))
