"""ProcessBench and Best-of-N."""
