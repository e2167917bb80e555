"""Settings of all tests."""

from hypothesis import settings

# A deadline by the clock fails a right test on a busy machine.
settings.register_profile("prmkit", deadline=None)
settings.load_profile("prmkit")
