"""Whole trainings on a walk beside a layout: what is learned, and exact resumption."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.learning.worlds import (
    KEEP,
    MIXING,
    from_latents,
    tiny_config,
    tiny_model,
    walk_spec,
    walks,
)

from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.envs.world import StreamSpec
from telos.learning import loop as loops
from telos.learning import outcome, phases, training
from telos.learning.checks import check_trainable
from telos.learning.config import (
    ChartConfig,
    CriticConfig,
    DynamicsConfig,
    HabitConfig,
    RepresentationConfig,
    TrainConfig,
    adapted,
    with_critic,
)
from telos.learning.diagnostics import within_share
from telos.learning.latents import (
    GOAL,
    LATENT,
    encode_recording,
    prepare_recording,
)
from telos.learning.loop import Interrupted, make_optimiser, train_step
from telos.learning.modules import build_modules, num_parameters
from telos.learning.outcome import typical_change
from telos.learning.recipes import recipe
from telos.runs import Run
from telos.runtime import Runtime
from telos.world_model import JEPA, load_world_model

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
STEPS = 6


def lasting(**changes: object) -> TrainConfig:
    """Enough steps to learn the walk; a second or two."""
    fields = {
        "representation": RepresentationConfig(steps=220, episodes=24, windows=3),
        "dynamics": DynamicsConfig(steps=120, batch=128, length=4),
        "chart": ChartConfig(steps=2, batch=16, width=16),
        "critic": CriticConfig(steps=2, batch=16, width=16),
        "habit": HabitConfig(steps=2, batch=16, width=16),
        "checkpoint_every": 1000,
    }
    return tiny_config(**{**fields, **changes})


OF_ONE_STREAM = tuple(name for name in training.ORDER if name != "completion")


def trained(folder: Path, config: TrainConfig, recording: Recording) -> JEPA:
    run = Run.create(folder, config)
    training.train(run, config, recording, CPU)
    tensors, description = run.load_model()
    return load_world_model(tensors, description["world_model"])


@pytest.fixture(scope="module")
def recording() -> Recording:
    return walks(80)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, recording: Recording) -> Path:
    path = tmp_path_factory.mktemp("trained") / "run"
    trained(path, lasting(), recording)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> JEPA:
    tensors, description = Run.open(folder).load_model()
    return load_world_model(tensors, description["world_model"])


def windows_of(recording: Recording, length: int = 4):
    return WindowSampler(recording, length=length, batch=256, seed=5).batch(0)


def diagnosis(folder: Path) -> dict:
    """The verdict on the representation."""
    return json.loads((folder / "diagnostics.json").read_text())[0]


# --- what is learned


def test_the_walk_is_learned(folder: Path) -> None:
    found = diagnosis(folder)
    assert found["name"] == "ok"
    assert found["evidence"]["prediction_skill"] > 0.9


def test_true_actions_have_less_energy_than_others(model: JEPA) -> None:
    window = windows_of(walks(20))
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    true = model.energy(window).mean()
    other = model.energy(replace(window, actions=window.actions[order])).mean()
    assert true < 0.1 * other


def test_state_moves_and_context_stays(model: JEPA) -> None:
    with torch.no_grad():
        latent = model.encode(windows_of(walks(64), length=12).observations)
    state, context = model.split(latent)
    assert within_share(state) > 0.5
    assert within_share(context) < 0.05


def test_the_context_tells_layouts_apart_and_the_state_does_not(model: JEPA) -> None:
    fresh = walks(64)
    latents = encode_recording(model, prepare_recording(model, fresh))
    truth = fresh.observations["state"] @ MIXING.T
    state, context = np.split(latents.observations[LATENT], 2, axis=1)
    position, layout = truth[:, :2], truth[:, 2:]
    assert explained(state, position) > 0.9 > 0.1 > explained(state, layout)
    assert explained(context, layout) > 0.8 > 0.1 > explained(context, position)


def explained(features: np.ndarray, target: np.ndarray) -> float:
    """Share of a target's variance that is a linear function of features."""
    given = np.concatenate([features, np.ones((len(features), 1))], 1)
    weights, *_ = np.linalg.lstsq(given, target, rcond=None)
    return 1 - np.var(target - given @ weights) / np.var(target)


