"""Images shrink by averaging areas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.formats.builders import images

from telos.data.formats.resize import resize


def test_a_whole_factor_averages_blocks() -> None:
    frames = images(0, 3, 12)
    blocks = frames.reshape(3, 4, 3, 6, 2, 3).astype(float).mean(axis=(2, 4))
    small = resize(frames, (4, 6))
    assert small.dtype == np.uint8
    assert np.abs(small - blocks).max() <= 0.5 + 1e-9


def test_the_same_size_costs_nothing() -> None:
    frames = images(0, 2)
    assert resize(frames, (8, 8)) is frames


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_one_colour_stays_what_it_is(height: int, width: int, colour: int) -> None:
    frames = np.full((2, 17, 13, 3), colour, np.uint8)
    out = resize(frames, (height, width))
    assert out.shape == (2, height, width, 3)
    assert (out == colour).all()


@given(st.integers(2, 23), st.integers(2, 23))
def test_shrinking_keeps_the_mean(height: int, width: int) -> None:
    ramp = np.linspace(0, 255, 24)[:, None] * np.linspace(0, 1, 24)
    frames = np.repeat(ramp[None, ..., None], 3, axis=-1).astype(np.uint8)
    small = resize(frames, (height, width))
    assert abs(float(small.mean()) - float(frames.mean())) < 4


@pytest.mark.parametrize(
    "frames",
    [np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), images(0, 1)[..., :1]],
)
def test_other_arrays_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected .T, H, W, 3. uint8"):
        resize(frames, (2, 2))


def test_no_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="0 x 4 pixels"):
        resize(images(0, 1), (0, 4))
