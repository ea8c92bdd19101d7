"""Options that every verb shares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """Shared by all verbs."""

    json: bool = False
    """Print one JSON object instead of text."""

    seed: int = 0
    """Every random choice follows from it."""

    device: str = "auto"
    """auto, cpu, cuda or cuda:N; auto prints its reason."""

    quiet: bool = False
    """No progress bars, only results."""
