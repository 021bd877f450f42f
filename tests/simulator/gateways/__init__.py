"""Payment gateways that never existed, for tests and the demo: their documented HTTP APIs, webhooks and bad days.

    with MidtransServer(server_key="SB-Mid-server-x") as midtrans:
        ...                                   # somebody creates an order at midtrans.url
        midtrans.pay("INV-1-ABC", "gopay")    # the customer pays; the truth is here
        midtrans.deliver(midtrans.notice("INV-1-ABC"), url)

Each keeps the truth about its transactions, so what was booked can be compared with it. They import nothing of the
system they test: what they say about bytes must not be wrong in the same way.
"""

from .base import BadDay, Notice, PaymentServer
from .midtrans import MidtransServer
from .mpesa import MpesaServer
from .stripe import StripeServer
from .xendit import XenditServer

__all__ = ["BadDay", "MidtransServer", "MpesaServer", "Notice", "PaymentServer", "StripeServer", "XenditServer"]
