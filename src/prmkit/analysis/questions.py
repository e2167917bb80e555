"""All questions by name, in the order in which a report asks them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from prmkit.analysis.aggregation import aggregation
from prmkit.analysis.calibration import calibration
from prmkit.analysis.detection import detection
from prmkit.analysis.drift import drift
from prmkit.analysis.filtering import filtering
from prmkit.analysis.length import length
from prmkit.analysis.position import position
from prmkit.analysis.process_errors import process_errors
from prmkit.analysis.result import Analysis
from prmkit.analysis.soft_labels import soft_labels
from prmkit.analysis.sources import sources
from prmkit.analysis.threshold import threshold
from prmkit.store import StoredRun

Question = Callable[[StoredRun, int | None], Analysis]
"""A run, and how many resamples (None = the run's own), to an answer."""

QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "process-errors": process_errors,
        "detection": detection,
        "position": position,
        "aggregation": aggregation,
        "sources": sources,
        "soft-labels": soft_labels,
        "threshold": threshold,
        "filtering": filtering,
        "calibration": calibration,
        "length": length,
        "drift": drift,
    }
)
"""By the name that `prm analyse` takes."""
