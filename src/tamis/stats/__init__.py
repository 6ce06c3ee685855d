"""Paired comparisons, decisions and the power of a design."""
