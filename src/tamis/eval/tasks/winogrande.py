"""Which of two names a pronoun means: one ending, two contexts (WinoGrande, Sakaguchi et al. 2020)."""

from tamis.eval.questions import MultipleChoice

task = MultipleChoice(
    "winogrande",
    "language_understanding/winogrande.jsonl",
    licence="CC BY",
)
