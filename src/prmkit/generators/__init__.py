"""Models that complete requests: one protocol, several backends."""
