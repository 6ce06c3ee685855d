"""Edits: a row goes in, a row (or several) comes out."""
