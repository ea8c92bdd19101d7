"""What a world says when it is asked for something that it cannot know."""

from __future__ import annotations


class NotOfferedError(ValueError):
    """A world has no honest answer, for example no exact dynamics to plan with.

    A class of its own, so that an evaluation can leave out a floor or a ceiling that a
    world does not have without hiding any other error.
    """
