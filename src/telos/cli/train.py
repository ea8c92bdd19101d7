"""`telos train`: from an episode file to an agent."""

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
    from telos.learning.config import TrainConfig
    from telos.learning.distributed import Team
    from telos.perception.backbone import BackboneKind
    from telos.runs import Run
    from telos.runtime import Runtime
    from telos.world_model.config import PredictorKind

EXAMPLES = """
telos train rooms.h5 --dry-run
telos train rooms.h5 --out runs/rooms
telos train rooms.h5 --size small --out runs/rooms-small
telos train --resume runs/rooms
telos train rooms.h5 --effort 0.1 --out runs/quick
telos train arm.h5 --streams front wrist proprio --out runs/arm
telos train arm.h5 --backbone frozen --weights facebook/dinov2-small --decoder
telos train rooms.h5 --frames scratch --scratch /mnt/fast --out runs/rooms
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Learn a world model, its critic and read-outs from an episode file.

    Up to six phases: the representation (encoder and predictor together), of several
    streams the completion (what all would show, guessed from some), the dynamics
    (predictor on frozen latents), the chart (coordinates in which actions are
    displacements), the critic (temporal distance) and the habit (what was usually
    done on the way to a goal); after them, if it is wanted, a decoder that shows
    latents as pictures. Ctrl-C saves, and --resume goes on exactly where it stopped.
    """

    data: tyro.conf.Positional[Path | None] = None
    """Episode file from `telos collect`; not needed with --resume."""
    out: Path | None = None
    """Run folder to make; runs/NAME OF THE FILE by default."""
    resume: Path | None = None
    """Go on with this run folder."""
    size: Size = "tiny"
    """tiny (a laptop in minutes), small or base."""
    effort: float = 1.0
    """Multiplies the steps of every phase."""
    backbone: str = "keypoints"
    """Network that looks at images: keypoints, conv, patch-conv, vit, vit-tokens (a
    state of patch tokens, for the predictor tokens), or frozen (pretrained, with
    keypoints over its features)."""
    weights: str = ""
    """Of a frozen network: a folder, or owner/name of the Hugging Face Hub, for example
    facebook/dinov2-small (needs telos[pretrained])."""
    predictor: str = "mixture"
    """mixture, residual, recurrent, transformer, or tokens (with --backbone
    vit-tokens)."""
    anti_collapse: str = "vicreg"
    """vicreg, sigreg, or none (which collapses: an ablation)."""
    critic: str = "auto"
    """paths (shortest recorded ways), expectile or quasimetric (temporal differences),
    or auto: paths where actions are displacements, else quasimetric."""
    decoder: bool = False
    """Also learn to show latents as pictures, after everything else and for people
    only: the agent is the same with and without."""
    inverse: float | None = None
    """Weight of inverse dynamics; 0 is an ablation."""
    straightness: float = 0.0
    """Weight of straight ways in representation space, for gradient planners."""
    latent_noise: float = 0.0
    """Noise on the states that dynamics are trained from, in standard deviations."""
    shuffle_actions: bool = False
    """Control that must fail: permute actions against frames."""
    streams: tuple[str, ...] = ()
    """Observation streams that the model sees, such as `front wrist proprio`; all by
    default."""
    history: int = 1
    """Frames seen together, where one does not show velocity."""
    frame_skip: int = 1
    """Environment steps per model step."""
    frames: Literal["auto", "memory", "scratch", "file"] = "auto"
    """Where reduced images lie while the encoder trains: memory, scratch (a file on a
    disk, gone afterwards; memory stays flat), file (each batch is read from the
    recording), or auto: the first of these that takes at most half of what is free.
    Features of a frozen network are worked out once, into memory or a scratch."""
    scratch: Path | None = None
    """Folder for the scratch; the run folder by default."""
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

    # First, because it may refuse: a folder is made only for what can start.
    runtime = choose_runtime(command.common.device, command.dtype)
    with team_of_processes(runtime.device) as team:
        if command.dry_run:
            return _dry_run(command, runtime, team)
        folder = _train(command, runtime, team)
        return _result(command, folder) if team.leads else None


