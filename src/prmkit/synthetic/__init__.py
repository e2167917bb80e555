"""The synthetic world: problems with exact truth, and small models that live in it."""
