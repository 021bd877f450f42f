"""A bad network that is the same one each time."""

import pytest

from faults.fates import TO_ROUTER, TO_SERVER, Fates, Weather

ROUGH = Weather(loss=0.2, duplication=0.3, reordering=0.5, delay_s=0.8)


def drawn(seed: int, direction: str = TO_SERVER, count: int = 500, weather: Weather = ROUGH) -> list[list[float]]:
    fates = Fates(weather, seed, direction)
    return [fates.delays_s() for _ in range(count)]


def test_one_seed_has_one_sequence_of_fates() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert drawn(7, TO_SERVER) != drawn(7, TO_ROUTER)


def test_the_shares_are_those_that_were_asked_for() -> None:
    fates = Fates(ROUGH, 1, TO_SERVER)
    copies = [fates.delays_s() for _ in range(20_000)]

    tally = fates.tally
    assert tally.seen == 20_000
    assert tally.lost / tally.seen == pytest.approx(0.2, abs=0.02)
    assert tally.doubled / (tally.seen - tally.lost) == pytest.approx(0.3, abs=0.02)
    assert tally.held_up / sum(map(len, copies)) == pytest.approx(0.5, abs=0.02)
    assert all(0 <= delay <= 0.8 for fate in copies for delay in fate)


def test_what_becomes_of_one_datagram_does_not_move_the_fates_of_the_next() -> None:
    certain = Weather(loss=1.0)
    lossless = drawn(3, weather=Weather(duplication=0.5))

    assert drawn(3, weather=certain) == [[]] * 500
    assert [len(fate) for fate in lossless] == [
        len(fate) for fate in drawn(3, weather=Weather(duplication=0.5, reordering=1.0))
    ]


@pytest.mark.parametrize("given", [{"loss": 1.1}, {"duplication": -0.1}, {"delay_s": -1.0}])
def test_a_weather_that_cannot_be_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"probability|before it was sent"):
        Weather(**given)
