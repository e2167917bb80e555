"""Bias analyses, one module a question."""
