"""The agent on an exact world: arrives, stays out, and is independent of its batch."""

import numpy as np
import pytest
import torch

from telos.actor import ICEM, Follow, ICEMConfig, SearchConfig
from telos.agent import Agent
from telos.configurator import Configuration
from telos.cost import Effort, GoalReadout, KeepOutDisc, identity_readout
from telos.cost.compose import ObjectiveAlgebra
from telos.memory import CorrectedDynamics, Corrections, MemoryConfig
from telos.types import Trajectory

SPEED = 2.0
POSITION = identity_readout(2, [0, 1], unit="m")
DISC = KeepOutDisc(readout=POSITION, center=(1.0, 0.0), radius=0.5)
GOAL = np.array([2.0, 0.0], np.float32)


class Scale:
    """Environment actions lie in [-SPEED, SPEED]."""

    def from_unit(self, actions: np.ndarray) -> np.ndarray:
        return SPEED * actions


class ExactModel:
    """Stream `state` is the position; an environment step moves by 0.1 * action."""

    action_scale = Scale()

    def __init__(self, history: int = 1, frame_skip: int = 1, drift: float = 0.0):
        self.history, self.frame_skip, self.drift = history, frame_skip, drift
        self.encoded: list[torch.Tensor] = []

    def encode(self, observation):
        self.encoded.append(observation["state"])
        return observation["state"]

    def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
        blocks = actions.unflatten(-1, (self.frame_skip, 2)).sum(-2)
        step = 0.1 * SPEED * blocks + self.drift
        start = state[:, -1, None, None].expand(-1, actions.shape[1], -1, -1)
        states = torch.cat([start, start + step.cumsum(2)], 2)
        return Trajectory(states=states[:, :, None], actions=actions)


def to_goal(goal: torch.Tensor) -> ObjectiveAlgebra:
    return GoalReadout(POSITION, goal) + 0.001 * Effort()


def make_agent(model=None, guardrails=(), horizon=12, **options) -> Agent:
    model = model or ExactModel()
    config = ICEMConfig(horizon=horizon, action_dim=2 * model.frame_skip)
    return Agent(
        world_model=model,
        objective=options.pop("objective", to_goal),
        planner=options.pop("planner", ICEM(config)),
        guardrails=guardrails,
        **options,
    )


def drive(agent: Agent, seeds: list[int], steps: int, start=None) -> np.ndarray:
    """(B, steps + 1, 2) positions in the exact world."""
    zero = np.zeros((len(seeds), 2), np.float32)
    position = zero if start is None else start
    agent.reset(seeds)
    agent.set_goal({"state": np.tile(GOAL, (len(seeds), 1))})
    track = [position]
    for _ in range(steps):
        action = agent.act({"state": position})
        assert action.shape == position.shape
        assert np.abs(action).max() <= SPEED + 1e-6
        position = (position + 0.1 * action).astype(np.float32)
        track.append(position)
    return np.stack(track, 1)


def closest(track: np.ndarray) -> float:
    times = np.linspace(0, 1, 50)[:, None]
    path = track[:, :-1, None] * (1 - times) + track[:, 1:, None] * times
    return np.linalg.norm(path - np.array(DISC.center), axis=-1).min()


class Forgetful(ExactModel):
    """Knows nothing of the pillar in the way; its predictions can be corrected."""

    def rollout(
        self, state, actions, futures=1, generator=None, correction=None
    ) -> Trajectory:
        now = state[:, -1].repeat_interleave(actions.shape[1], 0)
        states = [now]
        for step in range(actions.shape[2]):
            taken = actions[:, :, step].flatten(0, 1)
            after = now + 0.1 * SPEED * taken
            if correction is not None:
                after = after + correction(now, taken)
            states.append(now := after)
        whole = torch.stack(states, 1).unflatten(0, actions.shape[:2])
        return Trajectory(states=whole[:, :, None], actions=actions)


