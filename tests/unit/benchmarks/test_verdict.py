"""What the benchmarks make of their rounds: medians, ratios, and which runs are worth nothing."""

from pathlib import Path
from typing import Any

from benchmarks import verdict
from benchmarks.load import Answered, Load
from benchmarks.servers import CEILING, OURS, SQL
from benchmarks.verdict import Round


def answered(**over: Any) -> Answered:
    values = {"sent": 1000, "ok": 1000, "rejected": 0, "lost": 0, "forged": 0, "acked_sessions": 0, "rate": 200.0}
    more = {"seconds": 5.0, "first_sent": 1.0, "tick": 0, "p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 3.0}
    return Answered(**values | more | over)


def a_round(server: str = OURS, *, rate: float = 200.0, recorded: int = 1000, **over: Any) -> Round:
    return Round(
        number=1,
        server=server,
        mode="pap",
        answered=answered(rate=rate, **over),
        rate=rate,
        recorded=recorded,
        drain_s=0.0,
        cores=busy(),
        cpu_us={"FreeRADIUS": 20.0, "load generator": 5.0, "collector": 2.0, "PostgreSQL": 3.0},
    )


def busy(**over: float) -> dict[str, float]:
    return {"FreeRADIUS": 0.5, "everything else": 0.0, "taken away by the host": 0.0} | over


def test_a_ratio_is_that_of_the_middle_rounds() -> None:
    rates = {OURS: (100, 3000, 3100), SQL: (300, 290, 5), CEILING: (6000, 6200, 6100)}
    rounds = [a_round(server, rate=rate) for server, given in rates.items() for rate in given]
    result = verdict.side_by_side(rounds, "pap")
    assert (result["rate"], result["rlm_sql_rate"], result["ceiling_rate"]) == (3000, 290, 6100)
    assert (result["ratio_to_rlm_sql"], result["ratio_to_ceiling"]) == (10.34, 0.49)


def test_a_round_in_which_all_was_answered_and_recorded_has_no_problem() -> None:
    assert verdict.problems(a_round()) == verdict.unrecorded(a_round()) == []


def test_refusals_forgeries_and_losses_make_a_round_invalid() -> None:
    assert len(verdict.problems(a_round(rejected=1, ok=999))) == 1
    assert len(verdict.problems(a_round(forged=1))) == 1
    assert len(verdict.problems(a_round(lost=2, ok=998))) == 1
    assert verdict.problems(a_round(lost=1, ok=999)) == []


def test_a_missing_record_and_one_too_many_make_a_round_invalid() -> None:
    assert verdict.unrecorded(a_round(recorded=999))
    assert verdict.unrecorded(a_round(recorded=1001))


def test_a_record_whose_answer_was_lost_is_no_problem() -> None:
    assert verdict.unrecorded(a_round(ok=999, lost=1, recorded=1000)) == []


def test_processor_time_of_a_login_counts_who_serves_it_and_not_the_generator() -> None:
    rounds = [a_round(server) for server in (OURS, SQL, CEILING)]
    said = verdict.remarks(verdict.side_by_side(rounds, "pap"), "login")
    assert (
        said[0] == "processor time per login: ours 25 us, rlm_sql 25 us, ceiling 25 us (rlm_sql takes 1.0 times ours)"
    )


def test_a_machine_that_others_use_is_said_to_be_not_quiet() -> None:
    rounds = [a_round(server) for server in (OURS, SQL, CEILING)]
    values = verdict.side_by_side(rounds, "pap")
    assert not any("NOT QUIET" in line for line in verdict.remarks(values, "login"))
    values["cores"] = busy(**{"everything else": 0.9})
    assert any("NOT QUIET" in line for line in verdict.remarks(values, "login"))


def test_the_generator_signs_its_requests_and_checks_every_answer() -> None:
    arguments = Load(mode="pap", port=1812, secret="s", population=10, seconds=1, truth_file=Path("t")).arguments()
    assert {"-a", "-v"} <= set(arguments)
    assert "-o" not in arguments
