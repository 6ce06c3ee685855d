"""Compiled loops over Arrow string buffers: no I/O, no policy."""
