"""Judging a model item by item."""
