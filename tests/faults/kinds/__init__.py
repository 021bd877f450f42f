"""The faults themselves, one module for each kind; each says how it is injected, healed and what is expected."""
