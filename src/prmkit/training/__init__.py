"""Training of process reward models."""
