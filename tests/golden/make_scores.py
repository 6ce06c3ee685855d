"""Write scores.jsonl beside this file: 200 invented documents and what every built-in score says of them.

    python tests/golden/make_scores.py

Run it only for a change of results that is meant, and bump the score's `version` with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from tamis.data.score import Score
from tamis.data.scores.c4 import C4Quality
from tamis.data.scores.fineweb import FineWebQuality
from tamis.data.scores.gopher import GopherQuality, GopherRepetition
from tamis.data.scores.language import Language

FILE = Path(__file__).with_name("scores.jsonl")
SCORES: tuple[Score, ...] = (GopherQuality(), GopherRepetition(), C4Quality(), FineWebQuality(), Language())

SUBJECTS = "the miller|a baker's drum sieve|our neighbour|the old clock|that river|my aunt Louise|every second letter|nobody"
VERBS = "carries|will be sent to|has been waiting with|asks for|weighs|forgot|paints the wall of|went past"
OBJECTS = "a sack of flour|the town hall|two small boats|an answer|her winter coat|the price of bread|seven keys|the rain"
TAILS = (
    "before noon|and said nothing|as they have always done|in a low voice|for the third time|without a light|to be sure|at last"
)
ENDS = '.|.|.|.|!|?|...|…||,|."|.[3]|; use of cookies applies.|:'
OTHER = (
    "Der Müller trägt jeden Morgen einen Sack Mehl über die Brücke, und niemand fragt ihn warum.",
    "La rivière passe sous le pont ; l'eau est froide. On dit qu'elle ne gèle jamais !",
    "Мельник несёт мешок муки через мост. Никто не спрашивает почему.",
    "Ο μυλωνάς κουβαλάει ένα σακί αλεύρι. Γιατί;",
    "粉屋は毎朝、橋を渡って小麦粉の袋を運ぶ。誰も理由を聞かない。",
    "磨坊主每天早上扛着一袋面粉过桥。没有人问为什么？",
    "चक्की वाला हर सुबह पुल पार करता है। कोई कारण नहीं पूछता॥",
    "يحمل الطحان كيسا من الدقيق كل صباح. لماذا؟",
    "방앗간 주인은 매일 아침 밀가루 한 자루를 나른다.",
    "for (int i = 0; i < n; ++i) { total += weight[i]; } // sum of flour",
    "# define FLOUR 3",
    "• flour • water • salt",
    "- two eggs",
    "Please enable JavaScript to see this page.",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
    "Home | About | Contact | Terms of use",
    "12:40 – 13:15 — 4/7",
    "read more ...",
)


class Dice:
    """Choices that are the same with every Python: bytes of a hash chain."""

    def __init__(self, seed: int) -> None:
        self.state = f"golden {seed}".encode()

    def below(self, n: int) -> int:
        self.state = hashlib.sha256(self.state).digest()
        return int.from_bytes(self.state[:8], "little") % n

    def pick(self, options: Sequence[str]) -> str:
        return options[self.below(len(options))]


def sentence(dice: Dice) -> str:
    words = [dice.pick(part.split("|")) for part in (SUBJECTS, VERBS, OBJECTS, TAILS)]
    text = " ".join(words)
    return text[0].upper() + text[1:] + dice.pick(ENDS.split("|"))


def document(seed: int) -> str:
    """Prose, other scripts, lists, code, spam and repetition in shares that the seed decides; seed 0 is empty."""
    dice = Dice(seed)
    foreign, repeated, length = dice.below(8), dice.below(4), 1 + dice.below(4) * dice.below(7)
    breaks = ("\n",) if dice.below(3) == 0 else ("\n", "\n\n", " ", "\r\n", "\n \n", "\t", "\u00a0")
    pieces: list[str] = []
    for _ in range(length):
        kind = dice.below(10)
        if pieces and kind < repeated:
            pieces.append(dice.pick(pieces))
        elif kind < repeated + foreign:
            pieces.append(dice.pick(OTHER))
        else:
            pieces.append(" ".join(sentence(dice) for _ in range(1 + dice.below(4))))
        pieces.append(dice.pick(breaks))
    return "".join(pieces) if seed else ""


def record(text: str) -> dict[str, object]:
    """The document and every score's values, by class and in the order of its columns."""
    return {"text": text, **{type(score).__name__: score.score(text) for score in SCORES}}


if __name__ == "__main__":
    FILE.write_text(
        "".join(json.dumps(record(document(i)), ensure_ascii=False, separators=(",", ":")) + "\n" for i in range(200)), "utf-8"
    )
