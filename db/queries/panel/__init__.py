"""What the panel's screens read. Nothing here writes."""