def blind_skill(steps: int) -> float:
    """The best skill without actions: all that is known is that positions decay."""
    ahead = np.arange(1, steps + 1)
    return 1 - (1 - KEEP ** (2 * ahead)).sum() / (2 * (1 - KEEP**ahead)).sum()


def test_shuffled_actions_teach_nothing_about_actions(tmp_path, recording) -> None:
    """The control that must fail."""
    config = lasting(shuffle_actions=True)
    shuffled = trained(tmp_path / "run", config, recording)
    window = windows_of(walks(20))
    with torch.no_grad():
        latent = shuffled.encode(window.observations)
        state, _ = shuffled.split(latent)
        moved = shuffled.imagine(latent[:, 0], window.actions)
    error = (moved[:, 1:] - state[:, 1:]).square().mean()
    still = (state[:, :1] - state[:, 1:]).square().mean()
    assert 1 - error / still < blind_skill(4) + 0.08 < 0.35


def test_without_a_guard_the_state_stops_moving(tmp_path, recording, model) -> None:
    """No anti-collapse term and no inverse dynamics: slow features win."""
    bare = replace(
        lasting().representation, anti_collapse="none", inverse=0.0, prediction=10.0
    )
    collapsed = trained(tmp_path / "run", lasting(representation=bare), recording)
    seen = windows_of(walks(64), length=12).observations
    with torch.no_grad():
        share = within_share(collapsed.split(collapsed.encode(seen))[0])
        healthy = within_share(model.split(model.encode(seen))[0])
    assert share < 0.3 * healthy


def test_a_training_leaves_all_its_files(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "config.json",
        "env.json",
        "metrics.jsonl",
        "checkpoints",
        "diagnostics.json",
        "model.safetensors",
        "model.json",
    }
    phases = [line["phase"] for line in Run.open(folder).metrics()]
    assert list(dict.fromkeys(phases)) == list(OF_ONE_STREAM)


def test_a_chart_is_drawn_for_shortest_ways_only() -> None:
    config = tiny_config()
    for form in ("auto", "paths"):
        drawn = replace(config, critic=replace(config.critic, form=form))
        assert training.phases_of(drawn) == OF_ONE_STREAM
    for form in ("expectile", "quasimetric"):
        other = replace(config, critic=replace(config.critic, form=form))
        phases = training.phases_of(other)
        assert phases == ("representation", "dynamics", "critic", "habit")
    several = replace(config, model=replace(config.model, completes=True))
    assert training.phases_of(several) == training.ORDER


@pytest.mark.parametrize(
    ("trusted", "form", "words"),
    [(-9.0, "paths", "shortest ways"), (2.0, "quasimetric", "and no routes")],
)
def test_the_chart_settles_how_the_critic_learns(
    trusted: float, form: str, words: str, tmp_path: Path
) -> None:
    config = tiny_config()
    config = replace(
        config,
        critic=replace(config.critic, form="auto"),
        chart=replace(config.chart, trusted=trusted),
    )
    said: list[str] = []
    run = Run.create(tmp_path / "run", config)
    training.train(run, config, walks(12), CPU, say=said.append)
    assert words in said[-1]
    assert "of a typical action" in said[-1]
    _, description = run.load_model()
    assert description["config"]["critic"]["form"] == form
    assert (description["terrain"] is not None) == (form == "paths")
    assert (description["critic"]["form"] == "quasimetric") == (form == "quasimetric")
    said_of = {
        v["about"]: v for v in json.loads((run.path / "diagnostics.json").read_text())
    }
    assert list(said_of) == ["representation", "critic"]
    assert said_of["critic"]["name"] == form
    assert said_of["critic"]["text"] in said[-1]


# --- golden losses

GOLDEN = {
    "sigreg": "20.2192 5.5735 4.20571 3.81673 3.2802 "
    "3.2406 2.64586 2.69512 3.0573 3.05169",
    "vicreg": "20.4539 5.67208 4.4752 4.18367 3.83649 "
    "3.70313 2.70843 3.27417 3.1531 3.25316",
}


