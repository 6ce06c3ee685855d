"""Judging a model item by item: items are published as a table, every item of every model gets one row of results."""
