"""Run DCLM's mappers on documents; started by dclm.py with the peer's interpreter, in a checkout of DCLM.

    python _dclm.py MODE LISTS MODEL < documents.jsonl > verdicts.jsonl

LISTS holds the lists under the names of DCLM's release, MODEL is lid.176.ftz, given to both. MODE is "shipped"; "words": words
and paragraphs are cut as ours; or "fixed": besides, what `dclm_compat` reproduces is repaired by the patches below. Packages
that these mappers import and do not use are replaced by empty ones.
"""

from __future__ import annotations

import json
import re
import sys
import types
import unicodedata
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import urlsplit

LISTS = {
    "domains": "refinedweb_banned_domains_curated.txt",
    "strict": "refinedweb_banned_words_strict_reverse_engineered.txt",
    "hard": "refinedweb_banned_words_hard_reverse_engineered.txt",
    "soft": "refinedweb_banned_words_soft_reverse_engineered.txt",
}
REPETITION = (
    *(("line", 0.3, False), ("paragraph", 0.3, False), ("line", 0.2, True), ("paragraph", 0.2, True)),
    *((n, bound, True) for n, bound in zip(range(2, 11), (0.2, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.10), strict=True)),
)


def kind(character: str) -> int:
    if character.isalpha() or unicodedata.category(character)[0] == "M":
        return 1
    return 2 if character.isalnum() else 0


def words(text: str) -> list[str]:
    kinds = [0, *map(kind, text), 0]
    out = []
    for i, character in enumerate(text):
        before, here, after = kinds[i : i + 3]
        joined = before and before == after and character in (".'’:" if before == 1 else ".'’,")
        out.append(character if here or joined else " ")
    return "".join(out).split()


def patched_words(shipped: Any, fixed: bool) -> Any:
    def split_words(text: str, model: str = "fasttext", ignore_punctuation: bool = False, **options: Any) -> list[str]:
        if model == "uniseg":
            return words(text)
        if fixed:
            return [word for word in text.split() if any(map(str.isalnum, word))]
        found: list[str] = shipped(text, model=model, ignore_punctuation=ignore_punctuation, **options)
        return found

    return split_words


def paragraphs(text: str, paragraph_end: str = "\n", remove_empty: bool = True) -> list[str]:
    pieces = re.split(r"\n\s*\n" if paragraph_end == "\n\n" else paragraph_end, text)
    return [piece.strip() for piece in pieces if piece.strip()] if remove_empty else pieces


def parents(url: str) -> list[str]:
    labels = (urlsplit(url).hostname or "").split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


