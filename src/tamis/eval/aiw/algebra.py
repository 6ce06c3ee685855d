"""Polynomials with rational coefficients: enough algebra to know that "1 + M" and "(2M + 2)/2" are the same answer.

Invariant: two texts get equal values exactly when they denote the same polynomial; what is not an expression gives None, never
a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

Monomial = tuple[str, ...]  # the letters of a product, sorted, with repetition; () is the constant term
LONGEST = 80  # characters of an expression that are read
HIGHEST = 6  # the largest power


@dataclass(frozen=True)
class Polynomial:
    """A sum of products of letters. `terms` is sorted and holds no zero."""

    terms: tuple[tuple[Monomial, Fraction], ...]

    def __str__(self) -> str:
        parts = []
        for letters, factor in sorted(self.terms, key=lambda t: (-len(t[0]), t[0])):
            size = abs(factor)
            body = "*".join(letters) if letters and size == 1 else "*".join([str(size), *letters])
            parts.append(("-" if factor < 0 else "+", body))
        text = " ".join(f"{sign} {body}" for sign, body in parts) or "0"
        return text.removeprefix("+ ")

    @property
    def letters(self) -> frozenset[str]:
        return frozenset(letter for letters, _ in self.terms for letter in letters)

    @property
    def constant(self) -> Fraction | None:
        """The number that this is, or None if letters are left."""
        return None if self.letters else sum((f for _, f in self.terms), Fraction(0))


def polynomial(terms: dict[Monomial, Fraction]) -> Polynomial:
    """The canonical form of a sum of products."""
    return Polynomial(tuple(sorted((m, f) for m, f in terms.items() if f)))


def affine(constant: int, **slopes: int) -> Polynomial:
    """constant + slope * letter + …"""
    return polynomial({(): Fraction(constant)} | {(name,): Fraction(slope) for name, slope in slopes.items()})


_SIGNS: dict[int, str] = {ord(a): b for a, b in zip("×·⋅÷−–", "***/--", strict=True)}
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z])|(\*\*|[-+*/^()]))")


def parse_expression(text: str) -> Polynomial | None:
    """The polynomial that all of `text` denotes, or None. Products may be written `2X`, `X*Y`, `X × Y` or `XY`."""
    text = text[:LONGEST].translate(_SIGNS)
    tokens: list[str] = []
    place = 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return None
        tokens.append(match[0].strip())
        place = match.end()
    try:
        reader = _Reader(tokens)
        value = reader.sum()
        return polynomial(value) if reader.at_end() else None
    except (ValueError, ZeroDivisionError, IndexError):
        return None


class _Reader:
    """Recursive descent over tokens; ValueError where the grammar is left."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.place = 0

    def at_end(self) -> bool:
        return self.place == len(self.tokens)

    def peek(self) -> str:
        return "" if self.at_end() else self.tokens[self.place]

    def take(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def sum(self) -> dict[Monomial, Fraction]:
        sign = -1 if self.peek() == "-" else 1
        if self.peek() in ("-", "+"):
            self.take()
        total = _scaled(self.product(), Fraction(sign))
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            for letters, factor in self.product().items():
                total[letters] = total.get(letters, Fraction(0)) + sign * factor
        return total

    def product(self) -> dict[Monomial, Fraction]:
        value = self.power()
        while (ahead := self.peek()) and (ahead in "*/(" or ahead.isalnum() or ahead[0].isdigit()):
            if ahead == "/":
                self.take()
                divisor = polynomial(self.power()).constant
                if divisor is None:
                    raise ValueError("division by letters")
                value = _scaled(value, 1 / divisor)
                continue
            if ahead == "*":
                self.take()
            elif ahead[0].isdigit():
                raise ValueError("a number after a factor")  # "X 3" is not a product
            value = _times(value, self.power())
        return value

    def power(self) -> dict[Monomial, Fraction]:
        value = self.atom()
        if self.peek() in ("^", "**"):
            self.take()
            exponent = self.take()
            if not exponent.isdigit() or int(exponent) > HIGHEST:
                raise ValueError("not a small power")
            value, base = {(): Fraction(1)}, value
            for _ in range(int(exponent)):
                value = _times(value, base)
        return value

    def atom(self) -> dict[Monomial, Fraction]:
        token = self.take()
        if token == "(":
            value = self.sum()
            if self.take() != ")":
                raise ValueError("an open bracket")
            return value
        if token[0].isdigit():
            return {(): Fraction(token)}
        if token.isalpha():
            return {(token,): Fraction(1)}
        raise ValueError(token)


def _scaled(value: dict[Monomial, Fraction], factor: Fraction) -> dict[Monomial, Fraction]:
    return {letters: f * factor for letters, f in value.items()}


def _times(a: dict[Monomial, Fraction], b: dict[Monomial, Fraction]) -> dict[Monomial, Fraction]:
    total: dict[Monomial, Fraction] = {}
    for first, x in a.items():
        for second, y in b.items():
            letters = tuple(sorted(first + second))
            if len(letters) > HIGHEST:
                raise ValueError("too high a power")
            total[letters] = total.get(letters, Fraction(0)) + x * y
    return total
