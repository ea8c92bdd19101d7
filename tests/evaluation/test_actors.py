"""Agents as actors: what they see, when they decided, goals as images, the verbs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import telos.agent as agents
from telos.actor import ICEM, ICEMConfig, RouteSearch, Waypoints
from telos.agent import Agent, AgentParts, Deliberation, Goals, observed
from telos.agent.calibrated import load_calibrated
from telos.agent.seen import Seen
from telos.cli import calibrate as calibrate_verb
from telos.cli import evaluate as evaluate_verb
from telos.cli import plan as plan_verb
from telos.cli.common import CommonOptions
from telos.cost.latent_goal import LatentGoal
from telos.cost.readout import identity_readout
from telos.data.actions import ActionScale
from telos.envs.two_rooms.world import TwoRooms
from telos.envs.world import StreamSpec
from telos.evaluation import actors
from telos.evaluation.actors import AgentActor
from telos.evaluation.episodes import run_episodes
from telos.evaluation.protocol import load_protocol
from telos.runs import Run
from telos.types import Trajectory
from telos.world_model import Decoder

RED = torch.tensor([0.86, 0.18, 0.16]) * 255


class CentroidModel:
    """Sees the dot where it is, and believes that nothing is in the way."""

    history, frame_skip = 1, 1
    action_scale = ActionScale(np.full(2, -1.8), np.full(2, 1.8))

    def encode(self, observation):
        assert set(observation) == {"pixels"}
        pixels = observation["pixels"].float()
        weight = (pixels[..., 0] - pixels[..., 2]).clamp_min(12) - 12
        centres = torch.arange(64) + 0.5
        total = weight.sum((-1, -2))
        x = (weight.sum(-2) * centres).sum(-1) / total
        y = (weight.sum(-1) * centres).sum(-1) / total
        return torch.stack([x, y], -1)

    def rollout(self, state, actions, futures=1, generator=None):
        path = state[:, -1:, None] + 1.8 * actions.cumsum(2)
        present = state[:, -1:, None].expand(-1, actions.shape[1], -1, -1)
        states = torch.cat([present, path], 2)[:, :, None]
        return Trajectory(states=states, actions=actions)


class Floor:
    """Places and steps of a floor without walls."""

    def place(self, latent):
        return latent / 1.8

    def steps(self, latent, goal):
        return (latent - goal[:, None]).norm(dim=-1) / 1.8


def parts(replan_every=2, routes=False) -> AgentParts:
    model = CentroidModel()
    config = ICEMConfig(samples=24, iterations=2, horizon=6)

    def build(guardrails):
        search = RouteSearch(model, Floor(), guardrails, action_dim=2)
        return Agent(
            world_model=model,
            objective=LatentGoal,
            planner=ICEM(config),
            guardrails=guardrails,
            replan_every=replan_every,
            waypoints=Waypoints(search) if routes else None,
        )

    readout = identity_readout(2, (0, 1), unit="px")
    return AgentParts(
        build=build,
        model=model,
        readouts={"position": readout},
        buffers={"position": 1.0},
        seen=Seen(streams={"pixels": StreamSpec(shape=(64, 64, 3), dtype="uint8")}),
    )


@pytest.fixture
def protocol():
    easy = replace(load_protocol("rooms-random"), goal_rule="same", budget=30)
    return easy.with_episodes(4)


def _run(protocol, num_envs=4, **options):
    world = TwoRooms(num_envs, **protocol.world_options)
    actor = AgentActor(parts(**options), world, guarded=protocol.guarded)
    return run_episodes(world, actor, protocol)


def test_an_agent_reaches_goals_in_its_own_room(protocol):
    results = _run(protocol)
    assert results.count("success") >= 3
    trace = results.traces[-1]
    assert trace.decision_steps.tolist() == list(range(0, 30, 2))
    assert trace.imagined.shape == (15, 1, 7, 2)
    np.testing.assert_allclose(trace.imagined[0, 0, 0], trace.positions[0], atol=0.5)


def test_what_an_agent_follows_is_shown_and_counted(protocol):
    straight, routed = _run(protocol), _run(protocol, routes=True)
    assert routed.count("success") >= 3
    assert straight.traces[0].route.shape == (0, 1, 2)
    trace = routed.traces[-1]
    first = trace.route[0][np.isfinite(trace.route[0]).all(-1)]
    np.testing.assert_allclose(first[-1], trace.goal_position, atol=0.5)
    legs = np.diff([trace.positions[0], *first], axis=0)
    assert np.linalg.norm(legs, axis=-1).max() < 2 * 1.8 + 0.5
    assert routed.evaluations > straight.evaluations


def test_an_agents_results_do_not_depend_on_the_batch(protocol):
    alone, batched = _run(protocol, num_envs=1), _run(protocol, num_envs=3)
    assert [e.seed for e in alone.episodes] == [e.seed for e in batched.episodes]
    for one, other in zip(alone.episodes, batched.episodes, strict=True):
        assert one.success == other.success
        assert one.final_distance == pytest.approx(other.final_distance, abs=1e-3)


def test_only_a_guarded_agent_is_told_of_its_zone():
    told = replace(load_protocol("rooms-zone"), budget=40, episodes=4)
    free = replace(told, guarded=False)
    guarded, unguarded = _run(told), _run(free)
    assert guarded.count("violated") == 0
    assert unguarded.count("violated") >= 1
    assert guarded.episodes[0].min_margin > 0
    assert guarded.traces[0].zones[0]["radius"] > 0
    # Every model step passed the shield, and is on record with what was expected of it.
    assert all(e.gated == 40 for e in guarded.episodes)
    assert len(guarded.records) == 160
    for record in guarded.records:
        assert (record.executed_margin > 0) == (record.executed != "infeasible")
        assert record.true_margin > 0
    assert sum(bool(record.plan) for record in guarded.records) == 80
    assert all(e.gated == 0 for e in unguarded.episodes)


def test_a_run_without_a_read_out_cannot_be_told(protocol):
    world = TwoRooms(1, split="test", zone="direct")
    blind = AgentParts(build=parts().build, model=CentroidModel())
    step_goal = world.reset([0]), world.sample_goals("cross", [0])
    with pytest.raises(ValueError, match="no read-out of 'position'"):
        AgentActor(blind, world).reset([0], step_goal[1])


def test_a_goal_image_replaces_the_sampled_goal(protocol):
    world = TwoRooms(1, **protocol.world_options)
    start = world.reset([protocol.first_seed])
    here = start.labels["position"] + np.array([3.0, 0.0])
    seen = world.goal_at(here).observations
    agent = parts()
    goals = Goals(wishes=(observed(agent, seen),))
    actor = AgentActor(agent, world, goals=goals)
    spec = protocol.with_episodes(1)
    trace = run_episodes(world, actor, spec).traces[0]
    assert np.linalg.norm(trace.positions[-1] - here[0]) < 2


@pytest.fixture
def fake_run(monkeypatch, tmp_path):
    def load(path, world, protocol, *, device="auto", deliberation, goal_streams=()):
        told.append(deliberation)
        return AgentActor(parts(), world, guarded=protocol.guarded)

    told: list[Deliberation] = []
    monkeypatch.setattr(actors, "actor_from_run", load)
    load.told = told
    return tmp_path / "run"


QUIET = CommonOptions(quiet=True)


def test_the_evaluate_verb_writes_what_it_prints(fake_run, capsys):
    command = evaluate_verb.Command(
        run=fake_run, episodes=3, num_envs=2, no_baselines=True, common=QUIET
    )
    result = evaluate_verb.run(command)
    folder = fake_run / "evaluations" / "rooms-random-3-episodes"
    assert json.loads((folder / "evaluation.json").read_text())["success"]["n"] == 3
    assert (folder / "traces.npz").is_file()
    assert result["success"]["n"] == 3
    assert "success" in capsys.readouterr().out


def test_an_agent_that_deliberates_otherwise_has_a_name_of_its_own(fake_run, capsys):
    settings = ("route_every=0", "cost=latent")
    command = evaluate_verb.Command(
        run=fake_run,
        episodes=2,
        num_envs=2,
        no_baselines=True,
        agent=settings,
        common=QUIET,
    )
    evaluate_verb.run(command)
    (folder,) = (fake_run / "evaluations").iterdir()
    assert folder.name == "rooms-random-2-episodes-cost-latent-route_every-0"
    expected = Deliberation(route_every=0, cost="latent")
    assert actors.actor_from_run.told == [expected]
    for wrong, word in (("sample=3", "samples"), ("samples=many", "int")):
        with pytest.raises(ValueError, match=word):
            evaluate_verb.run(replace(command, agent=(wrong,)))


def test_a_zones_file_changes_world_and_hash(fake_run, tmp_path):
    zones = tmp_path / "middle.json"
    zone = {"type": "keep-out-disc", "quantity": "position", "center": [32, 40]}
    zones.write_text(json.dumps([{**zone, "radius": 5}]))
    command = evaluate_verb.Command(run=fake_run, guard=zones, common=QUIET)
    protocol = evaluate_verb.protocol_of(command)
    assert protocol.name == "rooms-random-middle"
    assert protocol.zone == {"shape": "disc", "x": 32.0, "y": 40.0, "radius": 5.0}
    assert protocol.hash != load_protocol("rooms-random").hash


def test_the_plan_verb_films(fake_run, tmp_path, capsys):
    Run.create(fake_run, {})
    video = tmp_path / "out.mp4"
    command = plan_verb.Command(run=fake_run, steps=6, video=video, common=QUIET)
    result = plan_verb.run(command)
    assert video.stat().st_size > 1000
    assert result["steps"] == 6
    assert result["seed"] == 1000000
    out = capsys.readouterr().out
    assert out.count("certified") == 3
    assert "goal missed" in out


def test_the_plan_verb_takes_an_image_and_claims_nothing(fake_run, tmp_path, capsys):
    world = TwoRooms(1, split="test")
    world.reset([5])
    pixels = world.goal_at(np.array([[10.0, 10.0]])).observations["pixels"][0]
    Image.fromarray(pixels).save(tmp_path / "goal.png")
    command = plan_verb.Command(
        run=fake_run, goal=(str(tmp_path / "goal.png"),), steps=4, common=QUIET
    )
    plan_verb.run(command)
    assert "not known" in capsys.readouterr().out


def test_the_calibrate_verb_writes_what_the_run_then_uses(
    monkeypatch, tmp_path, capsys
):
    loaded = []

    def load(path, *, calibrated, **options):
        loaded.append(calibrated)
        return parts()

    monkeypatch.setattr(agents, "load_agent", load)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    command = calibrate_verb.Command(
        run=tmp_path,
        episodes=8,
        alpha=0.2,
        rounds=2,
        check_episodes=6,
        num_envs=8,
        common=QUIET,
    )
    result = calibrate_verb.run(command)
    assert loaded == [False]
    found = load_calibrated(tmp_path)["position"]
    assert found.alpha == 0.2
    assert found.planner == "icem"
    assert found.buffer == result["quantities"]["position"]["buffer"]
    assert [each["episodes"] for each in result["evidence"]["rounds"]] == [8, 8]
    out = capsys.readouterr().out
    assert "round 2" in out
    assert "violated when followed blindly" in out


def test_pictures_of_plans_change_no_action(protocol):
    spec = replace(protocol.with_episodes(1), budget=4)
    traces = []
    for decoder in (None, Decoder(2, {"pixels": (8, 8, 3)}, width=8)):
        world = TwoRooms(1, **spec.world_options)
        actor = AgentActor(parts(), world, decoder=decoder)
        traces += run_episodes(world, actor, spec).traces
    np.testing.assert_array_equal(traces[0].positions, traces[1].positions)
    assert traces[0].pictures is None
    # Two decisions of six steps each, and the moment at which they were made.
    assert traces[1].pictures.shape == (2, 7, 8, 8, 3)
