"""Configuration of a training, and the recipes that the sizes name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from telos.config import Size
from telos.envs.world import WorldSpec
from telos.perception import pinned
from telos.world_model import JEPAConfig, fitted, sized

AntiCollapse = Literal["vicreg", "sigreg", "none"]
CriticForm = Literal["auto", "paths", "expectile", "quasimetric"]


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """AdamW with linear warm-up and cosine decay."""

    learning_rate: float = 3e-3
    weight_decay: float = 1e-5
    warmup: float = 0.03
    """Share of the steps over which the rate rises."""
    final: float = 0.02
    """Share of the rate that is left at the end."""
    clip: float = 5.0
    """Largest gradient norm."""


@dataclass(frozen=True, kw_only=True)
class RepresentationConfig:
    """Encoder and predictor together, from windows of frames."""

    steps: int = 1500
    episodes: int = 48
    """Episodes in a batch; many, so that layouts differ within it."""
    windows: int = 3
    """Windows of each episode: what is common to them is context."""
    length: int = 2
    """Transitions of a window, all of them predicted from its first frame."""
    anti_collapse: AntiCollapse = "vicreg"
    """vicreg, sigreg, or none (an ablation that collapses)."""
    prediction: float = 2.0
    inverse: float = 1.0
    smoothness: float = 0.0
    straightness: float = 0.0
    """Weight of ways being straight in the states, for planners that descend."""
    state_variance: float = 5.0
    """Weight of variation *within* episodes: the guard against slow features."""
    state_covariance: float = 0.3
    context_variance: float = 1.0
    context_covariance: float = 0.2
    invariance: float = 2.0
    """Weight of the context staying the same within an episode."""
    sigreg: float = 0.1
    """Weight of SIGReg on state residuals and context, where it is chosen."""
    optimiser: OptimiserConfig = OptimiserConfig(clip=20.0)


@dataclass(frozen=True, kw_only=True)
class CompletionConfig:
    """Latents guessed from some streams, where a model sees several."""

    steps: int = 800
    batch: int = 128
    """Windows of two frames."""
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=2e-3, weight_decay=1e-4, clip=1.0
    )


@dataclass(frozen=True, kw_only=True)
class DynamicsConfig:
    """The predictor alone, on frozen latents: first one step ahead, then several."""

    steps: int = 2000
    batch: int = 512
    """Windows of several steps; one step ahead, ``length`` times as many are seen."""
    length: int = 4
    """Steps ahead in the second part."""
    one_step: float = 1.0
    """Share of the training that looks one step ahead. A mixture that is trained on its
    own imagined states blends its outcomes again."""
    noise: float = 0.0
    """Noise on the states that the predictor starts from, in their standard
    deviations: what it imagines then depends less on where it errs."""
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=2e-3, weight_decay=1e-4, clip=1.0
    )


@dataclass(frozen=True, kw_only=True)
class ChartConfig:
    """Coordinates in which actions are displacements, on frozen latents."""

    steps: int = 1000
    batch: int = 1024
    width: int = 128
    trusted: float = 0.7
    """Share of a typical action that displacements have to explain, and share by which
    states of one place have to be closer, before ways are measured on the chart."""
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=3e-3, weight_decay=1e-4, clip=10.0
    )


@dataclass(frozen=True, kw_only=True)
class PathsConfig:
    """Shortest ways through the recording, as a critic's targets."""

    piece: int = 300
    """Frames among which shortest ways are searched; longer episodes are cut."""
    reach: float = 1.5
    """Frames closer than this are joined in a way, model steps."""
    foreign_reach: float = 1.2
    """How close to a frame of the piece a goal of another episode has to be."""
    expectile: float = 0.2
    """Below 0.5 the distance leans to the shortest of the ways that were found."""


@dataclass(frozen=True, kw_only=True)
class DifferencesConfig:
    """Temporal differences, as a critic's targets."""

    length: int = 8
    """Steps of a target."""
    expectile: float = 0.05
    """Below 0.5 the distance leans to the fastest behaviour that was recorded."""
    future: float = 0.8
    """Share of an episode's own goals that lie in its future, whose distance cannot be
    more than the steps that were taken; the rest is any frame of the episode."""
    target_rate: float = 0.01
    """Share by which the target network follows per step."""