@pytest.mark.parametrize("guard", sorted(GOLDEN))
def test_ten_losses_are_what_they_were(guard: str) -> None:
    config = tiny_config(steps=10)
    chosen = replace(config.representation, anti_collapse=guard)
    config = replace(config, representation=chosen)
    modules = build_modules(config, walks(30))
    phase = phases.representation_phase(config, modules, walks(30))
    optimiser = make_optimiser(phase)
    losses = [train_step(phase, optimiser, n, CPU)[0].item() for n in range(10)]
    stored = [float(value) for value in GOLDEN[guard].split()]
    assert losses == pytest.approx(stored, rel=2e-3)


# --- exact resumption


class StopAfter:
    """An interrupt that asks for a stop after so many steps of all phases."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __enter__(self) -> StopAfter:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    @property
    def requested(self) -> bool:
        self.left -= 1
        return self.left == 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Run:
    config = tiny_config(STEPS)
    run = Run.create(tmp_path_factory.mktemp("whole") / "run", config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loops, "LOG_EVERY", 2)
        training.train(run, config, walks(12), CPU)
    return run


def assert_same(run: Run, other: Run) -> None:
    (left, _), (right, _) = run.load_model(), other.load_model()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    newest, reference = run.latest_checkpoint(), other.latest_checkpoint()
    assert newest.tensors.keys() == reference.tensors.keys()
    for name, tensor in reference.tensors.items():
        assert torch.equal(newest.tensors[name], tensor), name
    assert logged(run) == logged(other)


def logged(run: Run) -> list[dict]:
    timing = {"seconds", "samples_per_second"}
    return [
        {k: v for k, v in line.items() if k not in timing} for line in run.metrics()
    ]


@pytest.mark.parametrize("stop", [1, 3, 6, 7, 10, 12, 13, 16, 18, 19, 24, 27, 30])
def test_stopped_and_resumed_equals_uninterrupted(
    stop: int, tmp_path, monkeypatch, uninterrupted: Run
) -> None:
    """Inside each phase of six steps, and at each boundary."""
    monkeypatch.setattr(loops, "LOG_EVERY", 2)
    config = tiny_config(STEPS)
    run = Run.create(tmp_path / "run", config)
    with monkeypatch.context() as patch:
        patch.setattr(training, "Interrupt", lambda: StopAfter(stop))
        with pytest.raises(Interrupted):
            training.train(run, config, walks(12), CPU)
    again = Run.open(run.path)
    training.train(again, again.config(TrainConfig), walks(12), CPU, resume=True)
    assert_same(again, uninterrupted)


@pytest.mark.parametrize("stop", [17, 18, 19, 22])
def test_a_settled_critic_is_resumed_in_its_own_form(
    stop: int, tmp_path, monkeypatch
) -> None:
    """Before the chart has been judged, and after: then another network is stored."""
    monkeypatch.setattr(loops, "LOG_EVERY", 2)
    config = with_critic(tiny_config(STEPS), "auto")
    config = replace(config, chart=replace(config.chart, trusted=2.0))
    whole = Run.create(tmp_path / "whole", config)
    training.train(whole, config, walks(12), CPU)
    run = Run.create(tmp_path / "run", config)
    with monkeypatch.context() as patch:
        patch.setattr(training, "Interrupt", lambda: StopAfter(stop))
        with pytest.raises(Interrupted):
            training.train(run, config, walks(12), CPU)
    training.train(run, config, walks(12), CPU, resume=True)
    assert run.load_model()[1]["critic"]["form"] == "quasimetric"
    assert_same(run, whole)


@pytest.mark.parametrize("crash", [2, 4, 9, 14, 20])
def test_crashed_between_checkpoints_and_resumed_equals_uninterrupted(
    crash: int, tmp_path, monkeypatch, uninterrupted: Run
) -> None:
    """Work since the last checkpoint is done again; its metrics are not doubled."""
    monkeypatch.setattr(loops, "LOG_EVERY", 2)
    config, run = tiny_config(STEPS), None
    reports = []

    def listen(progress) -> None:
        reports.append(progress)
        if len(reports) == (crash + 1) // 2:
            raise RuntimeError("pulled the plug")

    run = Run.create(tmp_path / "run", config)
    with pytest.raises(RuntimeError, match="plug"):
        training.train(run, config, walks(12), CPU, listen=listen)
    training.train(run, config, walks(12), CPU, resume=True)
    assert_same(run, uninterrupted)


def test_a_run_of_before_there_were_habits_gets_one_when_it_is_resumed(
    tmp_path, monkeypatch, uninterrupted: Run
) -> None:
    """Its last checkpoint ends the critic's phase, and knows no habit."""
    config = tiny_config(STEPS)
    old = Run.create(tmp_path / "old", config)
    monkeypatch.setattr(training, "ORDER", training.ORDER[:-1])
    training.train(old, config, walks(12), CPU)
    checkpoint = old.latest_checkpoint()
    assert checkpoint.phase == "critic"
    known = {k: v for k, v in checkpoint.tensors.items() if "/habit." not in k}
    old.save_checkpoint(checkpoint.step, "critic", known, checkpoint.state)
    monkeypatch.undo()
    training.train(old, config, walks(12), CPU, resume=True)
    for name, tensor in uninterrupted.load_model()[0].items():
        assert torch.equal(old.load_model()[0][name], tensor), name


