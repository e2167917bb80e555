"""Develop process reward models for mathematical reasoning.

Importing this package loads no torch, transformers, plotting or web framework.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