@dataclass(frozen=True, kw_only=True)
class CriticConfig:
    """The goal-conditioned temporal distance, on frozen latents."""

    form: CriticForm = "auto"
    """paths (shortest ways through the recording as targets), expectile (temporal
    differences), quasimetric (the same, with the triangle inequality built in), or
    auto: paths where actions are displacements, else quasimetric."""
    steps: int = 3000
    batch: int = 1024
    width: int = 128
    discount: float = 0.97
    foreign: float = 0.3
    """Share of goals that come from other episodes. An episode that stays in one room
    would otherwise never say how far the other room is."""
    paths: PathsConfig = PathsConfig()
    differences: DifferencesConfig = DifferencesConfig()
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=3e-3, weight_decay=0.1, clip=10.0
    )


@dataclass(frozen=True, kw_only=True)
class HabitConfig:
    """What is usually done on the way to a goal, on frozen latents."""

    steps: int = 3000
    batch: int = 1024
    width: int = 256
    choices: int = 8
    """Ways of doing a thing that are told apart."""
    reach: int = 40
    """Goals lie at most so many model steps ahead, or where the episode ends."""
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=2e-3, weight_decay=1e-2, clip=1.0
    )


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """Pictures of latents for people, on frozen latents and after everything else."""

    steps: int = 2000
    batch: int = 32
    """Frames; small, because many steps teach more than large batches."""
    width: int = 128
    patch: int = 4
    """Side of the squares that a picture is put together from."""
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=5e-3, weight_decay=1e-4, clip=10.0
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training, from episodes to an agent."""

    data: str
    """Episode file."""
    data_digest: str = ""
    """Fingerprint of the episodes, filled in when they are opened."""
    world: str = ""
    """Id of the world that the episodes come from, filled in likewise."""
    size: Size = "tiny"
    model: JEPAConfig = field(default_factory=lambda: sized("tiny"))
    representation: RepresentationConfig = RepresentationConfig()
    completion: CompletionConfig = CompletionConfig()
    dynamics: DynamicsConfig = DynamicsConfig()
    chart: ChartConfig = ChartConfig()
    critic: CriticConfig = CriticConfig()
    habit: HabitConfig = HabitConfig()
    decoder: DecoderConfig | None = None
    """None trains no decoder; the agent is the same with and without."""
    held_out: float = 0.08
    """Share of episodes kept for diagnostics and read-outs' errors."""
    shuffle_actions: bool = False
    """Control that must fail: actions are permuted against frames."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    seed: int = 0


def with_critic(config: TrainConfig, form: str) -> TrainConfig:
    """The same training with a critic that learns in this form.

    Raises:
        ValueError: If there is no such form.
    """
    if form not in get_args(CriticForm):
        raise ValueError(f"critic {form!r} is unknown; choose {get_args(CriticForm)}")
    return replace(config, critic=replace(config.critic, form=form))


def adapted(config: TrainConfig, spec: WorldSpec) -> TrainConfig:
    """Fill in what was not known before: streams, actions, tokens, digest of weights.

    A model that sees several streams also learns to guess from some of them; one that
    sees several cameras starts with its streams balanced.

    Raises:
        FileNotFoundError: If pretrained weights are named that are not there.
        ValueError: If streams are named that are not recorded, or weights that cannot
            be used.
    """
    streams = config.model.streams or {n: s.shape for n, s in spec.streams.items()}
    unknown = sorted(set(streams) - set(spec.streams))
    if unknown:
        raise ValueError(
            f"streams {unknown} are not recorded; the file has {sorted(spec.streams)}"
        )
    chosen = replace(
        config.model,
        backbone=pinned(config.model.backbone),
        completes=len(streams) > 1,
        balanced=sum(len(spec.streams[n].shape) == 3 for n in streams) > 1,
    )
    model = fitted(
        chosen,
        {n: tuple(spec.streams[n].shape) for n in streams},
        config.model.frame_skip * spec.action_dim,
    )
    return replace(config, model=model, world=spec.id)
