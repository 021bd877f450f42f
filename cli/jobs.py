"""`lintas jobs`: the background jobs by name, run here and now in this process."""

from collections.abc import Callable

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
@click.option("--dry-run", is_flag=True, help="Say what it would do, for jobs that can tell, and do nothing.")
@json_option
def run(name: str, dry_run: bool) -> None:
    """Run the job NAME to its end in this process, without the queue."""
    from runtime.tasks import app

    if name not in _names():
        raise click.ClickException(f"no job is called {name}; 'lintas jobs list' shows them")
    if dry_run:
        _rehearse(name)
        return
    result = app.tasks[name].apply(throw=True).result
    emit({"job": name, "result": result}, [f"{name}: done" + ("" if result is None else f" ({result})")])


def _rehearse(name: str) -> None:
    rehearsals = _rehearsals()
    if name not in rehearsals:
        raise click.ClickException(f"{name} cannot tell beforehand; {', '.join(sorted(rehearsals))} can")
    lines = rehearsals[name]()
    emit({"job": name, "would": lines}, lines or ["nothing is due"])


def _rehearsals() -> dict[str, Callable[[], list[str]]]:
    from accounting.tasks import DRY_RUNS
    from bss.gateways.tasks import rehearse_reconcile

    return {**DRY_RUNS, "bss.payment-reconcile": rehearse_reconcile}


def _names() -> list[str]:
    from runtime.tasks import app

    app.loader.import_default_modules()
    return sorted(name for name in app.tasks if not name.startswith("celery."))
