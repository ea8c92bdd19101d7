"""The world model: encode, imagine, roll out, energy, store and restore."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from telos.data.actions import ActionScale
from telos.perception import BackboneConfig
from telos.types import Correction, Dynamics, Encoder, Window
from telos.world_model import (
    JEPA,
    JEPAConfig,
    PredictorConfig,
    load_world_model,
    pack_world_model,
    sized,
)

KINDS = ("mixture", "residual", "recurrent", "transformer")
SCALE = ActionScale(np.array([-2.0, -1.0]), np.array([2.0, 3.0]))


def config(kind: str = "residual", **changes: object) -> JEPAConfig:
    fields = {
        "streams": {"pixels": (16, 16, 3), "state": (2,)},
        "action_dim": 2,
        "state_dim": 3,
        "context_dim": 2,
        "backbone": BackboneConfig(channels=4, width=16),
        "predictor": PredictorConfig(kind=kind, width=16, depth=1),
    }
    return JEPAConfig(**{**fields, **changes})


def model(kind: str = "residual", **changes: object) -> JEPA:
    torch.manual_seed(0)
    return JEPA(config(kind, **changes), SCALE).eval()


def observation(batch: int = 2, steps: int = 3) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    size = (batch, steps, 16, 16, 3)
    return {
        "pixels": torch.randint(0, 256, size, generator=draw, dtype=torch.uint8),
        "state": torch.randn(batch, steps, 2, generator=draw),
    }


def candidates(*shape: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(3)
    return torch.rand(*shape, 2, generator=draw) * 2 - 1


def test_it_is_an_encoder_and_a_dynamics() -> None:
    assert isinstance(model(), Encoder)
    assert isinstance(model(), Dynamics)


def test_encoding_stored_frames_equals_encoding_prepared_ones() -> None:
    world, seen = model(), observation()
    latent = world.encode(seen)
    assert latent.shape == (2, 3, 5)
    prepared = world.prepare(seen)
    assert prepared["pixels"].shape == (2, 3, 8, 8, 3)
    torch.testing.assert_close(world.encode_prepared(prepared), latent)


def test_encoding_does_not_depend_on_the_batch() -> None:
    world, seen = model(), observation()
    alone = world.encode({name: value[1:] for name, value in seen.items()})
    torch.testing.assert_close(world.encode(seen)[1:], alone, atol=1e-5, rtol=1e-4)


def test_state_and_context_are_the_two_parts_of_a_latent() -> None:
    state, context = model().split(torch.arange(5.0))
    assert state.tolist() == [0, 1, 2]
    assert context.tolist() == [3, 4]


def test_latents_have_unit_variance_over_a_training_batch() -> None:
    world = model().train()
    latent = world.encode(observation(16, 4)).flatten(0, 1)
    torch.testing.assert_close(latent.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    variance = latent.var(0, unbiased=False)
    torch.testing.assert_close(variance, torch.ones(5), atol=1e-2, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_plan_starts_like_its_beginning(kind: str) -> None:
    world, actions = model(kind), candidates(4, 6)
    latent = torch.randn(4, 5, generator=torch.Generator().manual_seed(4))
    whole = world.imagine(latent, actions)
    assert whole.shape == (4, 7, 3)
    torch.testing.assert_close(whole[:, 0], latent[:, :3])
    for steps in (1, 3, 5):
        part = world.imagine(latent, actions[:, :steps])
        torch.testing.assert_close(whole[:, : steps + 1], part)


@pytest.mark.parametrize("kind", ["residual", "recurrent"])
def test_imagining_step_by_step_gives_the_same(kind: str) -> None:
    world, actions = model(kind), candidates(4, 5)
    latent = torch.randn(4, 5)
    whole = world.imagine(latent, actions)
    now = latent
    for step in range(5):
        moved = world.imagine(now, actions[:, step : step + 1])[:, 1]
        torch.testing.assert_close(moved, whole[:, step + 1])
        now = torch.cat([moved, latent[:, 3:]], -1)


@pytest.mark.parametrize("kind", KINDS)
def test_rollout_is_imagining_every_candidate(kind: str) -> None:
    world, actions = model(kind), candidates(2, 4, 5)
    state = torch.randn(2, 3, 5)
    trajectory = world.rollout(state, actions, futures=2)
    assert trajectory.states.shape == (2, 4, 2, 6, 5)
    assert trajectory.actions is actions
    for env in range(2):
        now = state[env, -1].expand(4, -1)
        imagined = world.imagine(now, actions[env])
        for future in range(2):
            result = trajectory.states[env, :, future]
            torch.testing.assert_close(result[..., :3], imagined)
            carried = state[env, -1, 3:].expand(4, 6, -1)
            assert torch.equal(result[..., 3:], carried)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollout_depends_on_neither_batch_nor_other_candidates(kind: str) -> None:
    world, actions, state = model(kind), candidates(2, 4, 5), torch.randn(2, 1, 5)
    whole = world.rollout(state, actions).states
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(
        world.rollout(state, actions[:, order]).states, whole[:, order]
    )
    torch.testing.assert_close(
        world.rollout(state[1:], actions[1:, :1]).states, whole[1:, :1]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_correction_says_is_added_to_every_step(kind: str) -> None:
    network = model(kind)
    latent, actions = network.encode(observation())[:, 0], candidates(2, 3)
    seen = []

    def correction(states: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
        seen.append((states, taken))
        return torch.ones_like(states)

    moved = network.imagine(latent, actions, correction)
    plain = network.imagine(latent, actions)
    torch.testing.assert_close(moved[:, 1], plain[:, 1] + 1)
    for step, (states, taken) in enumerate(seen):
        torch.testing.assert_close(states, moved[:, step])
        torch.testing.assert_close(taken, actions[:, step])
    assert len(seen) == 3


def pull(states: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
    """A correction that depends on where and what."""
    return 0.3 * torch.sin(states) + 0.1 * taken.sum(-1, keepdim=True)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("correction", [None, pull])
@pytest.mark.parametrize("kind", KINDS)
def test_imagining_in_place_equals_imagining_with_gradients(
    kind: str, correction: Correction | None, training: bool
) -> None:
    """The slow way, a tensor per step, is the reference of the fast one."""
    world, actions = model(kind, context_dim=3).train(training), candidates(2, 4, 7)
    state = torch.randn(2, 2, 6, generator=torch.Generator().manual_seed(5))
    with torch.enable_grad():
        slow = world.rollout(state, actions, correction=correction).states
    with torch.no_grad():
        fast = world.rollout(state, actions, correction=correction).states
        imagined = world.imagine(state[0, -1:], actions[0, :1], correction)
    assert slow.requires_grad
    assert not fast.requires_grad
    torch.testing.assert_close(fast, slow.detach(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(imagined[0], fast[0, 0, 0, :, :3], atol=1e-5, rtol=1e-4)


def test_what_was_imagined_without_gradients_may_have_one_later() -> None:
    world = model("mixture")
    with torch.no_grad():
        states = world.rollout(torch.randn(1, 1, 5), candidates(1, 2, 3)).states
    weight = torch.ones(5, requires_grad=True)
    (states * weight).sum().backward()
    torch.testing.assert_close(weight.grad, states.sum((0, 1, 2, 3)))
    states += 1.0  # an ordinary tensor, which its owner may change


@pytest.mark.parametrize("kind", ["residual", "recurrent", "transformer"])
def test_the_mismatch_of_one_outcome_is_its_squared_error(kind: str) -> None:
    network = model(kind)
    latent, actions = network.encode(observation(3, 5)), candidates(3, 4)
    states, _ = network.split(latent)
    error = network.imagine(latent[:, 0], actions)[:, 1:] - states[:, 1:]
    torch.testing.assert_close(network.mismatch(latent, actions), error.square().mean())


def test_energy_is_the_squared_error_of_one_step() -> None:
    world, seen, actions = model(), observation(2, 4), candidates(2, 3)
    window = Window(observations=seen, actions=actions, episodes=torch.zeros(2))
    energy, latent = world.energy(window), world.encode(seen)
    assert energy.shape == (2, 3)
    for env in range(2):
        for step in range(3):
            now, action = latent[env, step][None], actions[env, step][None, None]
            error = world.imagine(now, action)[0, 1] - latent[env, step + 1, :3]
            expected = error.square().mean()
            torch.testing.assert_close(energy[env, step], expected)


def test_wrong_shapes_are_refused() -> None:
    world = model()
    with pytest.raises(ValueError, match="2 states but 3 sets of candidates"):
        world.rollout(torch.zeros(2, 1, 5), torch.zeros(3, 1, 4, 2))
    with pytest.raises(ValueError, match="actions have 3 dimensions.* with 2"):
        world.rollout(torch.zeros(2, 1, 5), torch.zeros(2, 1, 4, 3))
    seen = observation() | {"state": torch.zeros(2, 3, 4)}
    with pytest.raises(ValueError, match=r"stream 'state'.*\(4,\).*\(2,\)"):
        world.encode(seen)
    with pytest.raises(ValueError, match="15 x 16 cannot be averaged in blocks of 2"):
        model(streams={"pixels": (15, 16, 3)})


@pytest.mark.parametrize("kind", KINDS)
def test_storing_and_restoring_is_exact(kind: str) -> None:
    world = model(kind, history=2).train()
    world.encode(observation(8, 4))  # moves the running statistics
    tensors, description = pack_world_model(world.eval())
    again = load_world_model(tensors, description)
    assert again.config == world.config
    assert again.action_scale.low.tolist() == [-2, -1]
    assert not again.training
    latent, actions = torch.randn(3, 5), candidates(3, 6)
    # With gradients, attention takes another path that rounds differently.
    with torch.no_grad():
        assert torch.equal(again.encode(observation()), world.encode(observation()))
        imagined = world.imagine(latent, actions)
        assert torch.equal(again.imagine(latent, actions), imagined)


def test_tensors_that_do_not_fit_are_refused() -> None:
    tensors, description = pack_world_model(model())
    missing = dict(tensors)
    missing.pop("world_model/head.weight")
    with pytest.raises(ValueError, match="does not fit its own (?s:.)*head.weight"):
        load_world_model(missing, description)
    _, other = pack_world_model(model(state_dim=4))
    with pytest.raises(ValueError, match="does not fit its own configuration"):
        load_world_model(tensors, other)


def test_sizes_grow_and_unknown_ones_are_refused() -> None:
    dims = [sized(size).latent_dim for size in ("tiny", "small", "base")]
    assert dims == sorted(set(dims))
    with pytest.raises(ValueError, match="'huge' is unknown; choose one of"):
        sized("huge")


def test_a_world_without_layouts_needs_no_context() -> None:
    torch.manual_seed(0)
    world = JEPA(replace(config(), context_dim=0), SCALE).eval()
    states = world.rollout(world.encode(observation()), candidates(2, 2, 3)).states
    assert states.shape == (2, 2, 1, 4, 3)


def drawn_futures(world: JEPA, state: torch.Tensor, actions: torch.Tensor, k: int = 6):
    with torch.no_grad():
        luck = torch.Generator().manual_seed(5)
        return world.rollout(state, actions, futures=k, generator=luck).states


def undecided(kind: str = "mixture") -> JEPA:
    """A model that finds all of its outcomes about equally likely."""
    world = model(kind)
    torch.nn.init.normal_(world.predictor.change.weight, std=1.0)
    torch.nn.init.zeros_(world.predictor.likelihood.weight)
    return world


def test_the_first_of_many_futures_is_the_one_imagined_alone() -> None:
    world, actions, state = undecided(), candidates(2, 4, 5), torch.randn(2, 1, 5)
    futures = drawn_futures(world, state, actions)
    assert futures.shape == (2, 4, 6, 6, 5)
    with torch.no_grad():
        alone = world.rollout(state, actions).states[:, :, 0]
    torch.testing.assert_close(futures[:, :, 0], alone)
    assert (futures[:, :, 1:] - futures[:, :, :1]).abs().amax((-1, -2)).gt(0.1).any()
    assert torch.equal(
        futures[..., 3:], state[:, :, None, None, 3:].expand(2, 4, 6, 6, 2)
    )


def test_all_candidates_and_environments_face_the_same_futures() -> None:
    world, actions, state = undecided(), candidates(3, 4, 5), torch.randn(3, 1, 5)
    whole = drawn_futures(world, state, actions)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = drawn_futures(world, state, actions[:, order])
    torch.testing.assert_close(shuffled, whole[:, order])
    one = drawn_futures(world, state[1:2], actions[1:2, :2])
    torch.testing.assert_close(one, whole[1:2, :2])
    # The first of many futures are those of a few.
    twice = torch.cat([actions[:1, :1]] * 2, dim=1)
    same = drawn_futures(world, state[:1], twice)
    torch.testing.assert_close(same[:, 0], same[:, 1])


def test_a_memory_corrects_every_future() -> None:
    world, actions, state = undecided(), candidates(2, 3, 4), torch.randn(2, 1, 5)
    far = torch.full((3,), 10.0)

    def moved(states: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
        assert len(states) == 2 * 3 * 6
        return far.expand_as(states)

    with torch.no_grad():
        luck = torch.Generator().manual_seed(5)
        states = world.rollout(
            state, actions, futures=6, generator=luck, correction=moved
        ).states
    assert (states[..., 1, :3] - states[..., 0, :3]).mean() > 5


@pytest.mark.parametrize("kind", ["residual", "recurrent", "transformer"])
def test_who_knows_one_outcome_has_one_future(kind: str) -> None:
    futures = drawn_futures(model(kind), torch.randn(2, 1, 5), candidates(2, 4, 5))
    assert torch.equal(futures, futures[:, :, :1].expand_as(futures))
