"""Which of two ways to do an everyday thing works (PIQA, Bisk et al. 2020)."""

from tamis.eval.questions import MultipleChoice

task = MultipleChoice(
    "piqa",
    "commonsense_reasoning/piqa.jsonl",
    delimiter="\nAnswer: ",
    licence="AFL-3.0",
)