def test_a_world_without_layouts_needs_no_context(tmp_path) -> None:
    for kind in ("vicreg", "sigreg", "none"):
        config = tiny_config(2)
        representation = replace(config.representation, anti_collapse=kind)
        model = replace(config.model, context_dim=0)
        config = replace(config, model=model, representation=representation)
        run = Run.create(tmp_path / kind, config)
        training.train(run, config, walks(12), CPU)
        assert run.load_model()[1]["world_model"]["config"]["context_dim"] == 0


def test_resuming_a_finished_training_changes_nothing(uninterrupted: Run) -> None:
    before = (uninterrupted.path / "model.safetensors").read_bytes()
    config = tiny_config(STEPS)
    training.train(uninterrupted, config, walks(12), CPU, resume=True)
    assert (uninterrupted.path / "model.safetensors").read_bytes() == before


# --- latents, configuration


def test_windows_of_latents_are_latents_of_windows() -> None:
    """The sampler draws the same cuts from frames and from their latents."""
    config = tiny_config()
    recording = walks(8)
    model = build_modules(config, recording).model.eval()
    latents = encode_recording(model, recording)
    for step in range(3):
        frames = WindowSampler(recording, length=5, batch=16).batch(step)
        encoded = WindowSampler(latents, length=5, batch=16).batch(step)
        expected = model.encode(frames.observations)
        torch.testing.assert_close(encoded.observations[LATENT], expected)
        assert torch.equal(encoded.actions, frames.actions)


@pytest.mark.parametrize("skip", [1, 2])
def test_latents_are_encoded_with_their_own_past(skip: int) -> None:
    config = tiny_config(
        model=tiny_model(history=3, frame_skip=skip, action_dim=2 * skip)
    )
    recording = walks(3, steps=9)
    model = build_modules(config, recording).model.eval()
    latents = encode_recording(model, recording).observations[LATENT]
    start = int(recording.starts[1])
    for frame in (0, 1, 6):
        past = [start + max(0, frame - back * skip) for back in (2, 1, 0)]
        seen = torch.from_numpy(recording.observations["state"][past])[None]
        expected = model.encode({"state": seen})[0, -1].detach()
        torch.testing.assert_close(torch.from_numpy(latents[start + frame]), expected)


@pytest.mark.parametrize("history", [1, 3])
def test_a_frame_as_a_goal_is_what_an_agent_makes_of_it(history: int) -> None:
    """A history of itself: a picture of a goal does not say how fast to pass it."""
    recording = walks(3, steps=9)
    config = tiny_config(model=tiny_model(history=history))
    model = build_modules(config, recording).model.eval()
    goals = encode_recording(model, recording).observations[GOAL]
    for row in (0, 5, 13):
        frame = torch.from_numpy(recording.observations["state"][row])
        latent = model.encode({"state": frame.expand(1, history, -1)})[0, -1].detach()
        torch.testing.assert_close(torch.from_numpy(goals[row]), latent[:2])