def _train(command: Command, runtime: Runtime, team: Team) -> Run:
    from telos.learning.config import TrainConfig
    from telos.learning.reading import choose_reading
    from telos.learning.training import train
    from telos.runtime import local_processes

    folder, config, file = agreed(
        lambda: _resolve(command, team), TrainConfig, command.data, team
    )
    reading = choose_reading(
        config.model,
        file.spec,
        file.num_frames,
        command.frames,
        folder=command.scratch or folder.path,
        processes=local_processes(),
    )
    with phase_bars(command.common, team) as (listen, say):
        for reason in (*runtime.reasons, reading.reason):
            say(reason)
        if command.tensorboard and team.leads:
            folder.mirror_to_tensorboard()
        with resumable(folder, "train", team, say):
            train(
                folder,
                config,
                file.stream(streams=list(config.model.streams)),
                runtime,
                resume=command.resume is not None,
                room=reading.room(),
                team=team,
                listen=listen,
                say=say,
            )
    return folder


def config_of(command: Command, file: EpisodeFile) -> TrainConfig:
    """The resolved configuration of a new training."""
    from telos.learning.config import adapted
    from telos.learning.recipes import decoder_recipe, recipe

    base = recipe(
        command.size,
        command.effort,
        # Other words are refused with the rest of the configuration.
        backbone=cast("BackboneKind", command.backbone),
        predictor=cast("PredictorKind", command.predictor),
        weights=command.weights,
    )
    model = replace(
        base.model,
        streams=dict.fromkeys(command.streams, ()),
        history=command.history,
        frame_skip=command.frame_skip,
    )
    representation = replace(
        base.representation,
        anti_collapse=command.anti_collapse,
        straightness=command.straightness,
    )
    if command.inverse is not None:
        representation = replace(representation, inverse=command.inverse)
    config: TrainConfig = replace(
        base,
        data=str(command.data),
        data_digest=file.digest,
        model=model,
        representation=representation,
        dynamics=replace(base.dynamics, noise=command.latent_noise),
        critic=replace(base.critic, form=command.critic),
        decoder=decoder_recipe(command.size, command.effort)
        if command.decoder
        else None,
        shuffle_actions=command.shuffle_actions,
        seed=command.common.seed,
    )
    return adapted(config, file.spec)


def _resolve(command: Command, team: Team) -> tuple[Run, TrainConfig, EpisodeFile]:
    """Run folder, configuration and episodes, of a new training or a resumed one."""
    from telos.data.store import EpisodeFile
    from telos.learning.checks import check_shared, check_trainable
    from telos.learning.config import TrainConfig
    from telos.runs import Run

    if command.resume is not None:
        folder = Run.open(command.resume)
        config = folder.config(TrainConfig)
        check_shared(config, team)
        file = unchanged(command.data or Path(config.data), config.data_digest)
        return folder, config, file
    if command.data is None:
        raise ValueError("no episode file; give one, or --resume a run folder")
    if command.scratch is not None and not command.scratch.is_dir():
        raise ValueError(f"--scratch {command.scratch} is no folder; make it first")
    file = EpisodeFile(command.data)
    config = config_of(command, file)
    check_trainable(config, file.spec, file.lengths)
    check_shared(config, team)
    path = command.out or Path("runs") / command.data.stem
    if command.dry_run:
        return Run(path), config, file
    return Run.create(path, config, overwrite=command.overwrite), config, file


def _dry_run(command: Command, runtime: Runtime, team: Team) -> dict[str, Any]:
    from telos.learning.dry_run import dry_run

    refuse_teams(team)
    folder, config, file = _resolve(command, team)
    plan = dry_run(
        config,
        file,
        folder.path,
        runtime,
        frames=command.frames,
        scratch=command.scratch,
    )
    return foretold(plan, command.common)


def _result(command: Command, folder: Run) -> dict[str, Any]:
    from telos.config import load_json

    verdicts = verdicts_of(folder)
    readouts = load_json(folder.path / "model.json")["readouts"]
    errors = {name: told["errors"]["q50"] for name, told in readouts.items()}
    lines = [
        *verdict_lines(verdicts),
        *(
            f"read-out         {name} to {error:.2f} {readouts[name]['unit']} (median)"
            for name, error in errors.items()
        ),
        f"run folder       {folder.path} ({folder.seconds:.0f} s)",
        f"next             telos evaluate {folder.path}",
    ]
    say_lines(lines, command.common)
    return {
        "run": str(folder.path),
        "seconds": round(folder.seconds, 1),
        "verdicts": verdicts,
        "readout_error_median": errors,
    }
