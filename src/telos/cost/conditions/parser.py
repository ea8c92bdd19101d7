"""From text to a condition.

    either     := both ("or" both)*
    both       := negation ("and" negation)*
    negation   := "not" negation | "(" either ")" | DEFINED | comparison
    comparison := QUANTITY "near" point "within" NUMBER
                | sum "between" NUMBER "and" NUMBER
                | sum relation sum [relation sum]
    sum        := ["-"] term (("+" | "-") term)*
    term       := NUMBER ["*" number_of] | number_of
    number_of  := QUANTITY ["[" INTEGER "]" | ".x" | ".y" | ".z"]
    point      := NUMBER | "(" NUMBER ("," NUMBER)* ")"
    relation   := "<" | "<=" | ">" | ">="

A NUMBER may have a unit behind it, which must be that of what it is compared with.
There is no equality: a quantity is never exactly anything; say how near it has to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from telos.cost.conditions.condition import (
    Both,
    Condition,
    Either,
    Near,
    Part,
    Within,
)
from telos.cost.conditions.scanner import Scanner
from telos.cost.readout import ReadOut

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_NO_KEYWORD = r"(?=(?!(?:and|or|within|between)(?!\w))[^\W\d_])"
"""Looks ahead to a word behind a number that can only be meant as its unit."""
_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class _Sum:
    """A weighted sum of numbers and a constant."""

    parts: tuple[Part, ...] = ()
    constant: float = 0.0
    units: Mapping[str, int] = field(default_factory=dict)
    """Unit -> where it was read."""

    def plus(self, other: _Sum, weight: float = 1.0) -> _Sum:
        parts = tuple(
            Part(p.quantity, p.component, weight * p.weight) for p in other.parts
        )
        constant = self.constant + weight * other.constant
        return _Sum(self.parts + parts, constant, {**self.units, **other.units})


def parse_condition(
    text: str,
    readouts: Mapping[str, ReadOut],
    definitions: Mapping[str, Condition] | None = None,
) -> Condition:
    """Read a condition such as ``x between 20 and 30 and not gripper < 0.01``.

    Args:
        text: The condition; this module's docstring has its grammar.
        readouts: The quantities that it may speak of.
        definitions: Phrases that stand for conditions, such as ``gripper closed``.

    Raises:
        ValueError: If it cannot be understood; the message shows where.
    """
    parser = _Parser(text, readouts, definitions or {})
    condition = parser.either()
    if not parser.scanner.ended:
        parser.scanner.fail(
            f"expected 'and', 'or' or the end, found {parser.scanner.next_word()}"
        )
    return condition


class _Parser:
    """One method per rule of the grammar."""

    def __init__(
        self,
        text: str,
        readouts: Mapping[str, ReadOut],
        definitions: Mapping[str, Condition],
    ) -> None:
        self.scanner = Scanner(text)
        self._readouts, self._definitions = readouts, definitions
        self._units = {r.unit for r in readouts.values() if r.unit}

    def either(self) -> Condition:
        found = [self._both()]
        while self.scanner.word("or"):
            found.append(self._both())
        return found[0] if len(found) == 1 else Either(tuple(found))

    def _both(self) -> Condition:
        found = [self._negation()]
        while self.scanner.word("and"):
            found.append(self._negation())
        return found[0] if len(found) == 1 else Both(tuple(found))

    def _negation(self) -> Condition:
        if self.scanner.word("not"):
            return self._negation().negated()
        if self.scanner.take(r"\("):
            inner = self.either()
            self.scanner.expect(r"\)", "')'")
            return inner
        # The longest name wins: "gripper closed" may be defined beside "gripper".
        start = self.scanner.at
        name = self.scanner.longest([*self._definitions, *self._readouts])
        if name is not None and name in self._definitions:
            return self._definitions[name]
        if name is not None and self.scanner.word("near"):
            return self._near(name, start)
        self.scanner.at = start
        return self._comparison()

    def _near(self, name: str, start: int) -> Condition:
        readout = self._readouts[name]
        many = self.scanner.take(r"\(") is not None
        numbers = [self._constant(readout.unit)]
        while many and self.scanner.take(","):
            numbers.append(self._constant(readout.unit))
        if many:
            self.scanner.expect(r"\)", "',' or ')'")
        if len(numbers) != readout.num_outputs:
            self.scanner.fail(
                f"{name!r} has {readout.num_outputs} numbers, the point has "
                f"{len(numbers)}",
                start,
            )
        self.scanner.expect(r"within(?!\w)", "'within' and a distance")
        place = self.scanner.at
        distance = self._constant(readout.unit)
        if distance <= 0:
            self.scanner.fail(f"a distance is more than 0, not {distance:g}", place)
        return Near(name, tuple(numbers), distance)

    def _comparison(self) -> Condition:
        start = self.scanner.at
        left = self._sum()
        if self.scanner.word("between"):
            return self._between(left, start)
        relation = self._relation()
        middle = self._sum()
        chained = self.scanner.take("[<>]=?")
        if chained is None:
            return self._compare(left, relation, middle, start)
        if chained[0][0] != relation:
            self.scanner.fail(
                f"{relation!r} and {chained[0]!r} point in different directions; join "
                "two comparisons with 'and'",
                chained.start(),
            )
        right = self._sum()
        if not left.parts and not right.parts and middle.parts:
            ends = (left, right) if relation == "<" else (right, left)
            return self._interval(middle, *ends, start)
        first = self._compare(left, relation, middle, start)
        return Both((first, self._compare(middle, relation, right, start)))

    def _relation(self) -> str:
        place = self.scanner.at
        if self.scanner.take("==?|is(?!\\w)"):
            self.scanner.fail(
                "a quantity is never exactly anything; write 'near ... within ...' or "
                "'between ... and ...'",
                place,
            )
        found = self.scanner.expect(
            "[<>]=?", "'<', '>', 'between' or 'near' (with a whole quantity)"
        )
        return found[0][0]

    def _between(self, middle: _Sum, start: int) -> Condition:
        low = self._number()
        self.scanner.expect(r"and(?!\w)", "'and' and the upper limit")
        return self._interval(middle, low, self._number(), start)

    def _interval(self, middle: _Sum, low: _Sum, high: _Sum, start: int) -> Condition:
        self._check(middle.plus(low).plus(high), start)
        if low.constant >= high.constant:
            self.scanner.fail(
                f"the interval from {low.constant:g} to {high.constant:g} is empty",
                start,
            )
        ends = low.constant - middle.constant, high.constant - middle.constant
        return Within(middle.parts, *ends)

    def _compare(self, left: _Sum, relation: str, right: _Sum, start: int) -> Condition:
        smaller, larger = (left, right) if relation == "<" else (right, left)
        difference = larger.plus(smaller, -1.0)
        self._check(difference, start)
        if len(difference.parts) == 1 and difference.parts[0].weight < 0:
            # q < c reads better, and negates to the same form, as an upper limit.
            turned = _Sum().plus(difference, -1.0)
            return Within(turned.parts, high=-turned.constant)
        return Within(difference.parts, low=-difference.constant)

    def _check(self, whole: _Sum, start: int) -> None:
        if not whole.parts:
            self.scanner.fail("this compares numbers alone; name a quantity", start)
        units = {self._readouts[p.quantity].unit for p in whole.parts}
        if len(units) > 1:
            self.scanner.fail(
                f"quantities in {' and '.join(sorted(map(repr, units)))} cannot be "
                "compared",
                start,
            )
        (unit,) = units
        for other, place in whole.units.items():
            if other != unit:
                self.scanner.fail(f"the quantity is in {unit!r}, not {other!r}", place)

    def _sum(self) -> _Sum:
        total = _Sum()
        # A number has a sign of its own; this is the sign of a quantity.
        sign = -1.0 if self.scanner.take(r"-(?!\s*[\d.])") else 1.0
        while True:
            total = total.plus(self._term(), sign)
            operator = self.scanner.take("[-+]")
            if operator is None:
                return total
            sign = 1.0 if operator[0] == "+" else -1.0

    def _term(self) -> _Sum:
        here = self.scanner.text[self.scanner.at : self.scanner.at + 1]
        number = here.isdigit() or here in ("-", "+", ".")
        return self._times() if number else self._number_of()

    def _times(self) -> _Sum:
        factor = self._number()
        if self.scanner.take(r"\*"):
            return _Sum().plus(self._number_of(), factor.constant)
        return factor

    def _number(self) -> _Sum:
        match = self.scanner.expect(_NUMBER, "a number")
        place = self.scanner.at
        unit = self.scanner.longest(self._units)
        if unit is None and self.scanner.take(_NO_KEYWORD):
            known = ", ".join(sorted(self._units)) or "none"
            self.scanner.fail(
                f"{self.scanner.next_word()} is no unit of this run's quantities; "
                f"units: {known}"
            )
        return _Sum((), float(match[0]), {} if unit is None else {unit: place})

    def _constant(self, unit: str) -> float:
        number = self._number()
        for other, place in number.units.items():
            if other != unit:
                self.scanner.fail(f"the quantity is in {unit!r}, not {other!r}", place)
        return number.constant

    def _number_of(self) -> _Sum:
        start = self.scanner.at
        name = self.scanner.longest(self._readouts)
        if name is None:
            self._fail_unknown()
        count = self._readouts[name].num_outputs
        index = self.scanner.take(r"\[\s*(\d+)\s*\]|\.([xyz])(?!\w)")
        if index is None:
            if count > 1:
                self.scanner.fail(
                    f"{name!r} has {count} numbers; say which one, such as {name}[0]",
                    start,
                )
            return _Sum((Part(name, 0),))
        component = int(index[1]) if index[1] else _AXES[index[2].lower()]
        if component >= count:
            self.scanner.fail(
                f"{name!r} has numbers 0 to {count - 1}, not {component}", start
            )
        return _Sum((Part(name, component),))

    def _fail_unknown(self) -> NoReturn:
        units = {n: r.unit or "no unit" for n, r in self._readouts.items()}
        offered = ", ".join(f"{n} ({u})" for n, u in units.items()) or "none"
        known = [*self._readouts, *self._definitions]
        self.scanner.fail(
            f"expected a quantity, found {self.scanner.next_word()}; this run reads "
            f"out: {offered}.{self.scanner.near_miss(known)}"
        )
