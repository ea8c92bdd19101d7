"""States of patch tokens: encoding, shared scales, imagination, a world of shifts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from telos.data.actions import ActionScale
from telos.perception import BackboneConfig
from telos.types import Correction
from telos.world_model import (
    JEPA,
    JEPAConfig,
    PredictorConfig,
    fitted,
    load_world_model,
    pack_world_model,
    sized,
)
from telos.world_model.predictors.tokens import TokenPredictor
from telos.world_model.tokens import TokenHead, TokenNorm

SCALE = ActionScale(np.full(2, -1.0), np.full(2, 1.0))
STREAMS = {"pixels": (16, 24, 3), "state": (2,)}
TOKENS, DIM, CONTEXT = 7, 3, 2
"""Images of 8 x 12 after averaging have 2 x 3 patches of 4; the state is one more."""
STATE = TOKENS * DIM


def config(kind: str = "tokens", **changes: object) -> JEPAConfig:
    fields = {
        "context_dim": CONTEXT,
        "token_dim": DIM,
        "backbone": BackboneConfig(kind="vit-tokens", channels=8),
        "predictor": PredictorConfig(kind=kind, width=8, depth=2),
    }
    return fitted(JEPAConfig(**{**fields, **changes}), STREAMS, 2)


def model(kind: str = "tokens", **changes: object) -> JEPA:
    torch.manual_seed(0)
    world = JEPA(config(kind, **changes), SCALE).eval()
    return stirred(world)


def stirred(network):
    """Away from the start, at which a token predictor says that nothing changes."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return network


def observation(batch: int = 2, steps: int = 3) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(2)
    size = (batch, steps, 16, 24, 3)
    return {
        "pixels": torch.randint(0, 256, size, generator=draw, dtype=torch.uint8),
        "state": torch.randn(batch, steps, 2, generator=draw),
    }


def candidates(*shape: int) -> Tensor:
    return torch.rand(*shape, 2, generator=torch.Generator().manual_seed(3)) * 2 - 1


# --- from images to tokens


def test_a_state_has_a_token_per_patch_and_per_flat_stream() -> None:
    assert config().num_tokens == TOKENS
    assert config().state_dim == STATE
    latent = model().encode(observation())
    assert latent.shape == (2, 3, STATE + CONTEXT)
    state, _ = model().split(latent)
    tokens = model().per_token(state)
    assert tokens.shape == (2, 3, TOKENS, DIM)
    assert torch.equal(tokens.flatten(-2), state)


def test_other_states_are_one_token() -> None:
    plain = replace(sized("tiny"), streams=STREAMS)
    assert (plain.has_tokens, plain.num_tokens) == (False, 1)
    assert fitted(plain, STREAMS, 2).state_dim == plain.state_dim


def test_a_token_is_made_of_its_own_features_and_the_context_of_all() -> None:
    torch.manual_seed(0)
    head = TokenHead([(4, 5), (1, 2)], DIM, CONTEXT)
    features = torch.randn(2, 3, 22)
    before = head(features)
    assert before.shape == (2, 3, 5 * DIM + CONTEXT)
    features[..., 5:10] += 1.0  # the second token of the first stream
    moved = (head(features) != before).any(0).any(0)
    expected = torch.zeros(5 * DIM + CONTEXT, dtype=torch.bool)
    expected[DIM : 2 * DIM], expected[-CONTEXT:] = True, True
    assert torch.equal(moved, expected)


def test_tokens_of_a_stream_share_weights_and_scale() -> None:
    head = TokenHead([(4, 5)], DIM, 0)  # a world without layouts
    features = torch.randn(1, 1, 5).repeat(1, 1, 4)
    tokens = head(features).unflatten(-1, (4, DIM))
    torch.testing.assert_close(tokens, tokens[..., :1, :].expand_as(tokens))


