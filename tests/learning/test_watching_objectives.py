"""What every objective promises: it undoes collapse, and keeps its other claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from telos.config import from_dict, to_dict
from telos.learning.diagnostics import effective_rank
from telos.learning.objectives import (
    OBJECTIVES,
    Objective,
    ObjectiveConfig,
    Views,
    build_objective,
    objective_config,
)
from telos.learning.objectives.config import STATISTICAL

N, D, CLIPS = 128, 16, 8
IMAGE = (8, 8, 3)
PICTURES = ("pixels", "masked-pixels", "discrete")
TAUGHT = ("byol", "simsiam", "dino", "jepa-ema", "v-jepa", "frozen-teacher")
REGULARISED = ("vicreg", "logdet", "coding-rate", "sigreg", "visreg")
SEE_SCALE = ("vicreg", "logdet", "sigreg", "visreg")
"""The others compare directions or correlations, whatever their scale."""


def sample(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def built(kind: str, **changes: Any) -> Objective:
    """Small enough for a test, with random networks that do not change."""
    torch.manual_seed(0)
    small = {"slices": 32, "sub_batch": 64, "codes": 12, "prototypes": 32}
    config = objective_config(kind, **{**small, **changes})
    objective = build_objective(config, D, IMAGE)
    objective.fit(pictures(seed=3), torch.Generator().manual_seed(0))
    return objective


def pictures(seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(N, *IMAGE, generator=draw)


def seen(
    z: Tensor, predicted: Tensor | None = None, clips: Tensor | None = None, **more: Any
) -> Views:
    own = torch.arange(len(z)) // CLIPS if clips is None else clips
    given: dict[str, Any] = {
        "predicted": z if predicted is None else predicted,
        "target": z,
        "latents": z,
        "clips": own,
        "predicted_clips": own,
        "pixels": pictures()[: len(z)] if len(z) <= N else None,
    }
    return Views(**{**given, **more})


def loss_of(objective: Objective, views: Views, seed: int = 0) -> Tensor:
    return objective(views, torch.Generator().manual_seed(seed))[0]


# --- collapse is undone


def on_a_line() -> Tensor:
    """Rank one and a trace of noise; each dimension alone looks fine."""
    return sample(N, 1) * torch.ones(D) + sample(N, D, seed=1, scale=1e-3)


def at_a_point() -> Tensor:
    """One common vector; what is left beside it is small, and nearly on a line."""
    line = sample(N, 1, seed=2) * torch.ones(D)
    return sample(1, D, seed=3) + 1e-3 * (line + 0.1 * sample(N, D, seed=4))


def minimised(kind: str, start: Tensor, steps: int = 200, **changes: Any) -> Tensor:
    """What Adam makes of free latents under the regulariser alone.

    Where the second view is what spreads them, it is the first one with a tenth of
    noise; where there is a weight for predictions apart, it is zero.
    """
    alone = {"prediction": 0.0} if kind in REGULARISED else {}
    objective = built(kind, **{**alone, **changes})
    z = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([z], 0.04)
    draw = torch.Generator().manual_seed(5)
    for _ in range(steps):
        optimiser.zero_grad()
        noise = torch.randn(z.shape, generator=draw) * z.detach().std(0).mean()
        loss, _ = objective(seen(z, z + 0.1 * noise), draw)
        loss.backward()
        optimiser.step()
    return z.detach()


@pytest.mark.parametrize("kind", STATISTICAL)
def test_latents_on_a_line_fill_the_space_again(kind: str) -> None:
    assert effective_rank(on_a_line()) < 1.1
    found = effective_rank(minimised(kind, on_a_line()))
    # A tenth of a percent of the identity is all that whitening starts from.
    assert found > (0.65 if kind == "whitening" else 0.8) * D


@pytest.mark.parametrize("kind", STATISTICAL)
def test_latents_at_a_point_spread_again(kind: str) -> None:
    start = at_a_point()
    assert effective_rank(start) < 6
    assert float(start.std(0).max()) < 2e-3
    found = minimised(kind, start)
    assert effective_rank(found) > 0.7 * D
    if kind in SEE_SCALE:
        assert float(found.std(0).mean()) > 0.5


def test_a_rate_with_the_wrong_sign_does_not_pass() -> None:
    """The control: a released library minimised what it should have maximised."""
    wrong = minimised("coding-rate", on_a_line(), regulariser=-0.5)
    assert effective_rank(wrong) < 2


@pytest.mark.parametrize("kind", STATISTICAL)
def test_within_clips_a_layout_is_no_way_out(kind: str) -> None:
    """Latents that say which clip they are of; what moves, moves on a line."""
    layout = sample(N // CLIPS, D, seed=6).repeat_interleave(CLIPS, 0)
    line = sample(N, 1, seed=7) * torch.ones(D) + 0.01 * sample(N, D, seed=4)
    start = layout + 0.1 * line
    assert effective_rank(start) > 0.6 * D
    found = minimised(kind, start, within_clip=True)
    within = residuals(found)
    assert effective_rank(residuals(start)) < 2
    assert effective_rank(within) > 0.65 * D
    if kind in SEE_SCALE:
        assert float(within.std(0).mean()) > 0.5


def residuals(z: Tensor) -> Tensor:
    clip = z.unflatten(0, (-1, CLIPS))
    return (clip - clip.mean(1, keepdim=True)).flatten(0, 1)


def test_without_it_the_layout_satisfies_vicreg() -> None:
    layout = sample(256, D, seed=6).repeat_interleave(CLIPS, 0)
    layout = (layout - layout.mean(0)) / layout.std(0)
    views = seen(layout)
    _, plain = built("vicreg")(views, torch.Generator())
    _, within = built("vicreg", within_clip=True)(views, torch.Generator())
    assert float(plain["variance"]) < 0.001
    assert float(within["variance"]) > 0.98


# --- laws


@pytest.mark.parametrize("kind", ["vicreg", "sigreg", "visreg"])
def test_a_normal_sample_stays_one(kind: str) -> None:
    found = minimised(kind, sample(512, D), steps=60)
    # The hinge of vicreg pushes past 1 and lets go there.
    most = 1.3 if kind == "vicreg" else 1.15
    assert 0.9 < float(found.std(0).min()) <= float(found.std(0).max()) < most
    assert float(found.mean(0).abs().max()) < 0.15
    assert effective_rank(found) > 0.98 * D


@pytest.mark.parametrize("kind", ["sigreg", "visreg"])
def test_a_wide_sample_shrinks_to_one(kind: str) -> None:
    found = minimised(kind, 2 * sample(256, D) + 0.5)
    assert float(found.std(0).mean()) == pytest.approx(1, abs=0.2)
    assert float(found.mean(0).abs().max()) < 0.2


def test_the_hinge_of_vicreg_leaves_a_wide_sample_wide() -> None:
    start = 3 * sample(2048, D)
    found = minimised("vicreg", start, steps=20, covariance=0.0)
    torch.testing.assert_close(found, start)


ROTATION: dict[str, bool] = {
    "vicreg": False,
    "logdet": True,
    "coding-rate": True,
    "visreg": False,
    "barlow": False,
    "whitening": False,
    "mmcr": True,
    "byol": True,
    "simsiam": True,
    "jepa-ema": False,
    "v-jepa": False,
    "frozen-teacher": False,
    "infonce": True,
}
"""Whether a rotation of all latents leaves the value as it is."""


def stretched(seed: int = 0) -> Tensor:
    """Latents of unequal variances, about a point that is not the origin."""
    return sample(N, D, seed=seed) * torch.linspace(0.2, 2, D) + 0.5


@pytest.mark.parametrize(("kind", "invariant"), ROTATION.items())
def test_rotations_change_what_they_may(kind: str, invariant: bool) -> None:
    z, turn = stretched(), torch.linalg.qr(sample(D, D, seed=9))[0]
    other = z + 0.3 * sample(N, D, seed=8)
    objective = built(kind)
    before = float(loss_of(objective, seen(z, other)))
    after = float(loss_of(objective, seen(z @ turn, other @ turn)))
    same = after == pytest.approx(before, rel=1e-3)
    assert same is invariant


def test_sigreg_forgets_a_rotation_up_to_its_directions() -> None:
    z, turn = stretched(), torch.linalg.qr(sample(D, D, seed=9))[0]
    objective = built("sigreg", prediction=0.0, slices=4096)
    before, after = loss_of(objective, seen(z)), loss_of(objective, seen(z @ turn))
    assert float(after) == pytest.approx(float(before), rel=0.03)


SHIFT_BLIND = ("vicreg", "logdet", "barlow", "whitening")


@pytest.mark.parametrize("kind", STATISTICAL)
def test_shifts_change_what_they_may(kind: str) -> None:
    z = stretched()
    other = z + 0.3 * sample(N, D, seed=8)
    objective = built(kind)
    before = float(loss_of(objective, seen(z, other)))
    after = float(loss_of(objective, seen(z + 2, other + 2)))
    same = after == pytest.approx(before, rel=2e-3)
    assert same is (kind in SHIFT_BLIND)


@pytest.mark.parametrize("kind", STATISTICAL)
def test_scale_is_seen_by_those_that_say_so(kind: str) -> None:
    z = stretched()
    other = z + 0.3 * sample(N, D, seed=8)
    weight = {"prediction": 0.0} if kind in REGULARISED else {}
    objective = built(kind, **weight, **({"floor": 0.0} if kind == "whitening" else {}))
    before = float(loss_of(objective, seen(z, other)))
    after = float(loss_of(objective, seen(3 * z, 3 * other)))
    same = after == pytest.approx(before, rel=1e-3)
    assert same is (kind not in SEE_SCALE)


@pytest.mark.parametrize("kind", [k for k in OBJECTIVES if k not in PICTURES])
def test_a_batch_twice_over_is_worth_the_same(kind: str) -> None:
    """All but InfoNCE, whose second copy of a target is a negative: log 2 more."""
    z = stretched()
    other = z + 0.3 * sample(N, D, seed=8)
    objective = built(kind, sub_batch=512)
    once = float(loss_of(objective, seen(z, other)))
    twice = float(loss_of(objective, seen(z.repeat(2, 1), other.repeat(2, 1))))
    if kind == "infonce":
        assert twice - once == pytest.approx(0.693, abs=1e-3)
    else:
        assert twice == pytest.approx(once, rel=0.02)


def views_that_count(kind: str) -> tuple[str, ...]:
    if kind in PICTURES:
        return ("predicted", "pixels")
    if kind in REGULARISED:
        return ("predicted", "target", "latents")
    return ("predicted", "target")


@pytest.mark.parametrize(
    ("kind", "view"), [(k, v) for k in OBJECTIVES for v in views_that_count(k)]
)
def test_no_view_is_left_out(kind: str, view: str) -> None:
    z = stretched()
    given = {"predicted": z + 0.3 * sample(N, D, seed=8), "latents": stretched(1)}
    objective = built(kind)
    views = seen(z, **given)
    whole = loss_of(objective, views)
    emptied = seen(z, **{**given, view: torch.zeros_like(getattr(views, view))})
    # Networks that draw begin with the mean picture, and with little else.
    least = 1e-4 if kind == "discrete" else 1e-3
    assert abs(float(loss_of(objective, emptied) - whole)) > least


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_gradients_reach_targets_only_where_targets_learn(kind: str) -> None:
    objective = built(kind)
    predicted, target = stretched(1).requires_grad_(), stretched().requires_grad_()
    views = seen(target, predicted, latents=stretched(2))
    loss_of(objective, views).backward()
    assert float(predicted.grad.norm()) > 0
    assert (target.grad is not None) is (objective.target == "online")


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_parts_are_what_the_loss_is_made_of(kind: str) -> None:
    objective = built(kind)
    loss, parts = objective(seen(stretched(), stretched(1)), torch.Generator())
    assert all(not part.requires_grad for part in parts.values())
    total = sum(objective.weights[name] * float(part) for name, part in parts.items())
    assert float(loss.detach()) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("kind", OBJECTIVES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow(kind: str, dtype: torch.dtype) -> None:
    """Squares of 300 are beyond float16, and a sum of them beyond its accuracy."""
    z, other = ((300 * stretched(seed)).to(dtype) for seed in (0, 1))
    objective = built(kind)
    views = seen(z, other)
    found = loss_of(objective, views)
    expected = loss_of(built(kind), seen(z.float(), other.float()))
    torch.testing.assert_close(found, expected)
    assert found.isfinite()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_autocast_changes_nothing(kind: str) -> None:
    views = seen(stretched(), stretched(1))
    pair = stretched(1), stretched(), pictures()
    objective, other = built(kind), built(kind)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss_of(objective, views)
        surprise = objective.surprise(*pair)
    torch.testing.assert_close(found, loss_of(other, views))
    torch.testing.assert_close(surprise, other.surprise(*pair))


# --- surprise


@pytest.mark.parametrize("kind", [k for k in OBJECTIVES if k not in PICTURES])
def test_what_came_as_predicted_surprises_less(kind: str) -> None:
    objective = built(kind, expander_width=0)
    target = stretched()
    loss_of(objective, seen(target, stretched(1)))
    objective.eval()
    close, far = target + 0.05 * sample(N, D, seed=8), stretched(1)
    if kind in ("jepa-ema", "v-jepa", "frozen-teacher"):
        close = torch.nn.functional.layer_norm(close, (D,))
    little, much = objective.surprise(close, target), objective.surprise(far, target)
    assert little.shape == (N,)
    assert (little < much).float().mean() > 0.97


@pytest.mark.parametrize(
    ("kind", "width"),
    [*((kind, 0) for kind in OBJECTIVES), *((kind, 24) for kind in STATISTICAL)],
)
def test_surprise_does_not_depend_on_company(kind: str, width: int) -> None:
    objective = built(kind, expander_width=width)
    predicted, target, pixels = stretched(1), stretched(), pictures()
    loss_of(objective, seen(target, predicted))
    objective.eval()
    whole = objective.surprise(predicted, target, pixels)
    alone = objective.surprise(predicted[5:6], target[5:6], pixels[5:6])
    torch.testing.assert_close(whole[5:6], alone, rtol=1e-4, atol=1e-5)


def test_the_state_of_an_objective_is_all_that_it_remembers() -> None:
    """Stored and restored equals uninterrupted: centres and running statistics."""
    for kind in ("dino", "whitening", "barlow"):
        views = [seen(stretched(n), stretched(n + 9)) for n in range(3)]
        straight = built(kind)
        values = [float(loss_of(straight, view)) for view in views]
        resumed = built(kind)
        loss_of(resumed, views[0])
        copy = built(kind)
        copy.load_state_dict(resumed.state_dict())
        loss_of(copy, views[1])
        assert float(loss_of(copy, views[2])) == values[2]
        found, expected = copy.eval(), straight.eval()
        pair = stretched(5), stretched(6)
        assert torch.equal(found.surprise(*pair), expected.surprise(*pair))


def test_whitening_is_surprised_by_the_statistics_that_it_saw() -> None:
    """Errors along what hardly varies weigh more, as they do while it learns."""
    objective = built("whitening")
    z = stretched()
    for _ in range(100):
        loss_of(objective, seen(z))
    objective.eval()
    expected = torch.cov(z.T)
    torch.testing.assert_close(
        objective.get_buffer("covariance"), expected, atol=0.02, rtol=0.02
    )
    still, lively = (z + 0.5 * torch.eye(D)[axis] for axis in (0, D - 1))
    assert (objective.surprise(still, z) > objective.surprise(lively, z)).all()


def test_a_centre_keeps_one_prototype_from_winning() -> None:
    """The control takes the centre away: shares stay those of the favourite."""

    def share_of_favourite(kept: float) -> float:
        objective = built("dino", centre=kept)
        favourite = objective.get_parameter("prototypes").detach()[3:4]
        target = favourite + 0.5 * sample(N, D, seed=8)
        for _ in range(60):
            loss_of(objective, seen(target))
        cosines = (
            torch.nn.functional.normalize(target)
            @ torch.nn.functional.normalize(
                objective.get_parameter("prototypes").detach()
            ).T
        )
        shares = ((cosines - objective.get_buffer("centre")) / 0.07).softmax(-1)
        return float(shares.mean(0).max())

    assert share_of_favourite(kept=1.0) > 2 * share_of_favourite(kept=0.9)


def test_sharper_teachers_come_first() -> None:
    objective = built("dino").eval()
    early = seen(stretched(), stretched(1), progress=0.0)
    late = seen(stretched(), stretched(1), progress=1.0)
    assert float(loss_of(objective, early)) != float(loss_of(objective, late))


# --- the door


def refused(match: str, make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_configurations_that_cannot_be_meant_are_refused() -> None:
    refused("objective 'vigrec' is unknown; choose one of", lambda: built("vigrec"))
    refused("within_clip is of no use to byol", lambda: built("byol", within_clip=True))
    refused(
        "expander_width is of no use to dino", lambda: built("dino", expander_width=8)
    )
    refused("needs at least 32 samples", lambda: built("whitening", sub_batch=31))
    refused(
        "pixels predicts pictures",
        lambda: build_objective(objective_config("pixels"), D),
    )
    refused(
        "expander of width 8 and depth 0",
        lambda: built("vicreg", expander_width=8, expander_depth=0),
    )


def test_views_that_do_not_fit_are_refused() -> None:
    z = stretched()
    refused(r"predictions \(127, 16\) and targets \(128, 16\)", lambda: seen(z, z[1:]))
    refused("with the D of the predictions, 16", lambda: seen(z, latents=z[:, 1:]))
    refused("at least 2 of each", lambda: seen(z[:1]))
    refused("clips has 3 rows; 128", lambda: seen(z, clips=torch.arange(3)))
    nameless = seen(z, predicted_clips=None)
    within = built("barlow", within_clip=True)
    refused("needs Views.predicted_clips", lambda: loss_of(within, nameless))
    refused("one sample", lambda: loss_of(within, seen(z, clips=torch.arange(N))))
    without = seen(z, pixels=None)
    refused("give pixels", lambda: loss_of(built("pixels"), without))
    refused(
        r"\(8, 4, 3\); the objective was built for \(H, W, C\) = \(8, 8, 3\)",
        lambda: loss_of(built("pixels"), seen(z, pixels=pictures()[:, :, :4])),
    )


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_configuration_survives_json(kind: str) -> None:
    config = objective_config(kind)
    assert from_dict(ObjectiveConfig, to_dict(config)) == config
