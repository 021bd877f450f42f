"""Payment gateways over their real HTTP APIs, each behind one small interface.

Knows gateways and nothing of invoices, customers' rows or the books: it is handed an order and says what the gateway
said. What a webhook claims is never believed: it only names the order whose status is then asked for.
"""

from gateways.errors import GatewayError, Nonsense, NotOffered, Refused, Unreachable, WebhookRefused
from gateways.interface import Created, Event, Gateway, Order, Payer, Placed, Refund, Standing
from gateways.registry import ABOUT, FIELDS, About, Field, open_gateway, wrong_key
from gateways.wire import Exchange

__all__ = [
    "ABOUT",
    "FIELDS",
    "About",
    "Created",
    "Event",
    "Exchange",
    "Field",
    "Gateway",
    "GatewayError",
    "Nonsense",
    "NotOffered",
    "Order",
    "Payer",
    "Placed",
    "Refund",
    "Refused",
    "Standing",
    "Unreachable",
    "WebhookRefused",
    "open_gateway",
    "wrong_key",
]
