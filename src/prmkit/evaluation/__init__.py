"""Evaluating process reward models: first errors (ProcessBench) and Best-of-N."""
