"""Step scores from trained models, and their aggregation."""
