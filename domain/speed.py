"""Speeds from the customer's side, and the one place that turns them into the router's order.

Decides what `Mikrotik-Rate-Limit` says; refuses to know why a speed was chosen.
"""

from dataclasses import dataclass

MAX_KBPS = 100_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Download and upload in kbit/s as the customer sees them. 0/0 means: no limit from us."""

    download_kbps: int
    upload_kbps: int

    def __post_init__(self) -> None:
        for kbps in (self.download_kbps, self.upload_kbps):
            if not 0 <= kbps <= MAX_KBPS:
                raise ValueError(f"speed out of range: {kbps} kbit/s (0 to {MAX_KBPS})")

    @property
    def is_unlimited(self) -> bool:
        """True when either side is 0: RouterOS has no "one side unlimited" that also shapes the other safely."""
        return self.download_kbps == 0 or self.upload_kbps == 0

    def reduced_by(self, percent: int) -> "Speed":
        """This speed less `percent` (1-99), at least 1 kbit/s a side; an unlimited speed stays unlimited."""
        if self.is_unlimited:
            return self
        keep = 100 - percent
        return Speed(
            download_kbps=max(1, self.download_kbps * keep // 100), upload_kbps=max(1, self.upload_kbps * keep // 100)
        )

    def at_most(self, other: "Speed") -> "Speed":
        """The lower of two speeds, side by side; unlimited is the highest."""
        if other.is_unlimited:
            return self
        if self.is_unlimited:
            return other
        return Speed(
            download_kbps=min(self.download_kbps, other.download_kbps),
            upload_kbps=min(self.upload_kbps, other.upload_kbps),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Burst:
    """A higher speed allowed while the average over `time_s` is below the threshold."""

    speed: Speed
    threshold: Speed
    time_s: int


def _pair(speed: Speed) -> str:
    # RouterOS counts from its own side: receive (the customer's upload) comes first.
    return f"{_rate(speed.upload_kbps)}/{_rate(speed.download_kbps)}"


def _rate(kbps: int) -> str:
    return f"{kbps // 1000}M" if kbps and kbps % 1000 == 0 else f"{kbps}k"


def render_rate_limit(
    speed: Speed, burst: Burst | None = None, priority: int = 8, least: Speed | None = None
) -> str | None:
    """`Mikrotik-Rate-Limit` for a speed, or None when it is unlimited.

    Groups are positional, so a priority other than RouterOS's default 8, and a guaranteed speed (limit-at), need the
    groups before them; `0/0` stands for none there. A burst below the speed is left out: the router would treat it as
    a lower limit. The guarantee is never more than the speed, which RouterOS would refuse; left out, it is the speed.
    """
    if speed.is_unlimited:
        return None
    guarantee = None if least is None or least.is_unlimited else least.at_most(speed)
    groups = [_pair(speed)]
    has_more = priority != 8 or guarantee is not None
    if burst is not None and _reaches(burst.speed, speed):
        groups += [_pair(burst.speed), _pair(burst.threshold), f"{burst.time_s}/{burst.time_s}"]
    elif has_more:
        groups += ["0/0", "0/0", "0/0"]
    if has_more:
        groups.append(str(priority))
    if guarantee is not None:
        groups.append(_pair(guarantee))
    return " ".join(groups)


def speed_words(download_kbps: int, upload_kbps: int) -> str:
    """Download and upload as plans are advertised: "10Mbps/10Mbps"; a side without a limit is "unlimited"."""
    return "/".join(_words(kbps) for kbps in (download_kbps, upload_kbps))


def _words(kbps: int) -> str:
    if not kbps:
        return "unlimited"
    return f"{kbps / 1000:.3f}".rstrip("0").rstrip(".") + "Mbps" if kbps >= 1000 else f"{kbps}kbps"


def read_rate_limit(text: str) -> Speed | None:
    """The speed that a `Mikrotik-Rate-Limit` starts with, for routers that know no such text; None when it limits none.

    A single figure is for both directions. Less than a kilobit counts as one; raises `ValueError` for anything else.
    """
    first = text.split(" ", 1)[0]
    upload, _, download = first.partition("/")
    speed = Speed(download_kbps=_kbps(download or upload), upload_kbps=_kbps(upload))
    return None if speed.is_unlimited else speed


def read_burst(text: str) -> Burst:
    """The burst that a line in RouterOS's words means: rate, threshold, seconds, each upload first.

    Other systems write it loosely: `15M/15M 10M/10M 10/10 5s/5s` has a part too many, and there what ends in `s` is
    the time. Without a threshold it is the rate. Raises `ValueError` for what cannot be read.
    """
    parts = text.split()
    if not 2 <= len(parts) <= 6:
        raise ValueError("is not rate, threshold and seconds")
    rates = [part for part in parts if part[-1:] in "kKMG"]
    times = [part for part in parts if part[-1:] == "s"] or [
        part for part in parts if part.replace("/", "").isdecimal()
    ]
    if not 1 <= len(rates) <= 2 or not times:
        raise ValueError("has no rate, or no seconds")
    speed, threshold = _side_by_side(rates[0]), _side_by_side(rates[-1])
    seconds = [one.removesuffix("s") for one in times[0].split("/")]
    if not all(one.isdecimal() and len(one) <= 4 for one in seconds):
        raise ValueError(f"{times[0]!r} are no seconds")
    time_s = max(int(one) for one in seconds)
    if speed.is_unlimited or not 1 <= time_s <= 600:
        raise ValueError("has a rate of 0, or not 1 to 600 seconds")
    return Burst(speed=speed, threshold=threshold, time_s=time_s)


def _side_by_side(pair: str) -> Speed:
    upload, _, download = pair.partition("/")
    return Speed(download_kbps=_rate_kbps(download or upload), upload_kbps=_rate_kbps(upload))


def _rate_kbps(text: str) -> int:
    factor = {"k": 1, "K": 1, "M": 1000, "G": 1_000_000}.get(text[-1:])
    if factor is None or not text[:-1].isdecimal() or len(text) > 10:
        raise ValueError(f"{text!r} is not a rate")
    return int(text[:-1]) * factor


def _kbps(rate: str) -> int:
    factor = {"k": 1_000, "M": 1_000_000}.get(rate[-1:], 1)
    bits = int(rate.rstrip("kM")) * factor
    return min(MAX_KBPS, bits // 1000) or min(bits, 1)


def _reaches(burst: Speed, speed: Speed) -> bool:
    return burst.download_kbps >= speed.download_kbps and burst.upload_kbps >= speed.upload_kbps
