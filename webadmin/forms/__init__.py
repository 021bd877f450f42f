"""What people type into the panel, read into values. Field names are those of the use-cases, so a refusal finds its box."""
