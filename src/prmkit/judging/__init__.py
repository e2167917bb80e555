"""Judges: prompts, parsing of verdicts, voting."""
