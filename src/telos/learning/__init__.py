"""Learning: losses, the one training loop, and the phases that it runs."""
