"""The memory of refuted predictions: what it keeps and how far it reaches."""

from __future__ import annotations

import pytest
import torch

from telos.actor import Shield
from telos.cost import Bound, identity_readout
from telos.memory import BothBeliefs, CorrectedDynamics, Corrections, MemoryConfig
from telos.memory.corrections import SHARPER
from telos.types import Correction, Trajectory

CONFIG = MemoryConfig(typical_change=1.0, capacity=4)


class Drift:
    """Believes that the action is the displacement; there are no walls in its mind."""

    def rollout(
        self,
        state: torch.Tensor,
        actions: torch.Tensor,
        futures: int = 1,
        generator: torch.Generator | None = None,
        correction: Correction | None = None,
    ) -> Trajectory:
        now = state[:, -1:].expand(-1, actions.shape[1], -1)
        states = [now]
        for step in range(actions.shape[2]):
            taken = actions[:, :, step]
            after = now + taken
            if correction is not None:
                moved = correction(now.flatten(0, 1), taken.flatten(0, 1))
                after = after + moved.view(now.shape)
            states.append(now := after)
        return Trajectory(states=torch.stack(states, 2)[:, :, None], actions=actions)


def remembering(num_envs: int = 1, config: MemoryConfig = CONFIG) -> CorrectedDynamics:
    memory = CorrectedDynamics(Drift(), Corrections(config, 2, 2))
    memory.reset(num_envs)
    return memory


