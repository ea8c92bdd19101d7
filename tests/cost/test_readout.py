"""Read-outs: recover known maps, survive storage, never leak held-out rows."""

import pytest
import torch
from torch.nn.functional import linear

from telos.cost import fit_readout, identity_readout, read_out_from
from telos.cost.fitting import MlpConfig, _split

FAST = MlpConfig(steps=400, width=32)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_ridge_recovers_a_linear_map_with_shift_and_scale():
    latents = torch.randn(500, 8, generator=generator()) * 30 + 100
    matrix, bias = torch.randn(2, 8, generator=generator(1)), torch.tensor([5.0, -7.0])
    labels = linear(latents, matrix, bias)
    readout = fit_readout(
        latents, labels, name="p", unit="px", kind="linear", generator=generator()
    )
    assert readout.errors["q99"] < 0.1
    assert readout.errors["r2"] > 0.9999
    assert torch.allclose(readout.weights[0], matrix, atol=1e-2)


def test_mlp_learns_what_a_line_cannot():
    latents = torch.rand(2000, 2, generator=generator()) * 4 - 2
    labels = latents.square().sum(-1, keepdim=True)
    common = {"name": "r2", "unit": "m", "generator": generator()}
    mlp = fit_readout(latents, labels, config=FAST, **common)
    line = fit_readout(latents, labels, kind="linear", **common)
    assert mlp.errors["r2"] > 0.98 > 0.2 > line.errors["r2"]
    assert mlp.errors["q50"] <= mlp.errors["q90"] <= mlp.errors["q99"]


def test_pure_noise_has_no_held_out_skill():
    latents = torch.randn(400, 4, generator=generator(1))
    labels = torch.randn(400, 1, generator=generator(2))
    readout = fit_readout(
        latents, labels, name="n", unit="", generator=generator(), config=FAST
    )
    assert readout.errors["r2"] < 0.1


def test_constant_dimensions_do_not_divide_by_zero():
    latents = torch.cat([torch.randn(100, 1), torch.ones(100, 1)], 1)
    labels = torch.cat([latents[:, :1], torch.full((100, 1), 3.0)], 1)
    readout = fit_readout(
        latents, labels, name="p", unit="", kind="linear", generator=generator()
    )
    assert torch.allclose(readout(latents)[:, 1], torch.tensor(3.0), atol=1e-3)


def test_groups_stay_on_one_side():
    groups = torch.arange(20).repeat_interleave(5)
    train, held_out = _split(100, groups, 0.2, generator())
    assert not set(groups[train].tolist()) & set(groups[held_out].tolist())
    assert len(held_out) == 20
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(100))


def test_equal_generators_fit_equal_readouts_and_leave_the_global_state_alone():
    latents = torch.randn(200, 3, generator=generator())
    before = torch.get_rng_state()
    fits = [
        fit_readout(
            latents,
            latents[:, :1],
            name="p",
            unit="",
            generator=generator(),
            config=FAST,
        )
        for _ in range(2)
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(fits[0].weights[0], fits[1].weights[0])


def test_stored_and_rebuilt_is_the_same():
    latents = torch.randn(100, 3, generator=generator())
    readout = fit_readout(
        latents, latents[:, :2], name="p", unit="m", generator=generator(), config=FAST
    )
    again = read_out_from(readout.tensors(), readout.description())
    assert torch.equal(again(latents), readout(latents))
    assert (again.name, again.unit, again.errors) == ("p", "m", readout.errors)
    tensors = {k: v for k, v in readout.tensors().items() if k != "weight.2"}
    with pytest.raises(ValueError, match=r"weight\.2"):
        read_out_from(tensors, readout.description())


def test_a_readout_holds_nothing_to_train():
    readout = fit_readout(
        torch.randn(50, 3),
        torch.randn(50, 1),
        name="p",
        unit="",
        generator=generator(),
        config=MlpConfig(steps=2),
    )
    assert not any(tensor.requires_grad for tensor in readout.tensors().values())


def test_identity_picks_entries():
    readout = identity_readout(4, [3, 1], unit="m")
    assert readout(torch.tensor([1.0, 2.0, 3.0, 4.0])).tolist() == [4.0, 2.0]
    with pytest.raises(ValueError, match="from 0 to 3"):
        identity_readout(4, [4])


def test_latents_of_another_model_are_refused():
    with pytest.raises(ValueError, match="fitted on latents of 4 dimensions"):
        identity_readout(4, [0])(torch.zeros(2, 5))


@pytest.mark.parametrize(
    ("latents", "labels", "message"),
    [
        (torch.zeros(5, 2), torch.zeros(4, 1), "same N"),
        (torch.full((5, 2), torch.nan), torch.zeros(5, 1), "NaN"),
        (torch.zeros(1, 2), torch.zeros(1, 1), "cannot be split"),
        (torch.zeros(0, 2), torch.zeros(0, 1), "cannot be split"),
    ],
)
def test_bad_data_is_refused(latents, labels, message):
    with pytest.raises(ValueError, match=message):
        fit_readout(latents, labels, name="p", unit="", generator=generator())


def test_a_read_out_that_was_changed_is_refused():
    readout = identity_readout(3, (0, 2))
    tensors, description = readout.tensors(), readout.description()
    assert read_out_from(tensors, description).digest == readout.digest
    changed = {**tensors, "bias.0": tensors["bias.0"] + 1e-6}
    with pytest.raises(ValueError, match="was changed after it was fitted"):
        read_out_from(changed, description)
    # Runs of earlier versions stored no digest.
    read_out_from(changed, {k: v for k, v in description.items() if k != "digest"})
