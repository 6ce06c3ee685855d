"""Items of tasks planted in documents, in six disguises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

DISGUISES = ("verbatim", "wrapped anew", "case and marks", "white space", "split in two", "question alone")
MARKS = str.maketrans(
    {"'": "’", '"': "«", ",": " —", ".": " …", ";": "/", ":": " -", "?": " ?!", "!": ".", "-": "–", "(": "[", ")": "]"}
)
SPACES = ("\u00a0", "\u3000", "\t", "\u2009", "\u202f", "\r\n")


@dataclass(frozen=True)
class Asked:
    """An item as people copy it: the question, all that stands with it (the question first), and its number."""

    number: int
    question: str
    whole: str


def disguised(item: Asked, disguise: str, random: Random) -> list[str]:
    """The texts to plant, each in a document of its own."""
    own = item.whole.split()
    if disguise == "wrapped anew":
        return ["\n".join("    " + " ".join(own[k : k + 7]) for k in range(0, len(own), 7))]
    if disguise == "case and marks":
        return [random.choice((str.upper, str.title, str.swapcase))(item.whole).translate(MARKS)]
    if disguise == "white space":
        return ["".join(word + random.choice(SPACES) for word in own)]
    if disguise == "split in two":
        return [" ".join(own[: len(own) // 2]), " ".join(own[len(own) // 2 :])]
    return [item.question if disguise == "question alone" else item.whole]


@dataclass(frozen=True)
class Plant:
    """An item, how it was disguised, and the places of the documents that hold it."""

    item: Asked
    disguise: str
    places: tuple[int, ...]


def plant(hosts: Sequence[str], items: Sequence[Asked], seed: int) -> tuple[list[str], list[Plant]]:
    """Some hosts with an item in their middle, the disguises in turn; SystemExit if there are too few hosts."""
    random, out, plants = Random(seed), list(hosts), []
    free: Iterator[int] = iter(random.sample(range(len(hosts)), len(hosts)))
    for number, item in enumerate(items):
        disguise = DISGUISES[number % len(DISGUISES)]
        places = []
        for part in disguised(item, disguise, random):
            place = next(free, None)
            if place is None:
                raise SystemExit("there are more items to plant than documents to plant them in")
            host = out[place]
            middle = host.find(" ", len(host) // 2)
            middle = len(host) if middle < 0 else middle
            out[place] = f"{host[:middle]}\n{part}\n{host[middle:]}"
            places.append(place)
        plants.append(Plant(item, disguise, tuple(places)))
    return out, plants
