"""The last word of a passage that needs all of it (LAMBADA, Paperno et al. 2016, OpenAI's text)."""

from tamis.eval.questions import Cloze

task = Cloze(
    "lambada_openai",
    "language_understanding/lambada_openai.jsonl",
    licence="CC BY 4.0",
)
