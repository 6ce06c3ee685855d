"""What a model answered: a number or an expression, or why there is none.

The rules, in order: reasoning between `<think>` tags, an echoed prompt and whatever a base model invents after its answer are
put aside; then the last "### Answer", else the last \\boxed{}, else the last "answer is" or "Answer:", else a reply that is
nothing but a value, is read. A value is never guessed from the reasoning. Statuses are kept apart: *answered* · *refused* (the
model says that it cannot be known) · *truncated* (cut before an answer) · *unparsed* (a hedge such as "6 or 7", or nothing).
Whether an answer is right is another question: `judge` asks it with the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tamis.eval.aiw.algebra import Polynomial, parse_expression

Value = int | Fraction | Polynomial
ANSWERED, REFUSED, TRUNCATED, UNPARSED = "answered", "refused", "truncated", "unparsed"
CORRECT, WRONG = "correct", "wrong"
STATUSES = (CORRECT, WRONG, REFUSED, TRUNCATED, UNPARSED)
SHORT = 80  # characters: a reply without any marker is read as a value only if it is no longer
LOOKED_AT = 2000  # characters of an answer that are looked at
AT_END = 60_000  # characters of a reply, from its end, in which an answer is looked for
LONG = 400  # characters: a longer reply without an answer that stops in mid sentence was cut


@dataclass(frozen=True)
class Answer:
    """`value` (None unless answered), `status`, and the piece of text that decided."""

    value: Value | None
    status: str
    text: str = ""


NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
NUMBERS = {word: number for number, word in enumerate(NUMBER_WORDS)} | {"none": 0, "no": 0}
_OPERATORS = {"plus": "+", "minus": "-", "times": "*"}

_SIGNS: dict[int, str] = {ord(a): b for a, b in zip("×·⋅−’\u00a0\u2009≥", "***-'   ", strict=True)}

_THINK = re.compile(r"<(think|thinking|thought|reasoning|reflection)>", re.I)
_OUTPUT = re.compile(r"<(output|answer)>(.*?)(?:</\1>|\Z)", re.I | re.S)
_INSTRUCTION = re.compile(
    r"(?:following\s+(?:form|format)|format)[^:\n]{0,60}:\s*[\"“'`]+\s*#+\s*answer:[^\"”'`\n]{0,40}[\"”'`]+\.?", re.I
)
_NEXT_HEADING = re.compile(r"\s(?:#+|\+{3,})\s*\S|\n\s{0,9}(?:problem|question|exercise)\s*\d*\s*:", re.I)
_ECHO = re.compile(r"#*\s*(?:problem|question)\s*:.*?(?=#*\s*answer\s*:)", re.I | re.S)
_HEADING = re.compile(r"#{1,6}[ \t]*[*_]*[ \t]*(?:the[ \t]+)?(?:final[ \t]+)?answer\b[ \t]*[*_]*[ \t]*[:：]?[*_]*", re.I)
_LABEL = re.compile(
    r"\banswer[*_]*\s*[:：][*_]*|\banswer\b(?:\s+to\s+[^.\n]{1,100}?)?[*_]*\s+(?:is|would\s+be|should\s+be|must\s+be|remains)\b"
    r"(?:\s+that\b)?\s*[:：]?[*_]*",
    re.I,
)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_REFUSAL = re.compile(
    r"(?:can(?:not|\s*not|['’]t)|could(?:\s+not|n['’]t)|unable\s+to|not\s+possible\s+to|impossible\s+to|no\s+way\s+to|"
    r"not\s+able\s+to|hard\s+to|difficult\s+to)\s+(?:\w+\s+){0,3}?(?:be\s+)?(?:\w+\s+)?"
    r"(?:determin|know|answer|calculat|conclud|deduc|infer|provid|say|tell|give|specif|solv|establish|comput|figure|state)"
    r"|(?:not|n['’]t|no)\s+(?:\w+\s+){0,3}?(?:enough|sufficient|adequate)\s+(?:\w+\s+)?(?:information|data|detail)"
    r"|(?:insufficient|not\s+enough|inadequate|incomplete|missing)\s+(?:information|data|detail)"
    r"|\b(?:undetermined|indeterminate|undeterminable|indeterminable|unanswerable|unknown|unsolvable|ambiguous)\b|\bN/?A\b"
    r"|does\s+not\s+(?:provide|specify|contain|give|state)|is\s+not\s+(?:specified|provided|given|stated|determin)"
    r"|I\s+(?:am\s+)?(?:sorry|do\s*n['o’]t\s+know|refuse|decline)",
    re.I,
)
_NUMBER = r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])"
_HEDGE = re.compile(
    r"\beither\b|\bbetween\s+-?\d+\s+and\s+-?\d+|\bor\s+(?:possibly|maybe|perhaps)\b|\bdepend(?:s|ing)\s+on\b"
    r"|(?<![\d+\-*/=.]\s)(?<![\w.])\d+,?\s*(?:\bor\b|\bto\b|/|(?<!\s)[-–—~](?!\s))\s*\d+(?![\w])(?!\s*=)",
    re.I,
)
_LETTER = r"[B-HJ-Zb-hj-z]"  # "a", "A" and "I" are words
_FACTOR = rf"(?:\d+(?:\.\d+)?\s*\*?\s*{_LETTER}?|{_LETTER}(?:\s*\^\s*\d)?)"
_EXPRESSION = re.compile(
    rf"(?<![\w.'’(\[])[(\[]{{0,3}}-?\s*\({{0,3}}{_FACTOR}\){{0,3}}(?:\s*[-+*/]\s*\({{0,3}}{_FACTOR}\){{0,3}}){{0,20}}[)\]]{{0,3}}(?![\w'’])"
)
_VERB = re.compile(r"\b(?:has|have|had|is|are|be|equals?|gives?|makes?|totals?|with)\b|=|:|≈|→", re.I)


def parse_answer(text: str, prompt: str = "", finish: str = "") -> Answer:
    """Read a reply.

    `prompt`: the prompt it answers; dropped where the reply begins with it. `finish`: what the model's server said of its end
    ("length": it was cut). Never raises; the time is linear in the length of the reply for all practical purposes.
    """
    shown, cut = _answer_part(_without_echo(text, prompt))
    if cut:
        return Answer(None, TRUNCATED, shown[-SHORT:].strip())
    for span in _spans(shown[-AT_END:]):
        found = _read(span)
        if found is not None:
            return found
    if finish == "length" or _stops_short(shown):
        return Answer(None, TRUNCATED, shown[-SHORT:].strip())
    lines = shown.strip().splitlines()
    last = " ".join(lines[-3:]) if lines else ""
    return Answer(None, REFUSED if _REFUSAL.search(last) else UNPARSED, last[-SHORT:])


def judge(answer: Answer, key: int | Polynomial) -> str:
    """correct, wrong, refused, truncated or unparsed. An expression for a number that is asked is no answer: unparsed."""
    if answer.status != ANSWERED or answer.value is None:
        return answer.status
    if isinstance(key, int):
        if isinstance(answer.value, Polynomial):
            return UNPARSED
        return CORRECT if answer.value == key else WRONG
    return CORRECT if isinstance(answer.value, Polynomial) and _folded(answer.value) == _folded(key) else WRONG


def _folded(value: Polynomial) -> object:
    return sorted((tuple(sorted(x.upper() for x in letters)), factor) for letters, factor in value.terms)


def _without_echo(text: str, prompt: str) -> str:
    """The reply without a prompt that it repeats, and without problems that a base model goes on to invent."""
    text = text.lstrip("\ufeff").strip()
    wanted = prompt.split()
    completes = prompt.rstrip().lower().endswith("answer:")
    if wanted and text.split()[: len(wanted)] == wanted:
        text = re.sub(r"\s*" + r"\s+".join(map(re.escape, wanted)), "", text, count=1)
    elif echo := _ECHO.match(text):
        text, completes = text[echo.end() :], True
    text = _INSTRUCTION.sub(" ", text)
    if not completes:
        return text
    heading = _HEADING.match(text.lstrip())
    body = text.lstrip()[heading.end() :] if heading else text
    following = _NEXT_HEADING.search(body, len(body) - len(body.lstrip()))
    return "### Answer: " + (body[: following.start()] if following else body)


def _answer_part(text: str) -> tuple[str, bool]:
    """What follows the reasoning, and whether the reply was cut inside it."""
    opened = list(_THINK.finditer(text))
    closed = list(re.finditer(r"</(?:think|thinking|thought|reasoning|reflection)>", text, re.I))
    if opened and (not closed or closed[-1].start() < opened[-1].start()):
        return text, True
    if closed:
        after = text[closed[-1].end() :]
        if outputs := list(_OUTPUT.finditer(after)):
            after = outputs[-1][2]
        return after, not after.strip()
    return text, False


def _spans(text: str) -> list[str]:
    """Pieces that may hold the answer, the one to be believed first."""
    headings = list(_HEADING.finditer(text))
    ends = [m.start() for m in headings[1:]] + [len(text)]
    spans = [text[m.end() : end] for m, end in zip(headings, ends, strict=False)]
    spans = [s for s in spans if s.strip(" \n\t*_#:.\"'`")][-1:]
    spans += [m[0] for m in _BOXED.finditer(text)][-1:]
    labels = [m.end() for m in _LABEL.finditer(text) if text[m.end() :].strip(" \n\t*_#:.\"'`")]
    if labels and (len(text) - labels[-1] <= LONG or not _stops_short(text)):  # else it is a thought on the way, and was cut
        spans.append(text[labels[-1] :])
    if len(text.strip()) <= SHORT:
        spans.append(text)
    return spans


def _plain(text: str) -> str:
    """Markup away: LaTeX, bold, quotes, code marks; typographic signs to plain ones."""
    text = re.sub(r"\\(?:text|mathrm|mathbf|textbf|textit|mathit|operatorname)\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(r"\\d?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"(\1)/(\2)", text)
    text = text.replace("\\times", "*").replace("\\cdot", "*").replace("\\,", " ").replace("\\ ", " ").replace("\\%", "%")
    text = re.sub(r"\\[()\[\]]|\$+|[*_]{2,3}|[`\"“”]", " ", text)
    text = re.sub(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)", " ", text) if not re.search(r"\w\s*\*\s*\w", text) else text
    text = text.translate(_SIGNS)
    return re.sub(r"\b(" + "|".join(_OPERATORS) + r")\b", lambda m: _OPERATORS[m[1].lower()], text, flags=re.I)


def _read(span: str) -> Answer | None:
    """The value of a span that begins where an answer should; None if the span says nothing of the kind."""
    if boxed := list(_BOXED.finditer(span)):
        span = boxed[-1][1] if not span.strip().startswith("\\boxed") else boxed[0][1]
    line = _first_line(_plain(span[:LOOKED_AT]))
    line = (
        re.sub(r"^[\s:>\-–—•#.,]*(?=[A-Za-z(\[\d])|^[\s:>•#.,]+", "", line) if not re.match(r"\s*-\s*\d", line) else line.strip()
    )
    shown = line[:SHORT]
    words = re.sub(rf"\b({'|'.join(NUMBERS)})\b(?!\s+of\b)", lambda m: str(NUMBERS[m[1].lower()]), line, flags=re.I)
    leading = re.match(rf"[(\[{{<\s]*({_NUMBER})", words)
    refusal = _REFUSAL.search(line)
    if refusal and not (leading and leading.end() < refusal.start()):
        return Answer(None, REFUSED, shown)
    value = _value(words)
    if value is None and _HEDGE.search(words):
        return Answer(None, UNPARSED, shown)
    return None if value is None else Answer(value, ANSWERED, shown)


def _first_line(text: str) -> str:
    """The first line that holds something, up to the end of its first sentence that holds a value."""
    for line in text.splitlines():
        if line.strip(" \t*_#:.-"):
            sentences = re.split(r"(?<=[.!?;])\s+(?=[A-Z(\"'])", line.strip())
            for number, sentence in enumerate(sentences):
                if (
                    re.search(r"\d", sentence)
                    or _EXPRESSION.search(sentence)
                    or _REFUSAL.search(sentence)
                    or _WORDS.search(sentence)
                ):
                    return " ".join(sentences[: number + 1])
            return line.strip()
    return ""


_WORDS = re.compile(rf"\b(?:{'|'.join(NUMBERS)})\b", re.I)


def _value(line: str) -> Value | None:
    """The one value that a line states, or None: nothing there, or several without saying which."""
    line = re.split(r",?\s*\(?\bwhere\b", line, maxsplit=1)[0] or line
    outside = re.sub(r"(?<=\w)\s*\([^()]*\)(?=\s*(?:[A-Za-z.,;!]|$))", " ", line) if re.match(r"\s*[\w-]", line) else line
    if _HEDGE.search(outside):
        return None
    if "=" in outside:
        sides = [s for s in (_expressions(part) for part in outside.split("=")[1:]) if s]
        if sides:
            return sides[-1][0][0]
    found = _expressions(outside)
    if not found:
        found = _expressions(line)
        outside = line
    if not found:
        return None
    if found[0][1] <= len(outside) - len(outside.lstrip(" ([{<")) or len({str(v) for v, _ in found}) == 1:
        return found[0][0]
    verbs = [m.end() for m in _VERB.finditer(outside)]
    for verb in reversed(verbs):
        after = [v for v, start in found if start >= verb]
        if after:
            return after[0]
    return found[-1][0]


def _expressions(text: str) -> list[tuple[Value, int]]:
    """Values in a line with their places, in order."""
    out: list[tuple[Value, int]] = []
    for match in _EXPRESSION.finditer(text):
        body = match[0].strip()
        while body.count("(") < body.count(")") and body.endswith((")", "]")):
            body = body[:-1].rstrip()
        while body.count("(") > body.count(")") and body.startswith(("(", "[")):
            body = body[1:].lstrip()
        parsed = parse_expression(body.strip("[]"))
        if parsed is not None:
            constant = parsed.constant
            value: Value = parsed if constant is None else int(constant) if constant.denominator == 1 else constant
            out.append((value, match.start()))
    return out


def _stops_short(text: str) -> bool:
    """Whether a long reply ends in mid sentence."""
    end = text.rstrip()
    return len(end) > LONG and not re.search(r"[.!?…:;)\]}\"'”’*`$|>]$", end)


_FIRST_ANSWER = re.compile(r"answer:.*?(\d+)")
_FIRST_HAS = re.compile(r"has.*?(\d+)")


def repository_rule(text: str) -> str | None:
    """The rule of the published collection: the first digits after "answer:", else after "has", as text (so "003" is not "3").

    Source: LAION-AI/AIW, `example_litellm.py`. It is kept to compare with published rates, and judges nothing here.
    """
    flat = text.lower().replace("\n", " ")
    match = _FIRST_ANSWER.search(flat) or _FIRST_HAS.search(flat)
    return match[1] if match else None


def repository_symbolic_rule(text: str, letter: str) -> bool:
    """Its rule for symbolic answers (`plot.py`): a pattern anywhere in the text, which "M + 1" does not match."""
    return re.search(rf"{letter}(?:\s*\+|\s+\s*)1", text) is not None