def test_what_stands_still_is_not_blown_up() -> None:
    norm = TokenNorm([4, 1], DIM, CONTEXT, eps=1e-8).train()
    draw = torch.Generator().manual_seed(0)
    spread = torch.tensor([5.0, 1.0, 0.0, 0.0, 9.0]).repeat_interleave(DIM)
    latent = 3 + torch.randn(4096, 5 * DIM + CONTEXT, generator=draw)
    latent[:, : 5 * DIM] = 3 + spread * (latent[:, : 5 * DIM] - 3)
    result = norm(latent)
    image = result[:, : 4 * DIM].unflatten(1, (4, DIM))
    flat = image.flatten(0, 1)
    torch.testing.assert_close(flat.mean(0), torch.zeros(DIM), atol=1e-4, rtol=0)
    one = torch.ones(DIM)
    torch.testing.assert_close(flat.std(0), one, atol=1e-2, rtol=0)
    # Spreads within the stream keep their proportions, 5 : 1 : 0 : 0.
    found = image.std(0).mean(-1)
    torch.testing.assert_close(found[0] / found[1], torch.tensor(5.0), atol=0.2, rtol=0)
    assert (found[2:] < 1e-5).all()
    # Another stream, and each number of the context, has a scale of its own.
    others = result[:, 4 * DIM :].std(0)
    torch.testing.assert_close(others, torch.ones(5), atol=1e-2, rtol=0)


def test_encoding_does_not_depend_on_the_batch() -> None:
    world, seen = model(), observation(4)
    alone = world.encode({name: stream[1:2] for name, stream in seen.items()})
    torch.testing.assert_close(world.encode(seen)[1:2], alone, atol=1e-5, rtol=1e-4)


def test_a_world_without_layouts_needs_no_context() -> None:
    world = model(context_dim=0).train()
    latent = world.encode(observation(8))
    assert latent.shape == (8, 3, STATE)
    with torch.no_grad():
        assert world.eval().rollout(latent, candidates(8, 2, 3)).states.isfinite().all()


def test_sizes_of_the_dial_fit_images() -> None:
    states = []
    for size in ("tiny", "small", "base"):
        model = sized(size, "vit-tokens", "tokens")
        states.append(fitted(model, {"pixels": (64, 64, 3)}, 2).state_dim)
    assert states == [16 * 16, 64 * 16, 64 * 32]
    # A pooled transformer and other predictors keep their own sizes.
    assert sized("tiny", "vit").backbone.patch == 4
    assert sized("tiny", "vit-tokens").predictor.width == sized("tiny").predictor.width


# --- what cannot be


def test_wrong_combinations_are_refused_in_words() -> None:
    plain = replace(sized("tiny", "keypoints", "tokens"), streams=STREAMS)
    with pytest.raises(ValueError, match="state is one vector; use the backbone vit-t"):
        JEPA(plain, SCALE)
    with pytest.raises(ValueError, match=r"cuts images.*\['state'\] without images"):
        fitted(sized("tiny", "vit-tokens"), {"state": (2,)}, 2)
    with pytest.raises(ValueError, match="state_dim is 32;.* of 3, expected 21"):
        JEPA(replace(config(), state_dim=32), SCALE)
    with pytest.raises(ValueError, match="width is 10, expected a multiple of 4"):
        JEPA(config(predictor=PredictorConfig(kind="tokens", width=10)), SCALE)
    odd = fitted(replace(config(), streams={}), {"pixels": (20, 20, 3)}, 2)
    with pytest.raises(ValueError, match="patches of 4 do not tile an image of 10 x"):
        JEPA(odd, SCALE)


# --- the predictor


def predictor(tokens: int = 5, dim: int = DIM, width: int = 16) -> TokenPredictor:
    torch.manual_seed(0)
    sizes = PredictorConfig(kind="tokens", width=width, depth=2)
    return TokenPredictor(tokens * dim, CONTEXT, 2, sizes, tokens).eval()


