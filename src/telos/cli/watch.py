"""`telos watch`: from an episode file to a watcher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import tyro

from telos.cli.bars import phase_bars
from telos.cli.common import CommonOptions
from telos.cli.episodes import unchanged
from telos.cli.training import (
    agreed,
    foretold,
    refuse_teams,
    resumable,
    say_lines,
    verdict_lines,
    verdicts_of,
)
from telos.config import Size

if TYPE_CHECKING:
    from telos.data.store import EpisodeFile
    from telos.learning.distributed import Team
    from telos.learning.watch_config import WatchConfig
    from telos.perception.backbone import BackboneKind
    from telos.runs import Run
    from telos.runtime import Runtime

EXAMPLES = """
telos watch physics.h5 --dry-run
telos watch physics.h5 --out runs/physics
telos watch --resume runs/physics
telos watch physics.h5 --objective sigreg --within-clip --out runs/sigreg
telos watch physics.h5 --objective pixels --out runs/pixels
telos watch rooms.h5 --no-actions --effort 0.1 --out runs/quick
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Learn to predict what comes next in clips, from an episode file.

    An encoder and a causal predictor of its latents, trained together. Where the
    recording has actions the predictor is told them. At the end a verdict says whether
    the representation has collapsed. Ctrl-C saves, and --resume goes on exactly where
    it stopped.
    """

    data: tyro.conf.Positional[Path | None] = None
    """Episode file from `telos collect`; not needed with --resume."""
    out: Path | None = None
    """Run folder to make; runs/watch-NAME OF THE FILE by default."""
    resume: Path | None = None
    """Go on with this run folder."""
    objective: str = "vicreg"
    """What keeps latents from collapsing, or what is compared instead of latents."""
    within_clip: bool = False
    """Take the objective's statistics within clips, so that what never changes in a
    clip is worth nothing."""
    teacher: Path | None = None
    """Run whose watcher is the frozen teacher, with --objective frozen-teacher."""
    size: Size = "tiny"
    """tiny (a laptop in minutes), small or base."""
    effort: float = 1.0
    """Multiplies the steps."""
    backbone: str = "keypoints"
    """Network that looks at frames: keypoints, patch-conv (faster, and localises less),
    conv, vit or vit-tokens."""
    stream: str = ""
    """Image stream to watch; the only one by default."""
    clips: int = 32
    """Clips in a batch."""
    length: int = 20
    """Frames of a clip."""
    masks: Literal["none", "blocks", "tubes", "random", "future"] = "none"
    """Predict patches that are hidden, in place of the next frame: blocks of a frame
    (I-JEPA, with --length 1), tubes through all frames (V-JEPA), random places, or
    the last frames."""
    memory: int | None = None
    """Frames that a prediction looks at; the whole clip before it by default."""
    ahead: int | None = None
    """Frames that are predicted from each: 12 by default, 1 where there are actions. It
    is what teaches to remember what is out of sight."""
    frame_skip: int = 1
    """Recorded steps between two frames of a clip."""
    no_actions: bool = False
    """Leave out actions that were recorded."""
    shuffle_frames: bool = False
    """Control that must fail: put the frames of every episode in random order."""
    frames: Literal["auto", "memory", "file"] = "auto"
    """Where frames lie while the watcher trains."""
    dtype: str = "auto"
    """auto, float32 or bfloat16."""
    tensorboard: bool = False
    """Also write metrics for TensorBoard."""
    dry_run: bool = False
    """Print what would happen, and its estimated time, and write nothing."""
    overwrite: bool = False
    """Replace the run folder."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any] | None:
    """Train, or say what training would do; None where another process says it."""
    from telos.learning.distributed import team_of_processes
    from telos.runtime import choose_runtime

    runtime = choose_runtime(command.common.device, command.dtype)
    with team_of_processes(runtime.device) as team:
        if command.dry_run:
            return _dry_run(command, runtime, team)
        folder = _watch(command, runtime, team)
        return _result(command, folder) if team.leads else None


