"""Under which addresses payers and gateways come to us. The one place that spells them, for routes and orders alike."""

from dataclasses import dataclass

WEBHOOK = "/webhooks/payments"
PAY = "/pay"
ORDER = "/pay/orders"
ENDINGS = ("finish", "error", "pending")
LINK_ARGUMENT = "link"


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """The addresses below the one at which the world reaches this installation (`https://pay.isp.example`)."""

    base: str
    # The link by which somebody pays goes along, so that he finds back to it.
    link_token: str = ""

    def webhook(self, public_key: str) -> str:
        """Where a gateway tells what happened."""
        return f"{self.base}{WEBHOOK}/{public_key}"

    def link(self, token: str) -> str:
        """Where a customer pays."""
        return f"{self.base}{PAY}/{token}"

    def ending(self, page_key: str, which: str) -> str:
        """Where the payer comes back to: `finish`, `error` or `pending`."""
        tail = f"?{LINK_ARGUMENT}={self.link_token}" if self.link_token else ""
        return f"{self.base}{ORDER}/{page_key}/{which}{tail}"


def addresses(public_url: str, otherwise: str, *, link_token: str = "") -> Addresses:
    """The addresses under the configured one, else under that at which we were asked just now."""
    return Addresses(base=(public_url or otherwise).rstrip("/"), link_token=link_token)
