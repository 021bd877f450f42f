"""Changing live sessions: the outbox is drained, one exchange with one router after the other and many at a time."""
