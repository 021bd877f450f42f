"""Staff: who they are, what they may, how they prove it, and the jobs about them."""
