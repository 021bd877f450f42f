"""Rate limits as a router reads them."""

import pytest

from simulator.speed import Speed, parse_rate_limit


@pytest.mark.parametrize(
    ("text", "upload_bps", "download_bps"),
    [
        ("512k/1M", 512_000, 1_000_000),
        ("128k", 128_000, 128_000),
        ("2M/10M 0/0 0/0 0/0 8 1M/5M", 2_000_000, 10_000_000),
        ("64000/128000", 64_000, 128_000),
        ("", 0, 0),
    ],
)
def test_upload_comes_first_and_one_number_is_for_both(text: str, upload_bps: int, download_bps: int) -> None:
    assert parse_rate_limit(text) == Speed(upload_bps=upload_bps, download_bps=download_bps)


@pytest.mark.parametrize("text", ["1G/1G", "1.5M/3M", "10m/10m", "fast"])
def test_what_routeros_does_not_read_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        parse_rate_limit(text)
