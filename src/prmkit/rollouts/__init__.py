"""Monte-Carlo annotators."""
