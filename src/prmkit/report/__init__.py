"""One self-contained HTML page about runs: figures, tables, and every step to look at."""
