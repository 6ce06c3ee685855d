"""Alice in Wonderland: does a good average hide a breakdown on problems that differ in nothing that matters?"""

from tamis.eval.aiw.parse import Answer, judge, parse_answer
from tamis.eval.aiw.problems import Study, Surface

__all__ = ["Answer", "Study", "Surface", "judge", "parse_answer"]
