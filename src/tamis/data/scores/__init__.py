"""Scores: a document goes in, a small record comes out. The import is the registry."""
