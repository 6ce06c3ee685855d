"""Alice in Wonderland: does a good average hide a breakdown on problems that differ in nothing that matters?"""

from tamis.eval.aiw.parse import Answer, judge, parse_answer

__all__ = ["Answer", "judge", "parse_answer"]
