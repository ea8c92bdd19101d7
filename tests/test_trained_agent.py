"""From a run folder to an agent that acts: what is loaded, and what is refused."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.actor.worlds import Point
from tests.learning.worlds import labelled, tiny_config, walks, write_run
from torch import Tensor

from telos.actor import ICEM, RandomShooting, RandomShootingConfig
from telos.agent import Deliberation, load_agent
from telos.agent.calibrated import (
    Calibrated,
    load_calibrated,
    model_digest,
    save_calibrated,
)
from telos.agent.planners import PLANNERS, make_planner
from telos.agent.trained import objective_factory
from telos.cost import KeepOutDisc, LatentGoal, LearnedTerrain, calibrate
from telos.cost.critic import build_critic
from telos.data.actions import ActionScale
from telos.learning.latents import encode_recording
from telos.learning.modules import build_modules
from telos.learning.outcome import save_trained
from telos.memory import BothBeliefs
from telos.runs import Run
from telos.types import Trajectory

SEEDS = [3, 4, 5]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A run whose networks were stored as they were initialised."""
    path = tmp_path_factory.mktemp("agent") / "run"
    return write_run(path, tiny_config(), labelled(walks(12)))


def frames() -> dict[str, np.ndarray]:
    return {"state": walks(3).observations["state"][[0, 31, 62]]}


def test_an_agent_is_loaded_and_acts(folder: Path) -> None:
    agent = load_agent(folder).build(())
    agent.reset(SEEDS)
    agent.set_goal(frames())
    actions = agent.act(frames())
    assert actions.shape == (3, 2)
    assert (np.abs(actions) <= 1).all()
    assert agent.plan.status == ("certified",) * 3


def test_a_planner_of_ones_own_takes_the_place_of_the_named_one(folder: Path) -> None:
    planner = RandomShooting(RandomShootingConfig(samples=7, iterations=1, horizon=3))
    agent = load_agent(folder, planner=planner).build(())
    agent.reset(SEEDS)
    agent.set_goal(frames())
    agent.act(frames())
    assert agent.plan.actions.shape == (3, 3, 2)
    assert agent.plan.evaluations == 7 * 3


def test_what_was_stored_is_what_is_loaded(folder: Path) -> None:
    parts = load_agent(folder)
    tensors, _ = Run.open(folder).load_model()
    weights = parts.model.state_dict()
    assert all(torch.equal(weights[n], tensors[f"world_model/{n}"]) for n in weights)
    assert not any(p.requires_grad for p in parts.model.parameters())
    readout = parts.readouts["position"]
    assert readout.unit == "px"
    assert parts.buffers["position"] == readout.errors["q99"] > 0


def test_equal_seeds_give_equal_actions_in_any_batch(folder: Path) -> None:
    together, alone = (load_agent(folder).build(()) for _ in range(2))
    together.reset(SEEDS)
    together.set_goal(frames())
    alone.reset(SEEDS[1:2])
    alone.set_goal({"state": frames()["state"][1:2]})
    expected = together.act(frames())[1:2]
    found = alone.act({"state": frames()["state"][1:2]})
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_guardrails_belong_to_the_agent_that_is_built(folder: Path) -> None:
    parts = load_agent(folder)
    zone = KeepOutDisc(
        readout=parts.readouts["position"], center=(500.0, 0.0), radius=1.0
    )
    guarded = parts.build((zone,))
    assert guarded.guardrails == (zone,)
    assert parts.build(()).guardrails == ()
    assert guarded.shield is not None
    assert isinstance(guarded.shield.dynamics, BothBeliefs)


def test_the_shield_looks_at_the_futures_that_were_asked_for(folder: Path) -> None:
    settings = Deliberation(futures=4, near_futures=8)
    parts = load_agent(folder, deliberation=settings)
    zone = KeepOutDisc(
        readout=parts.readouts["position"], center=(500.0, 0.0), radius=1.0
    )
    shield = parts.build((zone,)).shield
    assert shield is not None
    assert (shield.futures, shield.near_futures, shield.near_steps) == (4, 8, 1)


@pytest.fixture
def calibrated(folder: Path, tmp_path: Path) -> Path:
    """The run with a buffer of 2.5 px, found with plans of 1,000 evaluations."""
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    found = calibrate(
        np.full(30, 2.5), np.zeros(30), 0.1, planner="icem", evaluations=1000
    )
    save_calibrated(
        run, Calibrated(model=model_digest(run), quantities={"position": found})
    )
    return run


