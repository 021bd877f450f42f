"""Screens and API: what staff and programs see of the business, and the forms through which they act on it."""
