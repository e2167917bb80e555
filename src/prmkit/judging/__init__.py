"""Judging solutions with a generative model: where, if anywhere, is the first wrong step."""

from prmkit.judging.judge import judge_solution
from prmkit.judging.parse import parse_verdict
from prmkit.judging.vote import majority

__all__ = ["judge_solution", "majority", "parse_verdict"]