def push_past_a_pillar(memory: bool) -> float:
    """Mean distance to the goal after 60 steps; a step into the pillar is not made."""
    model, seeds = Forgetful(), list(range(4))
    reminded = CorrectedDynamics(
        model, Corrections(MemoryConfig(typical_change=0.2), state_dim=2, action_dim=2)
    )
    options = {"imagination": reminded, "memories": [reminded]} if memory else {}
    agent = make_agent(model, horizon=16, **options)
    agent.reset(seeds)
    agent.set_goal({"state": np.tile(GOAL, (4, 1))})
    position = np.zeros((4, 2), np.float32)
    for _ in range(60):
        wanted = position + 0.1 * agent.act({"state": position})
        free = np.linalg.norm(wanted - np.array(DISC.center), axis=-1) > 0.4
        position = np.where(free[:, None], wanted, position).astype(np.float32)
    return float(np.linalg.norm(position - GOAL, axis=-1).mean())


def test_a_memory_leads_around_what_the_model_does_not_know():
    assert push_past_a_pillar(memory=True) < 0.3
    assert push_past_a_pillar(memory=False) > 1.0, "the control must fail"


def test_memories_are_told_of_every_step_and_forget_with_the_episode():
    told = []

    class Listener:
        def reset(self, num_envs):
            told.append(num_envs)

        def observe(self, before, action, after):
            told.append((before[:, -1], action, after[:, -1]))

    track = drive(make_agent(memories=[Listener()]), [1, 2], 4)
    assert told[0] == 2
    assert len(told) == 4, "the first observation has nothing before it"
    for step, (before, action, after) in enumerate(told[1:]):
        np.testing.assert_allclose(before, track[:, step])
        np.testing.assert_allclose(after, track[:, step + 1])
        moved = 0.1 * SPEED * action
        np.testing.assert_allclose(after - before, moved, atol=1e-6)


def test_the_agent_arrives():
    track = drive(make_agent(), list(range(8)), 20)
    assert (np.linalg.norm(track[:, -1] - GOAL, axis=-1) < 0.1).all()
    assert closest(track) < DISC.radius


def test_guarded_it_goes_around():
    agent = make_agent(guardrails=[DISC])
    track = drive(agent, list(range(8)), 40)
    assert closest(track) > DISC.radius - 1e-5
    arrived = np.linalg.norm(track[:, -1] - GOAL, axis=-1) < 0.2
    assert arrived.mean() >= 0.75
    assert agent.certified is not None
    assert set(agent.plan.margins) == {DISC.name}


def test_an_episode_does_not_depend_on_the_batch_around_it():
    seeds = [3, 1, 4, 5]
    start = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32) * 0.2
    together = drive(make_agent(guardrails=[DISC]), seeds, 6, start)
    for env, seed in enumerate(seeds):
        alone = drive(make_agent(guardrails=[DISC]), [seed], 6, start[env : env + 1])
        assert np.allclose(alone[0], together[env], atol=1e-5)


def test_seeds_alone_decide_and_reset_starts_over():
    agent = make_agent()
    first, second = drive(agent, [0, 1], 5), drive(agent, [0, 1], 5)
    assert np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize("replan_every", [1, 3])
def test_one_encoding_per_decision_and_searches_as_often_as_asked(replan_every):
    model = ExactModel()
    searches = []

    class Counting(ICEM):
        def plan(self, *args, **kwargs):
            searches.append(kwargs["init"])
            return super().plan(*args, **kwargs)

    planner = Counting(ICEMConfig(horizon=12))
    agent = make_agent(model, planner=planner, replan_every=replan_every)
    drive(agent, [0], 6)
    assert len(searches) == 6 // replan_every
    goals = 1
    assert len(model.encoded) - goals == 6 // replan_every
    assert searches[0] is None
    assert searches[1] is not None


def test_a_shield_looks_every_step_even_between_searches():
    model = ExactModel()
    drive(make_agent(model, guardrails=[DISC], replan_every=3), [0], 6)
    assert len(model.encoded) - 1 == 6


def test_history_starts_with_the_first_frame_and_keeps_the_newest():
    model = ExactModel(history=3)
    track = drive(make_agent(model), [0], 3)
    goal, first, second, third = (frames[0] for frames in model.encoded)
    assert np.allclose(goal, np.tile(GOAL, (3, 1)))
    assert np.allclose(first, track[0, [0, 0, 0]])
    assert np.allclose(second, track[0, [0, 0, 1]])
    assert np.allclose(third, track[0, [0, 1, 2]])


