"""Published data sets: import and export, one module each."""
