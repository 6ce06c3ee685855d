"""School science questions with four choices (ARC-Easy, Clark et al. 2018)."""

from tamis.eval.questions import MultipleChoice

task = MultipleChoice(
    "arc_easy",
    "world_knowledge/arc_easy.jsonl",
    delimiter="\nAnswer: ",
    licence="CC BY-SA 4.0",
)