def vectors(*values: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(values)


def bump(memory: CorrectedDynamics, where: torch.Tensor, action: torch.Tensor) -> None:
    """The agent pushed and did not move."""
    memory.observe(where[:, None], action, where[:, None])


RIGHT, LEFT = vectors((1.0, 0.0)), vectors((-1.0, 0.0))
HERE, FAR = vectors((0.0, 0.0)), vectors((30.0, 0.0))


def end_of(memory: CorrectedDynamics, start: torch.Tensor, action: torch.Tensor):
    return memory.rollout(start[:, None], action[:, None, None]).states[:, 0, 0, -1]


def test_without_a_surprise_nothing_is_corrected() -> None:
    memory = remembering()
    surprised = memory.observe(HERE[:, None], RIGHT, (HERE + RIGHT)[:, None])
    assert not surprised.any()
    assert memory.corrections.is_empty
    torch.testing.assert_close(end_of(memory, HERE, RIGHT), HERE + RIGHT)


def test_a_refuted_future_is_not_believed_again() -> None:
    memory = remembering()
    bump(memory, HERE, RIGHT)
    torch.testing.assert_close(end_of(memory, HERE, RIGHT), HERE)


def test_elsewhere_and_for_other_actions_the_model_is_believed() -> None:
    memory = remembering()
    bump(memory, HERE, RIGHT)
    torch.testing.assert_close(end_of(memory, FAR, RIGHT), FAR + RIGHT)
    torch.testing.assert_close(
        end_of(memory, HERE, LEFT), HERE + LEFT, atol=0.03, rtol=0
    )


def test_the_correction_fades_with_distance() -> None:
    memory = remembering()
    bump(memory, HERE, RIGHT)
    left_over = [
        float(end_of(memory, vectors((x, 0.0)), RIGHT)[0, 0]) - x
        for x in (0.0, 1.0, 2.0, 4.0, 8.0)
    ]
    assert left_over == sorted(left_over)
    assert left_over[-1] > 0.99


def test_many_misses_of_other_actions_do_not_paralyse() -> None:
    memory = remembering(config=MemoryConfig(typical_change=1.0))
    for _ in range(20):
        bump(memory, HERE, RIGHT)
    back = end_of(memory, HERE, LEFT)
    torch.testing.assert_close(back, HERE + LEFT, atol=0.03, rtol=0)


def test_experience_refutes_a_memory_that_reaches_too_far() -> None:
    """Beside the post that was bumped into the way is open, as the model says."""
    memory, beside = remembering(), vectors((0.0, 1.0))
    bump(memory, HERE, RIGHT)
    held_back = end_of(memory, beside, RIGHT)[0, 0]
    assert held_back < 0.5, "the control: the memory reaches here, and is wrong"
    memory.observe(beside[:, None], RIGHT, (beside + RIGHT)[:, None])
    assert end_of(memory, beside, RIGHT)[0, 0] > 0.7
    assert end_of(memory, HERE, RIGHT)[0, 0] < 0.3, "the bump is not forgotten"


def test_what_is_remembered_well_takes_no_more_room() -> None:
    memory = remembering()
    for _ in range(3):
        bump(memory, HERE, RIGHT)
    assert int(memory.corrections.count[0]) == 1


def test_a_small_miss_of_a_small_step_counts_and_a_flicker_does_not() -> None:
    memory = remembering()
    creep = 0.2 * RIGHT
    bump(memory, HERE, creep)
    assert not memory.corrections.is_empty
    calm = remembering()
    calm.observe(HERE[:, None], 0.0 * RIGHT, (HERE + 0.05)[:, None])
    assert calm.corrections.is_empty


def test_environments_do_not_share_what_they_remember() -> None:
    memory = remembering(2)
    both, pushed = HERE.repeat(2, 1), RIGHT.repeat(2, 1)
    after = torch.cat([HERE, HERE + RIGHT])
    surprised = memory.observe(both[:, None], pushed, after[:, None])
    assert surprised.tolist() == [True, False]
    torch.testing.assert_close(end_of(memory, both, pushed), after)


def test_the_oldest_miss_makes_room_for_the_newest() -> None:
    memory = remembering()
    places = [vectors((20.0 * i, 0.0)) for i in range(CONFIG.capacity + 1)]
    for place in places:
        bump(memory, place, RIGHT)
    torch.testing.assert_close(end_of(memory, places[-1], RIGHT), places[-1])
    torch.testing.assert_close(end_of(memory, places[1], RIGHT), places[1])
    torch.testing.assert_close(end_of(memory, places[0], RIGHT), places[0] + RIGHT)


def test_a_new_episode_starts_without_memories() -> None:
    memory = remembering()
    bump(memory, HERE, RIGHT)
    memory.reset(1)
    torch.testing.assert_close(end_of(memory, HERE, RIGHT), HERE + RIGHT)


def test_memory_does_not_learn_from_its_own_corrections() -> None:
    memory = remembering()
    for _ in range(3):
        bump(memory, HERE, RIGHT)
    torch.testing.assert_close(end_of(memory, HERE, RIGHT), HERE)


@pytest.mark.parametrize("candidates", [1, 3])
def test_rows_of_candidates_belong_to_their_environment(candidates: int) -> None:
    memory = remembering(2)
    both, pushed = torch.cat([HERE, FAR]), RIGHT.repeat(2, 1)
    memory.observe(both[:, None], pushed, torch.cat([HERE, FAR + RIGHT])[:, None])
    actions = pushed[:, None, None].expand(-1, candidates, 2, -1)
    end = memory.rollout(both[:, None], actions).states[:, :, 0, -1]
    torch.testing.assert_close(end[1], (FAR + 2 * RIGHT).expand(candidates, -1))
    assert (end[0, :, 0] < 0.6).all()


def slow_correction(
    config: MemoryConfig,
    memories: list[tuple[torch.Tensor, ...]],
    state: torch.Tensor,
    action: torch.Tensor,
) -> torch.Tensor:
    """The formula for one query, term by term, in double precision."""
    nearness = []
    for where, taken, _ in memories:
        states = (state - where).double().norm() / config.typical_change
        actions = (action - taken).double().norm() / config.action_reach
        nearness.append(-0.5 * ((states / config.state_reach) ** 2 + actions**2))
    weights = torch.stack([(SHARPER * x).exp() for x in nearness])
    misses = torch.stack([miss.double() for *_, miss in memories])
    mean = (weights[:, None] * misses).sum(0) / weights.sum()
    return max(nearness).exp() * mean


@pytest.mark.parametrize("surprises", [1, 3, 6])
def test_corrections_are_the_formula(surprises: int) -> None:
    """Also where old memories were overwritten, and of an environment with fewer."""
    draw = torch.Generator().manual_seed(surprises)
    config = MemoryConfig(typical_change=1.3, capacity=4)
    memory = Corrections(config, 3, 2)
    memory.reset(2)
    kept: list[list[tuple[torch.Tensor, ...]]] = [[], []]
    for number in range(surprises):
        # Far from the origin: squares of coordinates would drown the distances.
        state = 20 + torch.randn(2, 3, generator=draw)
        action = torch.rand(2, 2, generator=draw) * 2 - 1
        miss = 5 + torch.randn(2, 3, generator=draw)
        predicted = state + 0.1
        observed = predicted + miss
        observed[1] = predicted[1] if number else observed[1]
        known = [
            slow_correction(config, kept[env], state[env], action[env])
            if kept[env] else torch.zeros(3) for env in range(2)
        ]  # fmt: skip
        surprised = memory.record(state, action, predicted, observed)
        for env in range(2):
            truth = observed[env] - predicted[env]
            change = max(
                (observed[env] - state[env]).norm(),
                (predicted[env] + known[env] - state[env]).norm(),
            )
            least = max(config.surprise * change, config.noise * 1.3)
            assert bool(surprised[env]) == bool((truth - known[env]).norm() > least)
            if surprised[env]:
                kept[env] = [*kept[env], (state[env], action[env], truth)][-4:]
    queries = 20 + torch.randn(2, 5, 3, generator=draw)
    taken = torch.rand(2, 5, 2, generator=draw) * 2 - 1
    found = memory.correct(queries.flatten(0, 1), taken.flatten(0, 1)).view(2, 5, 3)
    for env in range(2):
        for row in range(5):
            expected = slow_correction(
                config, kept[env], queries[env, row], taken[env, row]
            )
            torch.testing.assert_close(
                found[env, row].double(), expected, atol=1e-5, rtol=2e-3
            )


def test_who_remembers_nothing_is_not_corrected_by_a_batch_that_does() -> None:
    memory = remembering(2)
    both, pushed = HERE.repeat(2, 1), RIGHT.repeat(2, 1)
    memory.observe(both[:, None], pushed, torch.cat([HERE, HERE + RIGHT])[:, None])
    found = memory.corrections.correct(both, pushed)
    assert torch.equal(found[1], torch.zeros(2))
    assert found[0].norm() > 0.9, "the control"


def test_a_memory_cannot_talk_a_guardrail_away() -> None:
    """It believes in a wall between the agent and the edge; the model does not."""
    memory = remembering()
    bump(memory, HERE, RIGHT)
    edge = Bound(readout=identity_readout(2, [0], unit="m"), high=0.5)
    state = HERE[:, None]
    fooled = Shield(dynamics=memory, guardrails=[edge], horizon=1)
    assert fooled.certify(state, RIGHT).status == ("certified",), "the control"
    careful = Shield(
        dynamics=BothBeliefs(Drift(), memory), guardrails=[edge], horizon=1
    )
    assert careful.certify(state, RIGHT).status == ("backup",)
    assert careful.certify(state, LEFT).status == ("certified",)


def test_what_only_the_memory_knows_to_be_unsafe_is_unsafe() -> None:
    memory = remembering()
    memory.observe(HERE[:, None], RIGHT, (HERE + 2 * RIGHT)[:, None])
    edge = Bound(readout=identity_readout(2, [0], unit="m"), high=1.5)
    for believed in (memory, BothBeliefs(Drift(), memory)):
        shield = Shield(dynamics=believed, guardrails=[edge], horizon=1)
        assert shield.certify(HERE[:, None], RIGHT).status == ("backup",)
    plain = Shield(dynamics=Drift(), guardrails=[edge], horizon=1)
    assert plain.certify(HERE[:, None], RIGHT).status == ("certified",), "the control"
