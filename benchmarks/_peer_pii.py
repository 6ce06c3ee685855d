"""Find or replace personal data with a peer; started by pii.py with the peer's interpreter.

    python _peer_pii.py datatrove|FILE.py time|spans TEXTS.jsonl

FILE.py is ROOTS' `bigscience_pii_detect_redact.py`. "time" prints the CPU-seconds of replacing in all texts, best of three;
"spans" prints for each text a line of JSON with the start, stop and kind of every match. Texts are JSON strings.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Spans = list[tuple[int, int, str]]
ROOTS = {"EMAIL": "email", "IP_ADDRESS": "ip", "KEY": "secret", "USER": "user"}


def datatrove() -> tuple[Callable[[str], Any], Callable[[str], Spans]]:
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter()

    def spans(text: str) -> Spans:
        found = [(m.start(), m.end(), "email") for m in formatter.emails_replacer.regex.finditer(text)]
        valid = formatter.ip_replacer.validator
        return found + [
            (m.start(), m.end(), "ip") for m in formatter.ip_replacer.regex.finditer(text) if valid is None or valid(m[0])
        ]

    return formatter.format, spans


def roots(path: str) -> tuple[Callable[[str], Any], Callable[[str], Spans]]:
    spec = importlib.util.spec_from_file_location("roots", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def spans(text: str) -> Spans:
        found = []
        for tag in sorted(module.high_risk_tags):
            for match in module.mst_regexes[tag].finditer(text):
                group = match.groups() and match.groups()[0]
                if group and not (tag == "IP_ADDRESS" and (not module.ip_has_digit(group) or module.matches_date_pattern(group))):
                    found.append((*match.span(1), ROOTS[tag]))
        return found

    return lambda text: module.run_pii(text, "en"), spans


def main(which: str, what: str, file: str) -> None:
    replace, spans = datatrove() if which == "datatrove" else roots(which)
    texts = [json.loads(line) for line in Path(file).read_text().splitlines()]
    if what == "spans":
        for text in texts:
            print(json.dumps(spans(text)))
        return
    times = []
    for _ in range(3):
        start = time.process_time()
        for text in texts:
            replace(text)
        times.append(time.process_time() - start)
    print(min(times))


if __name__ == "__main__":
    main(*sys.argv[1:])
