"""What a run's stored data say, one question a file: the biases of the paper and others."""