class Mappers:
    """The steps of dclm_baseline_refinedweb.yaml, each a function from a page to no page or one."""

    def __init__(self, mode: str, lists: str, model: str) -> None:
        for name in ("justext", "bs4", "langdetect", "transformers", "lxml", "lxml.etree", "blingfire"):
            sys.modules[name] = MagicMock()
        for name in ("core", "baselines.core", "baselines.mappers", "baselines.mappers.enrichers"):  # __init__ imports everything
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = [name.replace(".", "/") if "." in name else "baselines/core"]
        from baselines.mappers import core_utils, modifiers  # type: ignore[import-not-found]
        from baselines.mappers.enrichers import enrichers
        from baselines.mappers.enrichers import language_id_enrichers as language
        from baselines.mappers.filters import content_filters as content
        from baselines.mappers.filters import metadata_filters as metadata

        language.load_fasttext_model = lambda: language.fasttext.load_model(model)
        fixed = mode == "fixed"
        if mode != "shipped":
            split_words = patched_words(core_utils.split_words, fixed)
            for module in (content, modifiers, enrichers):
                module.split_words = split_words
            content.split_paragraphs = paragraphs
        if fixed:
            plain = language.detect_lang_whole_page_fasttext
            language.detect_lang_whole_page_fasttext = lambda m, text, seed=None: plain(m, text.replace("\n", " "))
        banned = {key: str(Path(lists) / name) for key, name in LISTS.items()}
        block = metadata.url_substring_filter
        self.domains = block(banlist_from_fname=banned["domains"], exact_domain_match=True, ignore_chars=["www"])
        self.strict = block(banlist_from_fname=banned["strict"], ignore_chars=["-", "."])
        self.hard = block(banlist_from_fname=banned["hard"], match_substrings=False)
        self.soft = block(banlist_from_fname=banned["soft"], num_banned_substrs=2, match_substrings=False)
        if fixed:
            listed = set(Path(banned["domains"]).read_text().split())
            self.domains = lambda page: [] if listed & set(parents(page["url"])) else [page]
            hard, soft = self.hard, self.soft  # "_" parts words
            self.hard = lambda page: hard({"url": page["url"].replace("_", " ")})
            self.soft = lambda page: soft({"url": page["url"].replace("_", " ")})
        urls = modifiers.url_removal_modifier
        if fixed:  # look for addresses in every text: a guard that always matches, in the closure of the shipped function
            modifiers.Blacklist = AlwaysThere.around(modifiers.Blacklist)
        self.clean = (urls(), modifiers.newline_removal_modifier(max_consecutive=2))
        enrich = language.detect_lang_whole_page_enricher(model="fasttext", overwrite=True)
        key = "language_id_whole_page_fasttext"
        self.language = lambda page: metadata.language_filter(enrich(page)[0], ["en"], key=key, threshold=0.65)
        self.quality = (
            lambda page: content.page_length_filter(page, "word", 50, 100_000, ignore_punctuation=True),
            lambda page: content.word_length_filter(page, 3, 10),
            lambda page: content.symbol_ratio_filter(page, 0.1),
            lambda page: content.bullet_count_filter(page, 0.9),
            lambda page: content.ellipsis_count_filter(page, 0.3),
            lambda page: content.alphabetic_word_ratio_filter(page, 0.2),
            lambda page: content.stop_word_filter(page, False, 2),
        )
        self.repetition = lambda page, rule: content.repetition_filter(
            page, rule[0], rule[1], count_characters=rule[2], cache=self.cache
        )
        spell = re.escape if fixed else str
        remain = modifiers.substring_line_modifier
        options = {"max_length": 10, "remove_substring_only": True}
        self.lines = (
            lambda page: enrichers.word_counter_enricher(page, "previous_word_count", overwrite=True),
            lambda page: modifiers.uppercase_ratio_line_modifier(page, 0.5),
            lambda page: modifiers.numeric_ratio_line_modifier(page, 0.999999),
            modifiers.counter_line_modifier(),
            lambda page: modifiers.line_length_modifier(page, 2),
            remain(spell("items in cart"), **options),
            remain(spell("Read more..."), location="suffix", **options),
            remain(spell("Sign-in"), location="prefix", **options),
            lambda page: content.word_removal_ratio_filter(page, "previous_word_count", max_removed_ratio=0.05),
        )
        self.cache: dict[str, Any] = {}

    def after(self, steps: Any, page: dict[str, Any]) -> str | None:
        """The text after some steps, or None if they drop the page."""
        page = dict(page)
        for step in steps:
            if not step(page):
                return None
        text: str = page["text"]
        return text

    def verdicts(self, page: dict[str, Any]) -> list[Any]:
        """What every step says of the page as it is, the edits' texts, and the text after the whole chain."""
        banned = [bool(step(dict(page))) for step in (self.domains, self.strict, self.hard, self.soft)]
        rules = [bool(step(dict(page))) for step in (self.language, *self.quality)]
        repeats = self.repeats(page)
        cleaned = self.after(self.clean, page)
        end = None
        if all(banned) and cleaned is not None:
            page = {**page, "text": cleaned}
            if all(bool(step(dict(page))) for step in (self.language, *self.quality)) and all(self.repeats(page)):
                end = self.after(self.lines, page)
        return [*banned, cleaned or "", *rules, *repeats, self.after(self.lines, page_of(page, cleaned)), end]

    def repeats(self, page: dict[str, Any]) -> list[bool]:
        self.cache = {}
        return [bool(self.repetition(dict(page), rule)) for rule in REPETITION]


def page_of(page: dict[str, Any], cleaned: str | None) -> dict[str, Any]:
    return {**page, "text": cleaned or ""}


class AlwaysThere:
    """A pattern that matches everywhere and otherwise is the one it stands for."""

    def __init__(self, pattern: Any) -> None:
        self.pattern = pattern.pattern

    def match(self, text: str) -> bool:
        return True

    @classmethod
    def around(cls, blacklist: Any) -> Any:
        class Patched:
            def __init__(self, *arguments: Any, **options: Any) -> None:
                self.compiled = cls(blacklist(*arguments, **options).compiled)

        return Patched


def main(mode: str, lists: str, model: str) -> None:
    sys.path[:0] = [".", "baselines"]
    mappers = Mappers(mode, lists, model)
    for line in sys.stdin:
        text, url = json.loads(line)
        print(json.dumps(mappers.verdicts({"text": text, "url": url})))


if __name__ == "__main__":
    main(*sys.argv[1:])
