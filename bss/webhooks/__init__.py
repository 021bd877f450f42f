"""Webhooks that go out: entered by staff, filled by triggers, told by a worker."""
