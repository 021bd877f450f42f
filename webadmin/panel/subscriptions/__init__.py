"""What is done to one subscription. Every question is a small page; opened from the customer page it is a dialog."""

from webadmin.panel.subscriptions import customers, devices, form, life, listed, terms
from webadmin.panel.subscriptions.questions import Question, ask, blueprint, finish, subscription_of

__all__ = [
    "Question",
    "ask",
    "blueprint",
    "customers",
    "devices",
    "finish",
    "form",
    "life",
    "listed",
    "subscription_of",
    "terms",
]
