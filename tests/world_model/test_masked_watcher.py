"""MaskedWatcher: what is left out has no influence, positions tell patches apart."""

from __future__ import annotations

import pytest
import torch
from tests.learning.squares import SIZE, tiny_masked

from telos.perception.clip_tokens import ClipTransformer
from telos.world_model.masked_watcher import MaskedWatcher, sized_masked


def clips(frames: int = 4, count: int = 3) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    shape = (count, frames, SIZE, SIZE, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw)


def moved() -> MaskedWatcher:
    torch.manual_seed(0)
    watcher = MaskedWatcher(tiny_masked(frames=4)).eval()
    for name in (watcher.encoder.clip.position, watcher.predictor.position):
        torch.nn.init.normal_(name)
    return watcher


def test_patches_are_cut_in_the_order_of_the_grid() -> None:
    network = ClipTransformer((8, 12, 3), frames=4, patch=4, tubelet=2, width=8)
    seen = torch.arange(4 * 8 * 12).view(1, 4, 8, 12, 1).expand(-1, -1, -1, -1, 3)
    cut = network.cut(seen)
    assert cut.shape == (1, 12, 4, 4, 6)
    for index in range(12):
        frame, row, column = (index // 6) * 2, index // 3 % 2 * 4, index % 3 * 4
        piece = seen[0, frame : frame + 2, row : row + 4, column : column + 4]
        expected = piece.permute(1, 2, 0, 3).flatten(2)
        assert torch.equal(cut[0, index], expected)


def test_all_patches_kept_are_all_patches() -> None:
    encoder = moved().encoder
    everything = torch.arange(encoder.clip.grid.size).expand(3, -1)
    torch.testing.assert_close(
        encoder.features(clips()), encoder.features(clips(), everything)
    )


def test_what_is_left_out_has_no_influence_at_all() -> None:
    watcher = moved()
    size, places = watcher.grid.size, watcher.grid.places
    keep = torch.arange(places).expand(3, -1)
    base, other = watcher.encoder.features(clips(), keep), clips().clone()
    other[:, 2:] = 255 - other[:, 2:]
    assert torch.equal(watcher.encoder.features(other, keep), base)
    assert not torch.equal(
        watcher.encoder.features(other)[:, :places],
        watcher.encoder.features(clips())[:, :places],
    )
    assert size == 2 * places


def test_a_hidden_patch_is_asked_for_by_its_place() -> None:
    watcher = moved()
    context = torch.arange(4).expand(3, -1)
    seen = watcher.encoder(clips())[:, :4]
    sets = torch.tensor([[[5, 6], [7, 6]]]).expand(3, -1, -1)
    found = watcher.predict(seen, context, sets)
    assert found.shape == (3, 2, 2, 16)
    assert not torch.allclose(found[:, 0, 0], found[:, 1, 0])
    alone = watcher.predict(seen, context, sets[:, :1])
    torch.testing.assert_close(alone[:, 0], found[:, 0])
    turned = watcher.predict(seen, context, sets.flip(2))
    torch.testing.assert_close(turned.flip(2), found)
    order = torch.tensor([2, 0, 3, 1])
    mixed = watcher.predict(seen[:, order], context[:, order], sets)
    torch.testing.assert_close(mixed, found, rtol=1e-4, atol=1e-5)


def test_an_image_is_a_clip_of_one_frame() -> None:
    watcher = MaskedWatcher(sized_masked("tiny", tiny_masked().masks, frames=1))
    assert (watcher.grid.frames, watcher.grid.rows) == (1, 8)
    frames = torch.zeros(2, 1, 32, 32, 3, dtype=torch.uint8)
    assert watcher.encoder.features(frames).shape == (2, 64, 64)


def test_clips_that_do_not_suit_are_refused() -> None:
    watcher = moved()
    with pytest.raises(ValueError, match="a clip of 6 frames.*at most 4"):
        watcher.encoder(clips(6))
    with pytest.raises(ValueError, match="a clip of 3 frames.*multiples of 2"):
        watcher.encoder(clips(3))
    for changes, words in (
        ({"patch": 5}, "patches of 5 do not tile frames of 16 x 16"),
        ({"frames": 5}, "last 2 frame.s. do not tile clips of 5"),
        ({"width": 30}, "width of a patch is 30, expected a multiple of 4"),
        ({"predictor_width": 6}, "predictor.width is 6"),
        ({"downsample": 3}, "cannot be averaged in blocks of 3"),
    ):
        with pytest.raises(ValueError, match=words):
            MaskedWatcher(tiny_masked(**changes))
    with pytest.raises(ValueError, match="size 'huge' is unknown"):
        sized_masked("huge", tiny_masked().masks)
