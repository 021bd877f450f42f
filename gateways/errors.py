"""What can go wrong between us and a gateway, one class for each thing that somebody would do differently.

`str()` is a sentence without a secret in it; `code` is one word for programs and translations.
"""


class GatewayError(Exception):
    """The gateway was not asked, or did not answer as asked."""

    code = "failed"


class Unreachable(GatewayError):
    """No answer in time, or the gateway is out of order. What was asked for may have been done all the same."""

    code = "unreachable"


class Refused(GatewayError):
    """The gateway understood and said no. `status` is its HTTP status, 0 when we did not ask because it would."""

    code = "refused"

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Nonsense(GatewayError):
    """The gateway answered something that is not documented; nothing of it is believed."""

    code = "nonsense"


class NotOffered(GatewayError):
    """This gateway cannot do that at all."""

    code = "not_offered"


class WebhookRefused(Exception):
    """A webhook that is not the gateway's own. `reason` is one word for the log; nothing else is told to the sender."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
