"""What can go wrong between us and a router's API, one class for each thing that somebody would do differently.

`str()` is a sentence without a secret in it; `code` is one word for programs and translations.
"""


class RouterApiError(Exception):
    """The router was not asked, or did not answer as asked. An empty answer is never one of these."""

    code = "failed"


class Unreachable(RouterApiError):
    """No connection: nothing listens there, there is no way, or the router closed it before the login."""

    code = "unreachable"


class Resting(Unreachable):
    """Not asked: it did not answer a moment ago, and everybody else who asks would wait as well."""

    code = "resting"


class TimedOut(RouterApiError):
    """The deadline passed. What was asked for may have been done all the same."""

    code = "timed_out"


class Busy(TimedOut):
    """Not asked: as many connections as one router gets were in use until the deadline."""

    code = "busy"


class LoginRefused(RouterApiError):
    """The router does not know the account, or the password is another one."""

    code = "login_refused"


class Refused(RouterApiError):
    """The router understood and said no (`!trap`). `category` is RouterOS's number for the kind, None without one."""

    code = "refused"

    def __init__(self, message: str, category: int | None = None) -> None:
        super().__init__(f"the router refused: {message}")
        self.message = message
        self.category = category

    @property
    def is_duplicate(self) -> bool:
        """There is such an entry already."""
        return "already" in self.message

    @property
    def is_missing(self) -> bool:
        """There is no such entry (any more)."""
        return "no such item" in self.message


class Broken(RouterApiError):
    """The conversation ended in the middle: cut, `!fatal`, or no API at all. What was asked for may have been done."""

    code = "broken"


class TooMuch(Broken):
    """The answer was larger than an answer may be."""

    code = "too_much"


class CertificateUnknown(RouterApiError):
    """Nobody has said yet that this certificate is the router's; `fingerprint` is what it showed (SHA-256, hex)."""

    code = "certificate_unknown"

    def __init__(self, fingerprint: str) -> None:
        super().__init__(f"its certificate has not been trusted yet: {fingerprint}")
        self.fingerprint = fingerprint


class CertificateChanged(RouterApiError):
    """It shows another certificate than the one that was trusted; the account's password was not sent."""

    code = "certificate_changed"

    def __init__(self, *, fingerprint: str, trusted: str) -> None:
        super().__init__(f"its certificate is {fingerprint}, which is not the trusted one, {trusted}")
        self.fingerprint = fingerprint
        self.trusted = trusted
