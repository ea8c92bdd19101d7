"""Attribution: agents broken on purpose, and what their rungs must look like."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from tests.evaluation.clear_toy import Broken, ClearToy, PlaceModel
from tests.evaluation.test_actors import CentroidModel
from tests.evaluation.toy import protocol

from telos.actor import ICEM, ICEMConfig
from telos.agent import Agent, AgentParts, Deliberation
from telos.cli import attribute as attribute_verb
from telos.cli.common import CommonOptions
from telos.config import jsonable
from telos.cost import LatentGoal, identity_readout
from telos.envs.errors import NotOfferedError
from telos.envs.two_rooms.world import TwoRooms
from telos.evaluation.attribution import attribute
from telos.evaluation.attribution.decisions import Truth, rank_correlation
from telos.evaluation.attribution.diary import first_worse
from telos.evaluation.attribution.exact_models import (
    EXACT,
    ExactLatentModel,
    ExactModel,
)
from telos.evaluation.attribution.pool import Pool, WatchedPlanner
from telos.evaluation.attribution.rung_actor import RungActor
from telos.evaluation.attribution.rungs import Rung, Workshop
from telos.evaluation.attribution.table import lines
from telos.evaluation.attribution.verdict import hint, links_of, sentence, weakest
from telos.evaluation.episodes import run_episodes
from telos.evaluation.exact import ExactActor
from telos.evaluation.protocol import load_protocol

TOY = protocol(goal_rule="seeded", episodes=24, budget=6, success="first-hit")
SETTINGS = Deliberation(horizon=4, replan_every=2)


def _attribute(agent: Broken, settings=SETTINGS, toy=TOY, world=None):
    return attribute(world or ClearToy(8), agent.load, toy, settings, command="test")


def _rung(attribution, name):
    (found,) = [r for r in attribution.rungs if r.rung.name == name]
    return found


def test_a_perfect_agent_has_no_weak_link():
    attribution = _attribute(Broken())
    assert attribution.weakest is None
    assert "No link is distinguishably weak in 24 episodes" in attribution.sentence
    assert all(all(result.successes) for result in attribution.rungs)
    names = [result.rung.name for result in attribution.rungs]
    assert names[:3] == ["exact-metric", "exact-latent", "exact-critic"]
    assert names[3:5] == ["learned-critic", "shipped"]
    assert names[5:] == ["learned-latent", "learned-metric"]


def test_wrong_dynamics_are_blamed_on_the_dynamics():
    attribution = _attribute(Broken(gain=-1.0))
    assert attribution.weakest == "learned dynamics"
    assert "The weakest link is the learned dynamics" in attribution.sentence
    assert "with exact dynamics the same cost reaches 100 %" in attribution.sentence
    assert sum(_rung(attribution, "exact-critic").successes) == 24
    # The other way round: the true metric does not save a wrong model.
    assert sum(_rung(attribution, "learned-metric").successes) < 12
    open_loop = _rung(attribution, "learned-critic").open_loop
    assert open_loop["worse_latent"] == open_loop["worse_readout"] == 1


def test_an_inverted_critic_is_blamed_on_the_critic():
    attribution = _attribute(Broken(critic=-1.0))
    assert attribution.weakest == "critic"
    assert sum(_rung(attribution, "exact-latent").successes) == 24
    assert sum(_rung(attribution, "learned-metric").successes) == 24
    wrong = _rung(attribution, "exact-critic").decisions
    assert wrong["correlation"]["mean"] < -0.5
    assert wrong["offered"]["mean"] == 1
    assert wrong["picked"]["mean"] < 0.1
    assert wrong["regret"]["mean"] > 1


def test_one_candidate_is_blamed_on_the_search():
    attribution = _attribute(Broken(samples=1))
    assert attribution.weakest == "search"
    assert "with exact dynamics and the true metric it still" in attribution.sentence
    assert _rung(attribution, "exact-metric").decisions["offered"]["mean"] == 0


def test_memory_that_misleads_is_blamed_on_memory():
    attribution = _attribute(Broken(misled=True))
    assert attribution.weakest == "memory and routes"
    assert sum(_rung(attribution, "learned-critic").successes) == 24


def test_the_metric_is_the_link_of_an_agent_that_goes_by_latent_distance():
    settings = replace(SETTINGS, cost="latent", memory=0, route_every=0)
    attribution = _attribute(Broken(gain=-1.0), settings)
    names = [result.rung.name for result in attribution.rungs]
    expected = ["exact-metric", "exact-latent", "learned-latent", "learned-metric"]
    assert names == expected
    assert attribution.weakest == "learned dynamics"


def test_results_do_not_depend_on_the_batch():
    one = _attribute(Broken(), toy=TOY.with_episodes(5), world=ClearToy(1))
    many = _attribute(Broken(), toy=TOY.with_episodes(5), world=ClearToy(3))
    for alone, batched in zip(one.rungs, many.rungs, strict=True):
        assert alone.successes == batched.successes
        assert alone.decisions["decisions"] == batched.decisions["decisions"]
        np.testing.assert_allclose(
            alone.decisions["regret"]["mean"],
            batched.decisions["regret"]["mean"],
            atol=1e-4,
        )


def test_a_world_without_the_truth_says_so_and_does_the_rest():
    class Opaque:
        """As clear as the other, but it does not answer."""

        def __init__(self, num_envs: int) -> None:
            self._toy = ClearToy(num_envs)

        def __getattr__(self, name):
            if name in ("simulator", "show"):
                raise AttributeError(name)
            return getattr(self._toy, name)

    attribution = _attribute(Broken(misled=True), world=Opaque(8))
    names = [result.rung.name for result in attribution.rungs]
    assert names == ["learned-critic", "shipped", "learned-latent"]
    assert attribution.sentence.startswith("This world offers no exact dynamics")
    assert attribution.weakest == "memory and routes"
    assert attribution.rungs[0].decisions["correlation"] is None
    assert attribution.rungs[0].open_loop["worse_latent"] is None


def test_planners_that_need_a_gradient_are_refused():
    with pytest.raises(NotOfferedError, match="needs the gradient of the dynamics"):
        _attribute(Broken(), replace(SETTINGS, planner="gradient"))


def test_a_budget_of_time_is_refused():
    with pytest.raises(ValueError, match="limit samples and iterations instead"):
        _attribute(Broken(), replace(SETTINGS, seconds=0.1))


@pytest.mark.parametrize(("history", "frame_skip"), [(1, 1), (3, 1), (1, 2), (3, 2)])
def test_imagined_truth_is_encoded_as_it_would_be_when_it_happens(history, frame_skip):
    model, world = PlaceModel(history=history, frame_skip=frame_skip), ClearToy(2)
    rng = np.random.default_rng(0)
    plan = rng.uniform(-1, 1, (2, 5 + history, 2 * frame_skip)).astype(np.float32)
    step = world.reset([1, 2])
    goal = world.sample_goals("seeded", [1, 2])
    frames, exact = [step.observations["place"]], [world.exact_state()[:, 0]]
    for actions in plan.swapaxes(0, 1):
        for action in np.split(actions, frame_skip, axis=-1):
            step = world.step(action)
        frames.append(step.observations["place"])
        exact.append(world.exact_state()[:, 0])
    seen, known = (torch.from_numpy(np.stack(x, 1)).float() for x in (frames, exact))
    true = ExactModel(world.simulator(goal)[0], world.spec, model)
    both = ExactLatentModel(true, world, model, 2)
    context = {"place": seen[:, :history], EXACT: known[:, :history]}
    state = both.encode(context)
    actions = torch.from_numpy(plan[:, None, history - 1 :])
    states = both.rollout(state, actions.expand(-1, 3, -1, -1)).states
    expected = torch.cat([known, model.encode({"place": seen})], -1)[:, history - 1 :]
    for sample in range(3):
        torch.testing.assert_close(states[:, sample, 0], expected)


def test_drawing_in_parts_changes_nothing(monkeypatch):
    from telos.evaluation.attribution import exact_models

    world, model = TwoRooms(2, split="test"), CentroidModel()
    world.reset([3, 4])
    goal = world.sample_goals("cross", [3, 4])
    true = ExactModel(world.simulator(goal)[0], world.spec, model)
    both = ExactLatentModel(true, world, model, 2)
    frame = {"pixels": torch.from_numpy(world.show(world.exact_state())["pixels"])}
    state = both.encode({**frame, EXACT: torch.from_numpy(world.exact_state())})
    generator = torch.Generator().manual_seed(0)
    actions = 2 * torch.rand(2, 7, 5, 2, generator=generator) - 1
    whole = both.rollout(state, actions).states
    monkeypatch.setattr(exact_models, "FRAMES", 1)
    torch.testing.assert_close(both.rollout(state, actions).states, whole)
    # The dot is seen where it is, so that latents are exact states up to drawing.
    assert (whole[..., 2:] - whole[..., :2]).abs().max() < 0.5


def test_the_first_rung_succeeds_where_the_exact_planner_does():
    short = replace(load_protocol("rooms-random"), first_seed=5_000_000, budget=28)
    short = short.with_episodes(8)
    world = TwoRooms(8, **short.world_options)
    search = ICEMConfig(horizon=20, sigma=0.8)

    def build(guardrails):
        return Agent(
            world_model=CentroidModel(),
            objective=LatentGoal,
            planner=ICEM(search),
            replan_every=4,
        )

    readouts = {"position": identity_readout(2, (0, 1), unit="px")}
    parts = AgentParts(build=build, model=CentroidModel(), readouts=readouts)
    # All steps count alike for the exact planner.
    settings = Deliberation(running=1e6)
    workshop = Workshop(
        world=world, load=lambda told: parts, settings=settings, protocol=short
    )
    rung = Rung(dynamics="exact", cost="metric")
    actor = RungActor(world, lambda goal: workshop.cast(rung, goal), short.radius)
    ours = run_episodes(world, actor, short, num_traces=0)
    theirs = run_episodes(world, ExactActor(world), short, num_traces=0)
    expected = [episode.success for episode in theirs.episodes]
    assert [episode.success for episode in ours.episodes] == expected
    assert 0 < sum(expected) < 8


costs = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=40)


@given(costs, st.randoms(use_true_random=False))
def test_rank_correlation_is_that_of_scipy(first, random):
    second = [value + random.choice([-3, -1, 0, 2]) for value in first]
    ours = rank_correlation(np.array(first), np.array(second))
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


def test_what_is_not_finite_ranks_last():
    costs = np.array([0.0, 1.0, np.inf])
    assert rank_correlation(costs, np.array([0.0, 1.0, 2.0])) == pytest.approx(1)
    assert rank_correlation(-np.array([2.0, 1.0, 0.0]), costs[:3]) == pytest.approx(1)


def test_decisions_are_judged_by_where_they_lead():
    world = ClearToy(2)
    world.reset([0, 1])
    world.position = np.array([[2.0, 0.0], [0.1, 0.0]])
    goal = world.sample_goals("origin", [0, 1])
    dynamics, metric = world.simulator(goal)
    truth = Truth(ExactModel(dynamics, world.spec, PlaceModel()), metric, radius=0.5)
    left = torch.tensor([-1.0, 0.0])
    plans = torch.stack([0 * left, left, -left])[:, None].expand(-1, 2, -1)
    actions = plans.expand(2, -1, -1, -1)
    cost = torch.tensor([[1.0, 3.0, 2.0]]).expand(2, -1)
    pool = Pool(actions=actions, cost=cost, picked=actions[:, 0])
    judged, arrived = truth.judge(world.exact_state(), pool)
    assert arrived is None
    # Ends: rest 2, left 0, right 4; the cost thinks rest < right < left.
    assert judged.correlation == pytest.approx(spearmanr([1, 3, 2], [2, 0, 4])[0])
    assert judged.offered
    assert not judged.picked
    assert judged.regret == pytest.approx(2)


def test_a_watched_planner_decides_as_if_alone():
    planner = ICEM(ICEMConfig(samples=12, iterations=2, horizon=3))
    model, state = PlaceModel(), torch.tensor([[[1.0, 2.0]]])
    watched = WatchedPlanner(planner)

    def plan(one):
        generators = [torch.Generator().manual_seed(0)]
        objective = LatentGoal(torch.zeros(1, 2))
        return one.plan(model, state, objective, generators=generators)

    alone, seen = plan(planner), plan(watched)
    torch.testing.assert_close(alone.actions, seen.actions)
    pool = watched.take()
    assert watched.take() is None
    assert pool.cost.amin() == seen.cost
    assert pool.actions.shape[1] * 3 == seen.evaluations
    cheapest = pool.actions[0, pool.cost[0].argmin()]
    torch.testing.assert_close(cheapest, seen.actions[0])


def test_the_first_step_that_is_worse_than_nothing_changes():
    assert first_worse([1, 2, 5], [2, 3, 4]) == 3
    assert first_worse([1, 2], [2, 3]) is None
    assert first_worse([2, 1], [2, 3]) is None


RUNGS = [
    Rung(dynamics="exact", cost="metric"),
    Rung(dynamics="exact", cost="critic"),
    Rung(dynamics="learned", cost="critic"),
    Rung(dynamics="learned", cost="critic", shipped=True),
]


def _verdict(*solved, n=100):
    names = [rung.name for rung in RUNGS]
    successes = {
        name: [True] * k + [False] * (n - k)
        for name, k in zip(names, solved, strict=True)
    }
    links = links_of(RUNGS, successes, "critic")
    return weakest(links), sentence(links, successes, True), links


def test_the_largest_supported_drop_is_blamed_and_others_are_named():
    found, words, links = _verdict(100, 98, 81, 60)
    assert found.name == "memory and routes"
    assert "without them the agent reaches 81 %, with them 60 %" in words
    assert "Weak too: the learned dynamics" in words
    assert "17 points, 95 % interval" in words
    assert not links[1].is_weak
    assert "critic:" not in words


def test_a_drop_that_chance_explains_is_not_blamed():
    found, words, _ = _verdict(100, 98, 97, 97)
    assert found is None
    assert "The largest loss, that of the critic, is 2 points" in words
    # Five lost episodes of 100 would pass a single test, not one among four.
    found, _, links = _verdict(100, 94, 94, 94)
    assert links[1].drop.p < 0.05 < links[1].corrected
    assert found is None


def test_a_gain_is_never_blamed():
    found, words, links = _verdict(100, 100, 60, 98)
    assert found.name == "learned dynamics"
    assert links[-1].drop.difference < 0
    assert "Weak too" not in words
    assert "Memory and routes win back 38 points, 95 % interval 2" in words
    assert "as shipped the agent reaches 98 %" in words


def _regret(mean):
    return {"mean": mean, "low": 0.9 * mean, "high": 1.1 * mean}


def test_decisions_tell_links_apart_where_success_does_not():
    links = _verdict(100, 100, 99, 100)[2]
    means = {"exact-metric": 0.1, "exact-critic": 0.2, "learned-critic": 0.9}
    regrets = {name: _regret(mean) for name, mean in means.items()}
    # A route leads away from the goal on purpose.
    regrets["shipped"] = _regret(5.0)
    words = hint(links, regrets, "m")
    assert "by the learned dynamics: their mean regret rises from 0.2 to 0.9 m" in words
    alike = dict.fromkeys(regrets, _regret(0.5))
    assert hint(links, alike, "m") == ""
    assert hint(links, dict.fromkeys(regrets), "m") == ""


def test_the_json_is_plain_and_the_lines_are_for_people():
    attribution = _attribute(Broken(), toy=TOY.with_episodes(2))
    values = json.loads(json.dumps(jsonable(attribution.to_json())))
    assert [len(rung["successes"]) for rung in values["rungs"]] == [2] * 7
    text = "\n".join(lines(values))
    assert "exact dynamics, true metric" in text
    assert "read-out never of 4 steps" in text
    assert values["sentence"] in text


def test_the_verb_writes_what_it_prints(monkeypatch, tmp_path, capsys):
    told = []

    def load(command, spec, settings):
        told.append(settings)
        return Broken().load(settings)

    monkeypatch.setattr("telos.envs.make_world", lambda name, **kw: ClearToy(2))
    monkeypatch.setattr(attribute_verb, "load_parts", load)
    saved = TOY.save(tmp_path / "toy.json")
    command = attribute_verb.Command(
        run=tmp_path / "run",
        protocol=str(saved),
        episodes=4,
        num_envs=2,
        agent=("horizon=4",),
        common=CommonOptions(quiet=True),
    )
    result = attribute_verb.run(command)
    written = tmp_path / "run" / "attribution" / "toy-horizon-4.json"
    assert json.loads(written.read_text())["sentence"] == result["sentence"]
    assert result["protocol"]["episodes"] == 4
    assert {settings.replan_every for settings in told} == {4}
    assert "No link is distinguishably weak in 4 episodes" in capsys.readouterr().out
