"""What took long to count is not counted again at once."""

from webadmin.remembered import KEPT_S, MOST_KEPT, SLOW_S, Remembered


class Clock:
    def __init__(self) -> None:
        self.now, self.asked, self.takes = 100.0, 0, 0.0

    def __call__(self) -> float:
        return self.now

    def ask(self) -> int:
        self.asked += 1
        self.now += self.takes
        return self.asked


def test_what_is_quick_is_asked_every_time() -> None:
    clock = Clock()
    kept = Remembered[int](clock)

    assert [kept.get("a", clock.ask) for _ in range(3)] == [1, 2, 3]


def test_what_was_slow_is_kept_for_a_moment_by_its_key() -> None:
    clock = Clock()
    clock.takes = 2 * SLOW_S
    kept = Remembered[int](clock)

    first, again, other = kept.get("a", clock.ask), kept.get("a", clock.ask), kept.get("b", clock.ask)
    clock.now += KEPT_S + 1

    assert (first, again, other) == (1, 1, 2)
    assert kept.get("a", clock.ask) == 3


def test_what_is_asked_anew_is_what_others_are_given() -> None:
    clock = Clock()
    clock.takes = 2 * SLOW_S
    kept = Remembered[int](clock)

    assert [kept.get("a", clock.ask), kept.renew("a", clock.ask), kept.get("a", clock.ask)] == [1, 2, 2]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    clock = Clock()
    clock.takes = 2 * SLOW_S
    kept = Remembered[int](clock)

    for number in range(MOST_KEPT + 1):
        kept.get(number, clock.ask)

    assert kept.get(0, clock.ask) == MOST_KEPT + 2
