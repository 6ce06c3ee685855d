"""Yes or no questions about a passage (BoolQ, Clark et al. 2019)."""

from tamis.eval.questions import MultipleChoice

task = MultipleChoice(
    "boolq",
    "reading_comprehension/boolq.jsonl",
    delimiter="\nAnswer: ",
    licence="CC BY-SA 3.0",
)
