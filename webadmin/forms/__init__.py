"""What people type into the panel, read into values. Fields are named as in the use-cases, so a refusal finds its box."""
