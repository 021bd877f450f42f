"""The private servers: started, killed, started again, and one database per test."""

import time
from pathlib import Path

import psycopg
import pytest
from celery.contrib.testing.worker import start_worker
from sqlalchemy import text
from sqlalchemy.orm import Session

from coa import tasks as coa_tasks
from runtime import ports, postgres, redis, tasks
from runtime.processes import end
from runtime.settings import Settings


@pytest.fixture
def cluster(services_dir: Path, tmp_path: Path) -> postgres.Cluster:
    # Under the run's own directory: the cluster's user cannot walk through pytest's.
    port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    return postgres.Cluster(directory=services_dir / tmp_path.name, port=port, durable=False)


def test_a_cluster_survives_a_kill_and_keeps_its_data(cluster: postgres.Cluster) -> None:
    postgres.init(cluster)
    first = postgres.start(cluster)
    try:
        with postgres.connect_admin(cluster) as admin:
            admin.execute("CREATE TABLE kept AS SELECT 7 AS n")
        postgres.kill(cluster)
        deadline = time.monotonic() + 10
        while first.is_running() and time.monotonic() < deadline:
            time.sleep(0.01)
        postgres.init(cluster)
        assert postgres.start(cluster) != first
        with postgres.connect_admin(cluster) as admin:
            assert admin.execute("SELECT n FROM kept").fetchone() == (7,)
    finally:
        assert postgres.stop(cluster)
    assert postgres.find_process(cluster) is None


def test_nobody_gets_in_without_the_password(postgres_server: postgres.Cluster) -> None:
    wrong = postgres.url(postgres_server, database="postgres", role=postgres.SUPERUSER, password="guess")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(wrong)


def test_a_start_that_cannot_work_says_why(cluster: postgres.Cluster, postgres_server: postgres.Cluster) -> None:
    taken = postgres.Cluster(directory=cluster.directory, port=postgres_server.port, durable=False)
    postgres.init(taken)
    with pytest.raises(postgres.PostgresError, match=r"Address already in use|password authentication failed"):
        postgres.start(taken, timeout_seconds=5)


@pytest.mark.parametrize("turn", [1, 2])
def test_what_one_test_commits_the_next_does_not_see(db: Session, turn: int) -> None:
    assert db.execute(text("SELECT to_regclass('left_over')")).scalar() is None
    db.execute(text("CREATE TABLE left_over (n int)"))
    db.commit()


def test_redis_asks_for_its_password(redis_server: redis.RedisServer) -> None:
    assert redis.answers(redis_server.url)
    assert not redis.answers(f"redis://{redis_server.host}:{redis_server.port}/0")


def test_a_second_redis_starts_beside_the_first(services_dir: Path, tmp_path: Path) -> None:
    port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    server = redis.RedisServer(directory=services_dir / tmp_path.name, port=port, password="pw")
    process = redis.start(server)
    assert redis.answers(server.url)
    assert end(process, grace_seconds=5)
    assert not redis.answers(server.url, timeout_seconds=0.2)


def test_a_nudge_reaches_a_worker(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    app = tasks.make_app()
    app.conf.update(include=[])

    # Celery hands every task to every application of a process, so the real one is there and is given other work.
    monkeypatch.setattr(app.tasks[coa_tasks.drain.name], "run", lambda: seen.append("drained"))
    monkeypatch.setattr(tasks, "app", app)
    monkeypatch.setattr(tasks, "_nudger", tasks._Nudger())
    with start_worker(app, queues=[tasks.QUEUE_COA], perform_ping_check=False, shutdown_timeout=20):
        assert tasks.nudge_coa()
        deadline = time.monotonic() + 10
        while not seen and time.monotonic() < deadline:
            time.sleep(0.02)
    assert seen == ["drained"]