def test_a_recording_is_adapted_to() -> None:
    config = adapted(TrainConfig(data="x", model=tiny_model(streams={})), walk_spec())
    assert config.model.streams == {"state": (4,)}
    assert config.world == "walk"
    skipping = adapted(
        TrainConfig(data="x", model=tiny_model(frame_skip=3)), walk_spec()
    )
    assert skipping.model.action_dim == 6
    with pytest.raises(ValueError, match=r"\['sound'\] are not recorded.*\['state'\]"):
        adapted(
            TrainConfig(data="x", model=tiny_model(streams={"sound": ()})), walk_spec()
        )


def test_effort_multiplies_steps() -> None:
    whole, tenth = recipe("tiny"), recipe("tiny", 0.1)
    assert tenth.dynamics.steps == round(0.1 * whole.dynamics.steps)
    with pytest.raises(ValueError, match="effort is 0"):
        recipe("tiny", 0)


def test_parameters_are_counted_by_network() -> None:
    counts = num_parameters(build_modules(tiny_config(), walks(3)))
    # state + context + action = 6 inputs, 32 hidden units, 4 outcomes of 2 dimensions,
    # how likely each of them is, and its spread
    outputs = 4 * 2 + 4
    assert counts["predictor"] == 6 * 32 + 32 + 32 * outputs + outputs + 4 * 2
    # of two states' dimensions two coordinates: linear, bent by 16 hidden units twice,
    # and how far off both may be, from the state and its change
    bend = 2 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2
    assert counts["chart"] == 2 * 2 + bend + 4 * 16 + 16 + 16 * 2 + 2
    # state, way to the goal and context are 6 inputs; two choices of 2 numbers
    trunk = 6 * 16 + 16 + 2 * (16 * 16 + 16)
    assert counts["habit"] == trunk + 16 * 4 + 4 + 16 * 2 + 2 + 4
    networks = {"encoder", "predictor", "inverse dynamics", "chart", "critic", "habit"}
    assert set(counts) == networks


LENGTHS = np.full(10, 31)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": tiny_model(history=0)}, "history is 0, expected at least 1"),
        ({"held_out": 1.5}, "fraction is 1.5"),
        ({"dynamics": DynamicsConfig(length=40)}, "dynamics needs .* 41 .* has 31"),
        ({"critic": CriticConfig(form="hiql")}, "critic.form: got 'hiql'.*'expectile'"),
        (
            {"representation": RepresentationConfig(anti_collapse="x")},
            "representation.anti_collapse: got 'x'.*'vicreg', 'sigreg', 'none'",
        ),
    ],
)
def test_a_training_that_cannot_work_is_refused_at_once(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_trainable(tiny_config(**changes), walk_spec(), LENGTHS)


def test_a_single_episode_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="one side would be empty"):
        check_trainable(tiny_config(), walk_spec(), LENGTHS[:1])


def test_a_readout_of_very_many_frames_is_fitted_on_a_share(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    latents = from_latents([rng.normal(size=(41, 3)) for _ in range(30)])
    position = StreamSpec(shape=(1,), dtype="float32", unit="m")
    latents = replace(
        latents,
        labels={"position": 2 * latents.observations[LATENT][:, :1]},
        spec=replace(latents.spec, labels={"position": position}),
    )
    rows = []
    fit = outcome.fit_readout
    monkeypatch.setattr(
        outcome,
        "fit_readout",
        lambda x, y, **more: rows.append(len(x)) or fit(x, y, **more),
    )
    for most, expected in ((10**6, 2460), (2460, 2460), (500, 2 * 246)):
        monkeypatch.setattr(outcome, "READ_OUT", most)
        found = outcome.fit_readouts(latents, latents, seed=0)["position"]
        assert rows[-1] == expected
        assert found.errors["q50"] < 0.3


def test_the_typical_change_is_that_of_a_model_step_within_episodes() -> None:
    """Both state dimensions move by one a frame: sqrt(2) a frame, twice that in two."""
    frames = np.arange(5.0)
    episode = np.stack([frames, -frames, np.ones(5), np.ones(5)], -1)
    latents = from_latents([episode, episode + 100])
    for skip in (1, 2):
        model = build_modules(
            tiny_config(model=tiny_model(frame_skip=skip)), walks(3)
        ).model
        assert model.config.state_dim == 2
        found = typical_change(latents, model)
        assert found == pytest.approx(skip * np.sqrt(2))
