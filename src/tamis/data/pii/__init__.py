"""Personal data and secrets in text: `find` says where they stand, and why is in `rules`, `phones` and `secrets`."""

from tamis.data.pii.find import KINDS, MARKS, Found, find, find_batch

__all__ = ["KINDS", "MARKS", "Found", "find", "find_batch"]
