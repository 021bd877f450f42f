"""`lintas collect`: the process that counts the spool of one node."""

import os

import click

NICENESS = 2


@click.command()
@click.option("--node", default=None, help="The node whose spool this is; LINTAS_NODE unless given.")
@click.option("--once", is_flag=True, help="Count what is there and end.")
def collect(node: str | None, once: bool) -> None:
    """Move accounting records from the spool to the database, until told to stop.

    Safe to kill at any time: each record is counted exactly once, together with the spool position.
    """
    import signal
    import threading

    from accounting.collector import Collector, Limits, connect, sessions_for, tune_memory
    from runtime.large_pages import keep_in_large_pages
    from runtime.logs import configure_logs, get_logger
    from runtime.postgres import memory_bytes
    from runtime.settings import get_settings
    from runtime.tasks import nudge_coa

    # Whoever waits for an answer goes first: what is in the spool is safe, and counted a moment later.
    os.nice(NICENESS)
    settings = get_settings()
    configure_logs(log_format=settings.log_format, level=settings.log_level)
    collector = Collector(
        connect=lambda: connect(settings.database_url),
        spool_dir=settings.spool_dir,
        node=node or settings.node,
        nudge=nudge_coa,
        limits=Limits(
            sessions=sessions_for(memory_bytes()),
            keep_hours=settings.spool_keep_hours,
            min_free_bytes=settings.spool_min_free_mb << 20,
            is_strict=settings.spool_strict,
        ),
    )
    tune_memory()
    if once:
        while collector.step():
            pass
        collector.close()
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=keep_in_large_pages, args=(stop,), name="large pages", daemon=True).start()
    log = get_logger("accounting.collector")
    log.info("collecting", node=node or settings.node, spool=str(settings.spool_dir))
    collector.run(stop)
    log.info("stopped")