def config_of(command: Command, file: EpisodeFile) -> WatchConfig:
    """The resolved configuration of a new training."""
    from telos.learning.objectives import objective_config
    from telos.learning.watch_config import fitted_watch, image_stream, watch_recipe
    from telos.perception.masking import mask_preset

    stream = image_stream(file.spec, command.stream)
    height, width, colours = file.spec.streams[stream].shape
    base = watch_recipe(
        command.size,
        command.effort,
        # Other words are refused with the rest of the configuration.
        backbone=cast("BackboneKind", command.backbone),
        shape=(height, width, colours),
        masks=None if command.masks == "none" else mask_preset(command.masks),
        length=command.length,
    )
    told = command.frame_skip * file.spec.action_dim
    if command.no_actions or command.masks != "none":
        told = 0
    config = replace(
        base,
        data=str(command.data),
        data_digest=file.digest,
        world=file.spec.id,
        model=replace(base.model, stream=stream, action_dim=told),
        objective=objective_config(command.objective, within_clip=command.within_clip),
        clips=command.clips,
        frame_skip=command.frame_skip,
        teacher="" if command.teacher is None else str(command.teacher),
        shuffle_frames=command.shuffle_frames,
        seed=command.common.seed,
    )
    return fitted_watch(config, memory=command.memory, ahead=command.ahead)


def _watch(command: Command, runtime: Runtime, team: Team) -> Run:
    from telos.learning.reading import choose_clips
    from telos.learning.watch import watch
    from telos.learning.watch_config import WatchConfig
    from telos.runtime import local_processes

    folder, config, file = agreed(
        lambda: _resolve(command, team), WatchConfig, command.data, team
    )
    reading = choose_clips(
        config.model.seen_shape,
        file.num_frames,
        command.frames,
        processes=local_processes(),
    )
    with phase_bars(command.common, team) as (listen, say):
        for reason in (*runtime.reasons, reading.reason):
            say(reason)
        if command.tensorboard and team.leads:
            folder.mirror_to_tensorboard()
        with resumable(folder, "watch", team, say):
            watch(
                folder,
                config,
                file.stream(streams=[config.model.stream]),
                runtime,
                resume=command.resume is not None,
                room=reading.room(),
                team=team,
                listen=listen,
                say=say,
            )
    return folder


def _resolve(command: Command, team: Team) -> tuple[Run, WatchConfig, EpisodeFile]:
    """Run folder, configuration and episodes, of a new training or a resumed one."""
    from telos.data.store import EpisodeFile
    from telos.learning.watch_config import WatchConfig, check_watchable
    from telos.runs import Run

    if command.resume is not None:
        folder = Run.open(command.resume)
        config = folder.config(WatchConfig)
        file = unchanged(command.data or Path(config.data), config.data_digest)
        check_watchable(config, file.lengths, team)
        return folder, config, file
    if command.data is None:
        raise ValueError("no episode file; give one, or --resume a run folder")
    file = EpisodeFile(command.data)
    config = config_of(command, file)
    check_watchable(config, file.lengths, team)
    path = command.out or Path("runs") / f"watch-{command.data.stem}"
    if command.dry_run:
        return Run(path), config, file
    return Run.create(path, config, overwrite=command.overwrite), config, file


def _dry_run(command: Command, runtime: Runtime, team: Team) -> dict[str, Any]:
    from telos.learning.watch_forecast import foretell

    refuse_teams(team)
    folder, config, file = _resolve(command, team)
    return foretold(foretell(config, file, folder.path, runtime), command.common)


def _result(command: Command, folder: Run) -> dict[str, Any]:
    verdicts = verdicts_of(folder)
    say_lines(
        [
            *verdict_lines(verdicts),
            f"run folder       {folder.path} ({folder.seconds:.0f} s)",
            f"next             telos surprise VIDEO --model {folder.path}",
        ],
        command.common,
    )
    return {
        "run": str(folder.path),
        "seconds": round(folder.seconds, 1),
        "verdicts": verdicts,
    }
