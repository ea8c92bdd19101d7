"""Down-sampling equals the rounded mean of blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.perception import downsample


@given(factor=st.integers(1, 20), seed=st.integers(0, 99))
def test_blocks_are_averaged_to_nearest(factor: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (2, 2 * factor, 3 * factor, 3), np.uint8)
    blocks = image.reshape(2, 2, factor, 3, factor, 3).astype(float)
    expected = np.floor(blocks.mean((2, 4)) + 0.5)
    result = downsample(image, factor)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


def test_white_stays_white_in_large_blocks() -> None:
    white = np.full((40, 40, 3), 255, np.uint8)
    assert (downsample(white, 20) == 255).all()


def test_what_cannot_be_averaged_is_refused() -> None:
    image = np.zeros((6, 6, 3), np.uint8)
    with pytest.raises(ValueError, match="6 x 6 cannot be averaged in blocks of 4"):
        downsample(image, 4)
    with pytest.raises(ValueError, match="float64, expected uint8"):
        downsample(image / 255, 2)
    with pytest.raises(ValueError, match="block side is 0"):
        downsample(image, 0)
