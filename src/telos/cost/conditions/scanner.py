"""Walks through the text of a condition and says where something is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import NoReturn

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()\[\],<>=+*]+")


class Scanner:
    """A text and a place in it; white space between what is read never matters."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._skip()

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.text)

    def take(self, pattern: str) -> re.Match[str] | None:
        """Read what matches here, if anything does."""
        match = re.compile(pattern, re.IGNORECASE).match(self.text, self.at)
        if match is not None:
            self.at = match.end()
            self._skip()
        return match

    def word(self, *words: str) -> bool:
        """Read one of the given words, if one stands here."""
        return self.take(rf"(?:{'|'.join(words)})(?!\w)") is not None

    def longest(self, names: Iterable[str]) -> str | None:
        """Read the longest of the given names that stands here, if one does.

        Spaces within a name stand for any white space.
        """
        for name in sorted(names, key=len, reverse=True):
            pattern = r"\s+".join(map(re.escape, name.split()))
            if name and self.take(rf"{pattern}(?!\w)") is not None:
                return name
        return None

    def expect(self, pattern: str, what: str) -> re.Match[str]:
        """Read what must stand here."""
        match = self.take(pattern)
        if match is None:
            self.fail(f"expected {what}, found {self.next_word()}")
        return match

    def next_word(self) -> str:
        """What stands here, for a message."""
        if self.ended:
            return "the end"
        match = _WORD.match(self.text, self.at)
        return repr(match[0] if match else self.text[self.at])

    def near_miss(self, names: Iterable[str]) -> str:
        """' Did you mean ...?', if what stands here looks like one of the names."""
        found = difflib.get_close_matches(self.next_word().strip("'"), list(names), n=1)
        return f" Did you mean {found[0]!r}?" if found else ""

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        """Give up, showing the place.

        Raises:
            ValueError: Always.
        """
        place = self.at if at is None else at
        raise ValueError(
            f"position {place + 1}: {problem}\n  {self.text}\n  {' ' * place}^"
        )

    def _skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
