"""Baselines that predict pictures: pixels, hidden patches, codes of patches."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from telos.learning.objectives import (
    Objective,
    Views,
    build_objective,
    objective_config,
)
from telos.learning.objectives.codebook import Codebook, k_means, nearest
from telos.learning.objectives.discrete import Discrete

IMAGE = (8, 8, 3)
D = 6


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def of_dots(columns: Tensor) -> Tensor:
    """Grey pictures with a white patch of 2 x 2 in a column of patches, 0 to 3."""
    pictures = torch.full((len(columns), *IMAGE), 0.5)
    for row, column in enumerate(columns.tolist()):
        pictures[row, 2:4, 2 * column : 2 * column + 2] = 1.0
    return pictures


def latents_of(columns: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(columns, D).float()


def views_of(columns: Tensor, told: Tensor | None = None) -> Views:
    z = latents_of(columns if told is None else told)
    return Views(
        predicted=z,
        target=z,
        latents=z,
        clips=torch.zeros(len(z), dtype=torch.int64),
        pixels=of_dots(columns),
    )


def trained(kind: str, told: bool = True, steps: int = 100) -> Objective:
    """On dots whose column the latent tells, or does not."""
    torch.manual_seed(0)
    config = objective_config(kind, patch=2, codes=4, decoder_width=16)
    objective = build_objective(config, D, IMAGE)
    columns = torch.randint(4, (64,), generator=draw(1))
    objective.fit(of_dots(columns), draw())
    optimiser = torch.optim.Adam(objective.parameters(), 1e-2)
    for step in range(steps):
        now = torch.randint(4, (16,), generator=draw(step))
        views = views_of(now, None if told else torch.zeros_like(now))
        optimiser.zero_grad()
        objective(views, draw())[0].backward()
        optimiser.step()
    return objective.eval()


def surprise(objective: Objective, told: list[int], came: list[int]) -> Tensor:
    latent = latents_of(torch.tensor(told))
    with torch.no_grad():
        return objective.surprise(latent, latent, of_dots(torch.tensor(came)))


@pytest.mark.parametrize("kind", ["pixels", "discrete"])
def test_a_dot_elsewhere_surprises(kind: str) -> None:
    objective = trained(kind)
    as_told = surprise(objective, [0, 1, 2], [0, 1, 2])
    elsewhere = surprise(objective, [0, 1, 2], [1, 3, 0])
    assert float(elsewhere.min()) > 5 * float(as_told.max())


def test_pixels_begin_with_the_mean_picture_and_score_one() -> None:
    columns = torch.randint(4, (256,), generator=draw(1))
    torch.manual_seed(0)
    objective = build_objective(objective_config("pixels"), D, IMAGE)
    objective.fit(of_dots(columns), draw())
    mean = of_dots(columns).mean(0)
    assert torch.equal(objective.get_submodule("decoder").get_buffer("mean"), mean)
    for spots in objective.get_submodule("decoder").get_submodule("spots").parameters():
        torch.nn.init.zeros_(spots)
    loss, _ = objective(views_of(columns), draw())
    assert float(loss) == pytest.approx(1.0, rel=1e-4)


def test_what_pixels_blur_a_code_can_say() -> None:
    """The latent does not tell the column. Codes are as sure as one can be."""
    objective = trained("discrete", told=False, steps=200)
    # 4 columns are equally likely. Patches are guessed apart from each other: each of
    # the 4 places is a coin of 1 in 4, and the 12 others are certain.
    coin = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    found = surprise(objective, [0, 0, 0, 0], [0, 1, 2, 3]) * 16
    torch.testing.assert_close(found, torch.full((4,), 4 * coin), rtol=0.1, atol=0)


def test_surprise_of_codes_is_their_negative_log_likelihood() -> None:
    objective = trained("discrete", steps=20)
    assert isinstance(objective, Discrete)
    latent, pictures = latents_of(torch.tensor([2])), of_dots(torch.tensor([1]))
    logits = objective.decoder(latent)[0]
    codes = objective.codebook.codes_of(pictures)[0]
    total = 0.0
    for row in range(4):
        for column in range(4):
            shares = logits[row, column].softmax(0)
            total -= math.log(float(shares[codes[row, column]]))
    found = surprise(objective, [2], [1])
    assert float(found) == pytest.approx(total / 16, rel=1e-4)


def test_a_codebook_of_enough_codes_loses_nothing() -> None:
    book = Codebook(codes=5, patch=2, image=IMAGE)
    pictures = of_dots(torch.arange(4))
    book.fit(pictures, draw())
    codes = book.codes_of(pictures)
    assert codes.shape == (4, 4, 4)
    cells = book.patches[codes].unflatten(-1, (2, 2, 3))
    again = cells.permute(0, 1, 3, 2, 4, 5).reshape(4, *IMAGE)
    torch.testing.assert_close(again, pictures)


def test_frequency_does_not_decide_what_has_a_code() -> None:
    """Three codes for four greys. By frequency, the two rare ones would share one."""
    pictures = torch.full((1000, *IMAGE), 0.5)
    pictures[::2] = 0.55
    pictures[500, 2:4, 2:4], pictures[501, 2:4, 2:4] = 1.0, 0.8
    book = Codebook(codes=3, patch=2, image=IMAGE)
    book.fit(pictures, draw())
    codes = book.codes_of(pictures[[500, 501]])
    assert codes[0, 1, 1] != codes[1, 1, 1]
    assert codes[0, 0, 0] == codes[1, 0, 0]


def test_k_means_finds_clusters_that_are_far_apart() -> None:
    truth = 10 * torch.randn(5, 3, generator=draw())
    noise = 0.1 * torch.randn(100, 3, generator=draw(1))
    samples = truth.repeat(20, 1) + noise
    found = k_means(samples, 5, draw(2))
    apart = (samples - found[nearest(samples, found)]).norm(dim=1)
    assert float(apart.max()) < 1
    assert nearest(truth, found).unique().numel() == 5


def test_a_codebook_is_part_of_the_state() -> None:
    objective = trained("discrete", steps=1)
    torch.manual_seed(1)
    config = objective_config("discrete", patch=2, codes=4, decoder_width=16)
    copy = build_objective(config, D, IMAGE)
    copy.load_state_dict(objective.state_dict())
    assert torch.equal(
        surprise(copy.eval(), [1, 2], [1, 0]), surprise(objective, [1, 2], [1, 0])
    )


def test_an_empty_codebook_and_patches_that_do_not_tile_are_refused() -> None:
    config = objective_config("discrete", patch=2, codes=4)
    objective = build_objective(config, D, IMAGE)
    with pytest.raises(ValueError, match="codebook is empty; call fit"):
        objective(views_of(torch.tensor([0, 1])), draw())
    with pytest.raises(ValueError, match="side 3 do not tile pictures of 8 x 8"):
        build_objective(objective_config("discrete", patch=3), D, IMAGE)


def test_hidden_patches_are_guessed_from_their_tokens() -> None:
    torch.manual_seed(0)
    image = (2, 2, 3)
    objective = build_objective(objective_config("masked-pixels"), D, image)
    kinds = torch.rand(4, *image, generator=draw())

    def shown(which: Tensor) -> Views:
        z = latents_of(which)
        clips = torch.zeros(len(z), dtype=torch.int64)
        return Views(predicted=z, target=z, latents=z, clips=clips, pixels=kinds[which])

    optimiser = torch.optim.Adam(objective.parameters(), 3e-2)
    first = None
    for step in range(150):
        loss, _ = objective(
            shown(torch.randint(4, (16,), generator=draw(step))), draw()
        )
        first = loss.item() if first is None else first
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert first is not None
    assert loss.item() < 0.02 * first
    z = latents_of(torch.tensor([0]))
    assert objective.surprise(z, z, kinds[:1]) < 0.1 * objective.surprise(
        z, z, kinds[1:2]
    )
