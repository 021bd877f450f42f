"""Lines of invoices speak the language of whoever gets them."""

import pytest

from domain import line_words


@pytest.mark.parametrize(
    ("said", "english", "indonesian"),
    [
        (lambda language: line_words.days(1, language), "1 day", "1 hari"),
        (lambda language: line_words.days(3, language), "3 days", "3 hari"),
        (lambda language: line_words.days_of(15, 30, language), "15 of 30 days", "15 dari 30 hari"),
        (lambda language: line_words.online_time(3600, language), "1 hour", "1 jam"),
        (lambda language: line_words.online_time(7200, language), "2 hours", "2 jam"),
        (lambda language: line_words.online_time(5400, language), "90 minutes", "90 menit"),
        (lambda language: line_words.volume(5 * 10**9, language), "5 GB", "5 GB"),
        (lambda language: line_words.volume(1_500_000_000, language), "1.5 GB", "1,5 GB"),
        (lambda language: line_words.volume(50 * 10**6, language), "50 MB", "50 MB"),
        (lambda language: line_words.fee("setup", language), "Setup", "Biaya aktivasi"),
        (lambda language: line_words.fee("installation", language), "Installation", "Biaya pemasangan"),
    ],
)
def test_a_line_is_in_the_readers_language(said: object, english: str, indonesian: str) -> None:
    assert callable(said)
    assert (said("en"), said("id")) == (english, indonesian)


def test_a_language_that_is_not_ours_reads_english() -> None:
    assert line_words.days(2, "de") == "2 days"
