"""From a source to an episode file, one episode at a time.

The next episode is decoded while one is being compressed and stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from telos.data.formats.pairing import Pairing
from telos.data.formats.source import Source
from telos.data.prefetch import Prefetch
from telos.data.writer import EpisodeWriter
from telos.envs.world import WorldSpec
from telos.types import Episode

AS_STORED = Pairing()


@dataclass(frozen=True, kw_only=True)
class ImportSummary:
    """What an import did."""

    found: int
    """Episodes that were there from an interrupted import."""
    episodes: int
    """Episodes written now."""
    steps: int
    """Steps of these."""
    too_short: int
    """Episodes left out, because no action was left of them."""


def import_source(
    source: Source,
    path: Path,
    *,
    pairing: Pairing = AS_STORED,
    episodes: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Callable[[int, int], None] = lambda done, wanted: None,
) -> ImportSummary:
    """Write the episodes of a source to an episode file.

    The file appears when all are written; an interrupted import lies in its folder of
    parts and goes on with ``resume``. Episode i of the source has seed i.

    Args:
        source: What to read.
        path: Episode file to write.
        pairing: Which action belongs to which frame.
        episodes: Only the first so many; all by default.
        overwrite: Replace an existing file.
        resume: Go on with an interrupted import, or with a file of fewer episodes.
        progress: Told how many episodes are done and how many are wanted.

    Raises:
        FileExistsError: If the file exists, or an interrupted import, and neither
            ``overwrite`` nor ``resume`` was asked for.
        ValueError: If the source is damaged, naming file and episode; episodes before
            it stay in the folder of parts.
        OSError: If the disk is full.
    """
    if path.exists() and not (overwrite or resume):
        raise FileExistsError(
            f"{path} exists: complete it with --resume or replace it with --overwrite"
        )
    wanted = source.num_episodes if episodes is None else episodes
    wanted = min(wanted, source.num_episodes)
    spec = imported_spec(source, pairing)
    written, steps, too_short = 0, 0, 0
    with EpisodeWriter(path, spec, overwrite=overwrite, resume=resume) as writer:
        found, first = writer.num_episodes, max(writer.seeds, default=-1) + 1
        for number, original in _from(source, first, wanted):
            episode = pairing.episode(original)
            if episode is None:
                too_short += 1
            else:
                _append(writer, episode, source, number)
                written, steps = written + 1, steps + episode.num_steps
            progress(number + 1, wanted)
        if found + written == 0:
            raise ValueError(
                f"nothing to write: all {too_short} episodes of {spec.id!r} are "
                "shorter than one step; look at --shift and --every"
            )
    return ImportSummary(
        found=found, episodes=written, steps=steps, too_short=too_short
    )


def imported_spec(source: Source, pairing: Pairing) -> WorldSpec:
    """The source's spec, with where it comes from in its options."""
    spec = pairing.spec(source.spec)
    fps = None if source.fps is None else source.fps / pairing.every
    origin = {
        "format": source.format,
        "source": source.spec.id,
        "fps": fps,
        "shift": pairing.shift,
        "every": pairing.every,
    }
    return replace(spec, options={**spec.options, **origin})


def _from(source: Source, first: int, wanted: int) -> Iterator[tuple[int, Episode]]:
    """Numbers and episodes from ``first`` up to what is wanted, read by a thread."""
    if first >= wanted:
        return
    episodes = source.episodes(first)
    with Prefetch(lambda number: next(episodes), end=wanted, ahead=1) as coming:
        for number in range(first, wanted):
            yield number, coming.batch(number)


def _append(
    writer: EpisodeWriter, episode: Episode, source: Source, number: int
) -> None:
    try:
        writer.append(episode)
    except ValueError as error:
        raise ValueError(f"{source.spec.id}, episode {number}: {error}") from error
