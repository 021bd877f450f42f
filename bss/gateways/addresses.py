"""Under which addresses payers and gateways come to us. The one place that spells them, for routes and orders alike."""

from dataclasses import dataclass

WEBHOOK = "/webhooks/payments"
PAY = "/pay"
ORDER = "/pay/orders"
ENDINGS = ("finish", "error", "pending")


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """The addresses below the one at which the world reaches this installation (`https://pay.isp.example`)."""

    base: str

    def webhook(self, public_key: str) -> str:
        """Where a gateway tells what happened."""
        return f"{self.base}{WEBHOOK}/{public_key}"

    def link(self, token: str) -> str:
        """Where a customer pays."""
        return f"{self.base}{PAY}/{token}"

    def ending(self, page_key: str, which: str) -> str:
        """Where the payer comes back to: `finish`, `error` or `pending`."""
        return f"{self.base}{ORDER}/{page_key}/{which}"


def addresses(public_url: str, otherwise: str) -> Addresses:
    """The addresses under the configured one, else under that at which we were asked just now."""
    return Addresses(base=(public_url or otherwise).rstrip("/"))