def test_frame_skip_executes_the_block_and_remembers_every_other_frame():
    model = ExactModel(history=2, frame_skip=2)
    agent = make_agent(model)
    track = drive(agent, [0], 4)
    assert len(model.encoded) - 1 == 2
    assert np.allclose(model.encoded[2][0], track[0, [0, 2]])
    block = agent.plan.actions[0, 0].numpy() * SPEED
    moved = (track[0, 3:] - track[0, 2:4]) / 0.1
    assert np.allclose(moved.flatten(), block, atol=1e-4)


def test_frames_are_copied_so_that_worlds_may_reuse_their_buffers():
    model = ExactModel(history=2)
    agent = make_agent(model)
    agent.reset([0])
    agent.set_goal({"state": GOAL[None]})
    buffer = np.zeros((1, 2), np.float32)
    agent.act({"state": buffer})
    buffer += 1.0
    agent.act({"state": buffer})
    assert model.encoded[-1][0].tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_a_wrong_model_is_caught_by_replanning_and_the_shield_reports():
    """The model believes in a drift towards the disc; margins stay conservative."""
    model = ExactModel(drift=0.02)
    agent = make_agent(model, guardrails=[DISC.tighten(0.1)])
    track = drive(agent, [0, 1], 30)
    assert closest(track) > DISC.radius


def test_affect_is_the_anticipated_outcome():
    agent = make_agent(guardrails=[DISC])
    drive(agent, [0, 1], 1)
    assert torch.equal(agent.affect.expected_cost, agent.plan.cost)
    assert torch.equal(agent.affect.expected_margin, agent.plan.margins[DISC.name])
    free = make_agent()
    drive(free, [0], 1)
    assert torch.isinf(free.affect.expected_margin).all()


def test_a_new_goal_within_an_episode():
    agent = make_agent(replan_every=3)
    drive(agent, [0], 10)
    position = GOAL[None]
    agent.set_goal({"state": np.zeros((1, 2), np.float32)})
    for _ in range(20):
        position = (position + 0.1 * agent.act({"state": position})).astype(np.float32)
    assert np.linalg.norm(position) < 0.2


def test_it_says_what_is_missing():
    agent = make_agent()
    frame = {"state": np.zeros((1, 2), np.float32)}
    with pytest.raises(ValueError, match="call reset"):
        make_agent().act(frame)
    agent.reset([0])
    with pytest.raises(ValueError, match="call set_goal"):
        agent.act(frame)
    agent.set_goal(frame)
    with pytest.raises(ValueError, match="holds 2 environments, but reset gave seeds"):
        agent.act({"state": np.zeros((2, 2), np.float32)})


def test_configured_by_a_task():
    configuration = Configuration(
        planner=ICEMConfig(horizon=12),
        weights={"goal": 1.0, "effort": 0.001},
        guardrails=(DISC,),
    )
    agent = Agent.configured(
        configuration,
        world_model=ExactModel(),
        offered=lambda goal: {"goal": GoalReadout(POSITION, goal), "effort": Effort()},
    )
    track = drive(agent, [0, 1], 3)
    assert set(agent.plan.terms) == {"goal", "effort"}
    assert closest(track) > DISC.radius
    assert {
        rail.name: rail.digest for rail in agent.guardrails
    } == configuration.digests


def test_plans_begin_with_what_is_proposed_for_the_goal():
    asked = []

    def propose(dynamics, state, goal):
        asked.append((state[:, -1].clone(), goal.clone()))
        towards = (goal - state[:, -1]).clamp(-1, 1)
        return towards[:, None].expand(-1, 12, -1)

    planner = Follow(SearchConfig(horizon=12))
    by_habit = drive(make_agent(planner=planner, propose=propose), [0, 1], 20)
    assert np.linalg.norm(by_habit[:, -1] - GOAL, axis=-1).max() < 0.1
    assert len(asked) == 20
    assert np.allclose(asked[3][0], by_habit[:, 3])
    assert np.allclose(asked[3][1], GOAL)
    resting = drive(make_agent(planner=planner), [0, 1], 20)
    assert (resting == 0).all()