def _act(run: Path, **settings: object) -> None:
    parts = load_agent(run, deliberation=Deliberation(**settings))
    zone = KeepOutDisc(
        readout=parts.readouts["position"], center=(500.0, 0.0), radius=1.0
    )
    agent = parts.build((zone,))
    agent.reset(SEEDS)
    agent.set_goal(frames())
    agent.act(frames())


def test_a_calibrated_run_brings_its_buffer(calibrated: Path) -> None:
    assert load_agent(calibrated).buffers == {"position": 2.5}
    plain = load_agent(calibrated, calibrated=False)
    readout = plain.readouts["position"]
    assert plain.buffers["position"] == readout.errors["q99"]


def test_search_beyond_the_calibration_is_told(calibrated: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _act(calibrated, samples=10, iterations=2)
    with pytest.warns(UserWarning, match="calibrated at 1000 model evaluations"):
        _act(calibrated, samples=100, iterations=3)
    with pytest.warns(UserWarning, match="for the planner 'icem', but 'cem'"):
        _act(calibrated, planner="cem", samples=10)


def test_a_calibration_of_other_weights_is_refused(calibrated: Path) -> None:
    weights = calibrated / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(ValueError, match="made with other weights"):
        load_calibrated(calibrated)
    (calibrated / "calibration.json").unlink()
    assert load_calibrated(calibrated) == {}


def test_another_world_is_refused_in_words(folder: Path) -> None:
    same = labelled(walks(1)).spec
    load_agent(folder, spec=replace(same, options={"split": "test"}, max_steps=7))
    stronger = replace(same, action_high=np.full(2, 3.0, np.float32))
    with pytest.raises(ValueError, match=r"in another 'walk': action_high is \[1.0"):
        load_agent(folder, spec=stronger)
    with pytest.raises(ValueError, match="name a protocol of 'walk'"):
        load_agent(folder, spec=replace(same, id="swim", options={"x": 1}))


def test_a_run_of_an_earlier_version_is_refused_in_words(folder, tmp_path) -> None:
    tensors, description = Run.open(folder).load_model()
    old = Run.create(tmp_path / "old", tiny_config())
    del description["terrain"]
    old.save_model(tensors, description)
    with pytest.raises(ValueError, match="trained by an earlier version.*train again"):
        load_agent(tmp_path / "old")


def test_unfinished_and_missing_runs_are_refused(tmp_path) -> None:
    Run.create(tmp_path / "started", tiny_config())
    with pytest.raises(FileNotFoundError, match="training has not finished"):
        load_agent(tmp_path / "started")
    with pytest.raises(FileNotFoundError, match="no run folder"):
        load_agent(tmp_path / "none")


def test_agents_remember_apart_from_each_other(folder) -> None:
    parts = load_agent(folder)
    one, other = parts.build([]), parts.build([])
    assert len(one.memories) == 1
    assert one.memories[0] is not other.memories[0]
    forgetful = load_agent(folder, deliberation=Deliberation(memory=0)).build([])
    assert forgetful.memories == ()


def test_agents_follow_routes_unless_told_otherwise(folder, tmp_path) -> None:
    parts = load_agent(folder)
    one, other = parts.build([]), parts.build([])
    assert one.waypoints is not None
    assert one.waypoints is not other.waypoints
    for straight in (Deliberation(route_every=0), Deliberation(cost="latent")):
        assert load_agent(folder, deliberation=straight).build([]).waypoints is None


def test_a_route_counts_among_the_evaluations_of_a_decision(folder: Path) -> None:
    agent = load_agent(folder).build(())
    agent.reset(SEEDS)
    agent.set_goal({"state": 3 + frames()["state"]})
    agent.act(frames())
    assert agent.waypoints is not None
    assert agent.evaluations == agent.plan.evaluations + agent.waypoints.evaluations
    assert agent.waypoints.evaluations > 0


def test_without_a_chart_there_are_no_routes(tmp_path) -> None:
    # Temporal differences need no chart, and where actions accelerate there is none.
    recording = labelled(walks(12))
    config = tiny_config()
    config = replace(config, critic=replace(config.critic, form="expectile"))
    run = Run.create(tmp_path / "run", config)
    modules = build_modules(config, recording)
    latents = encode_recording(modules.model.eval(), recording)
    save_trained(run, config, modules, {}, latents)
    tensors, _ = run.load_model()
    assert not any(name.startswith("chart/") for name in tensors)
    assert load_agent(run.path).build([]).waypoints is None


def test_a_terrain_counts_steps_and_tells_places_apart() -> None:
    class Discounted(torch.nn.Module):
        """1 - 0.9 ** distance, which is what a critic learns."""

        state_dim = 2

        def to_goals(self, latent: Tensor, goal: Tensor) -> Tensor:
            return 1 - 0.9 ** (latent[..., :2] - goal[:, None]).norm(dim=-1)

    terrain = LearnedTerrain(
        Discounted(),  # type: ignore[arg-type]
        lambda state: 2 * state,
        discount=0.9,
        frame_skip=4,
    )
    latent = torch.tensor([[[3.0, 4.0, 7.0], [0.0, 1.0, 7.0]]])
    steps = terrain.steps(latent, torch.zeros(1, 3))
    torch.testing.assert_close(steps, torch.tensor([[5.0, 1.0]]))
    torch.testing.assert_close(terrain.place(latent), latent[..., :2])
    far = terrain.steps(torch.full((1, 1, 3), 1e6), torch.zeros(1, 3))
    assert torch.isfinite(far).all()


def test_planners_and_costs_go_by_their_names() -> None:
    assert isinstance(make_planner(Deliberation(), 2), ICEM)
    shooting = make_planner(Deliberation(planner="random-shooting"), 2)
    assert isinstance(shooting, RandomShooting)
    with pytest.raises(ValueError, match="'sgd' is unknown; choose from .*'icem'"):
        make_planner(Deliberation(planner="sgd"), 2)
    with pytest.raises(ValueError, match="'reward' is unknown; choose one of"):
        objective_factory(
            build_critic("free", 2, 2, 8),
            Deliberation(cost="reward"),
        )


@pytest.mark.parametrize("name", sorted(set(PLANNERS) - {"habit"}))
def test_every_planner_takes_the_settings(name: str) -> None:
    settings = Deliberation(planner=name, samples=9, iterations=2, horizon=4)
    objective = LatentGoal(torch.ones(1, 2))
    plan = make_planner(settings, 2).plan(
        Point(), torch.zeros(1, 1, 2), objective, generators=[torch.Generator()]
    )
    assert plan.actions.shape == (1, 4, 2)
    assert plan.evaluations >= 9 * 2 * 4


def test_a_habit_is_followed_without_a_search() -> None:
    settings = Deliberation(planner="habit", samples=9, iterations=2, horizon=4)
    plan = make_planner(settings, 2).plan(
        Point(),
        torch.zeros(1, 1, 2),
        LatentGoal(torch.ones(1, 2)),
        init=torch.full((1, 4, 2), 0.5),
        generators=[torch.Generator()],
    )
    assert (plan.actions == 0.5).all()
    assert plan.evaluations == 4


def test_random_shooting_spends_as_much_as_the_iterations_would() -> None:
    settings = Deliberation(planner="random-shooting", samples=10, iterations=4)
    assert make_planner(settings, 2).config.samples == 40


@pytest.mark.parametrize("cost", ["critic", "latent"])
def test_the_running_cost_is_the_mean_along_the_plan(cost: str) -> None:
    torch.manual_seed(0)
    critic = build_critic("free", 2, 2, 8)
    trajectory = Trajectory(
        states=torch.randn(1, 3, 1, 6, 4), actions=torch.zeros(1, 3, 5, 2)
    )
    goal = torch.randn(1, 4)

    def total(running: float) -> torch.Tensor:
        settings = Deliberation(cost=cost, running=running)
        objective = objective_factory(critic, settings)(goal)
        return objective(trajectory).sum(-1)

    if cost == "critic":
        target = goal[:, None, None, None, :2].expand(1, 3, 1, 5, 2)
        distance = critic(trajectory.future, target)
    else:
        difference = trajectory.future - goal[:, None, None, None]
        distance = difference.square().mean(-1)
    torch.testing.assert_close(total(0.0), distance[..., -1])
    expected = distance[..., -1] + 0.5 * distance.mean(-1)
    torch.testing.assert_close(total(0.5), expected)


def test_actions_leave_in_the_units_of_the_world(folder: Path) -> None:
    parts = load_agent(folder)
    scale = parts.model.action_scale
    assert isinstance(scale, ActionScale)
    assert scale.low.tolist() == [-1, -1]