def inputs(tokens: int = 5, batch: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return (
        torch.randn(batch, 1, tokens * DIM, generator=draw),
        torch.randn(batch, CONTEXT, generator=draw),
        torch.randn(batch, 1, 2, generator=draw),
    )


def test_it_starts_by_saying_that_nothing_changes() -> None:
    states, context, actions = inputs()
    assert torch.equal(predictor()(states, context, actions), states[:, 0])


def test_only_positions_tell_tokens_apart() -> None:
    network, (states, context, actions) = stirred(predictor()), inputs()
    order = torch.tensor([3, 0, 4, 2, 1])

    def shuffled(flat: Tensor) -> Tensor:
        return flat.unflatten(-1, (5, DIM))[..., order, :].flatten(-2)

    @torch.no_grad()
    def difference() -> float:
        expected = shuffled(network(states, context, actions))
        found = network(shuffled(states), context, actions)
        return float((found - expected).abs().max())

    assert difference() > 0.05
    with torch.no_grad():
        network.position.zero_()
    assert difference() < 1e-5


def test_every_token_hears_of_every_other_and_of_action_and_context() -> None:
    network, given = stirred(predictor()), inputs(batch=1)
    for value in given:
        value.requires_grad_()
    after = network(*given).unflatten(-1, (5, DIM))
    for token in range(5):
        states, context, actions = torch.autograd.grad(
            after[:, token].square().sum(), given, retain_graph=True
        )
        assert (states.unflatten(-1, (5, DIM)).abs().sum((0, 1, 3)) > 0).all()
        assert (context.abs() > 0).all()
        assert (actions.abs() > 0).all()


def test_a_prediction_depends_on_neither_its_batch_nor_the_past() -> None:
    network, (states, context, actions) = stirred(predictor()), inputs()
    whole = network(states, context, actions)
    alone = [
        network(states[i : i + 1], context[i : i + 1], actions[i : i + 1])
        for i in range(6)
    ]
    torch.testing.assert_close(whole, torch.cat(alone), atol=1e-5, rtol=1e-4)
    older = torch.cat([torch.randn_like(states), states], 1)
    before = torch.cat([torch.randn_like(actions), actions], 1)
    torch.testing.assert_close(network(older, context, before), whole)


# --- imagination


def step_by_step(world: JEPA, state: Tensor, actions: Tensor) -> Tensor:
    """One environment, one candidate and one step at a time: the reference."""
    result = torch.zeros(*actions.shape[:2], actions.shape[2] + 1, STATE)
    for env in range(len(actions)):
        for number in range(actions.shape[1]):
            now, context = world.split(state[env, -1:])
            result[env, number, 0] = now
            for step in range(actions.shape[2]):
                taken = actions[env, number, step].view(1, 1, 2)
                now = world.predictor(now.unsqueeze(1), context, taken)
                result[env, number, step + 1] = now
    return result


@torch.no_grad()
def test_a_rollout_is_what_step_by_step_gives() -> None:
    world, actions = model(), candidates(2, 4, 5)
    state = torch.randn(2, 3, STATE + CONTEXT)
    states = world.rollout(state, actions, futures=3).states
    assert states.shape == (2, 4, 3, 6, STATE + CONTEXT)
    expected = step_by_step(world, state, actions)
    for future in range(3):
        found = states[:, :, future]
        torch.testing.assert_close(found[..., :STATE], expected, atol=1e-5, rtol=1e-4)
        carried = state[:, -1, STATE:].view(2, 1, 1, CONTEXT).expand(2, 4, 6, CONTEXT)
        assert torch.equal(found[..., STATE:], carried)
    # Actions matter: else all of this would say little.
    assert (expected[:, 0, -1] - expected[:, 1, -1]).abs().max() > 0.05


@pytest.mark.parametrize("correction", [None, lambda states, taken: 0.1 * states.sin()])
def test_imagining_in_place_equals_imagining_with_gradients(
    correction: Correction | None,
) -> None:
    world, actions = model(), candidates(2, 4, 5).requires_grad_()
    state = torch.randn(2, 1, STATE + CONTEXT, requires_grad=True)
    slow = world.rollout(state, actions, correction=correction).states
    with torch.no_grad():
        fast = world.rollout(state, actions, correction=correction).states
    torch.testing.assert_close(fast, slow.detach(), atol=1e-5, rtol=1e-4)
    slow[..., -1, :STATE].square().sum().backward()
    assert (actions.grad.abs().sum(-1) > 0).all()
    assert (state.grad.abs() > 0).all()
    silent = [n for n, p in world.predictor.named_parameters() if p.grad is None]
    assert not silent


@torch.no_grad()
def test_the_present_is_embedded_once_for_all_candidates() -> None:
    world, rows = model(), []

    def count(_, given, __) -> None:
        rows.append(given[0].shape[:-1].numel() // TOKENS)

    world.predictor.embed.register_forward_hook(count)
    world.rollout(torch.randn(2, 1, STATE + CONTEXT), candidates(2, 6, 3))
    assert rows == [2, 12, 12]


@torch.no_grad()
def test_a_rollout_depends_on_neither_batch_nor_other_candidates() -> None:
    world, actions = model(), candidates(2, 4, 5)
    state = torch.randn(2, 1, STATE + CONTEXT)
    whole = world.rollout(state, actions).states
    order = torch.tensor([2, 0, 3, 1])
    shuffled = world.rollout(state, actions[:, order]).states
    torch.testing.assert_close(shuffled, whole[:, order], atol=1e-5, rtol=1e-4)
    part = world.rollout(state[1:], actions[1:, :1]).states
    torch.testing.assert_close(part, whole[1:, :1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["tokens", "mixture", "transformer"])
def test_storing_and_restoring_is_exact(kind: str) -> None:
    world = model(kind, history=2).train()
    world.encode(observation(8, 4))  # moves the running statistics
    tensors, description = pack_world_model(world.eval())
    again = load_world_model(tensors, description)
    assert again.config == world.config
    stored = again.state_dict()
    assert all(torch.equal(stored[k], v) for k, v in world.state_dict().items())
    latent, actions = torch.randn(3, STATE + CONTEXT), candidates(3, 6)
    with torch.no_grad():
        seen = observation()
        # Equal weights at another address may round differently.
        torch.testing.assert_close(again.encode(seen), world.encode(seen))
        imagined = world.imagine(latent, actions)
        torch.testing.assert_close(again.imagine(latent, actions), imagined)


def test_models_from_before_there_were_tokens_still_load() -> None:
    torch.manual_seed(0)
    plain = fitted(sized("tiny", "vit"), {"pixels": (16, 16, 3)}, 2)
    world = JEPA(plain, SCALE).eval()
    tensors, description = pack_world_model(world)
    del description["config"]["token_dim"]
    del description["config"]["backbone"]["patch"]
    again = load_world_model(tensors, description)
    seen = {"pixels": observation()["pixels"][..., :16, :]}
    with torch.no_grad():
        torch.testing.assert_close(again.encode(seen), world.encode(seen))


# --- a world of shifts


def shifts(count: int, tokens: int, draw: torch.Generator) -> tuple[Tensor, ...]:
    """A ring of tokens, one of them lit; it moves to the neighbour that the action
    says, or stays. Another number of each token never changes."""
    place = torch.randint(tokens, (count,), generator=draw)
    move = torch.randint(-1, 2, (count,), generator=draw)
    still = torch.randn(count, tokens, generator=draw)

    def frame(at: Tensor) -> Tensor:
        lit = 2.0 * torch.nn.functional.one_hot(at % tokens, tokens)
        return torch.stack([lit, still], -1).flatten(1)

    actions = torch.stack([move.float(), torch.zeros(count)], -1)
    return frame(place).unsqueeze(1), actions.unsqueeze(1), frame(place + move)


def learned_error(shuffled: bool, steps: int = 60) -> tuple[float, float]:
    """Errors of the prediction and of saying that nothing changes, in unseen states."""
    torch.manual_seed(0)
    tokens, draw = 6, torch.Generator().manual_seed(0)
    sizes = PredictorConfig(kind="tokens", width=32, depth=1)
    network = TokenPredictor(2 * tokens, 0, 2, sizes, tokens)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    nothing = torch.zeros(128, 0)
    for _ in range(steps):
        states, actions, after = shifts(128, tokens, draw)
        told = actions.roll(1, dims=0) if shuffled else actions
        loss = network.mismatch(states, nothing, told, after)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    states, actions, after = shifts(128, tokens, draw)
    with torch.no_grad():
        error = network.mismatch(states, nothing, actions, after)
    return float(error), float((states[:, 0] - after).square().mean())


def test_a_world_of_shifts_is_learned_and_only_from_true_actions() -> None:
    error, persistence = learned_error(shuffled=False)
    control, _ = learned_error(shuffled=True)
    assert error < 0.1 * persistence
    assert control > 0.4 * persistence
