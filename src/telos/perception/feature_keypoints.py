"""What is trained on top of a frozen network: keypoints over its grid of features."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

from telos.perception.keypoints import attended, grid_places


class FeatureKeypoints(nn.Module):
    """Grids of features to where each map attends, and what is seen there.

    Args:
        shape: (h, w, F) of a grid.
        channels: Half of what is kept of the features.
        maps: Attention maps.
        values: Features read at each attended place.
        width: Output features.
    """

    num_tokens = 1
    places: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        channels: int = 32,
        maps: int = 32,
        values: int = 8,
        width: int = 256,
    ) -> None:
        super().__init__()
        height, breadth, features = shape
        self.width = width
        self.norm = nn.LayerNorm(features)
        self.mix = nn.Conv2d(features, 2 * channels, 1)
        self.attention = nn.Conv2d(2 * channels, maps, 1)
        self.value = nn.Conv2d(2 * channels, values, 1)
        self.out = nn.Linear(maps * (2 + values), width)
        self.register_buffer("places", grid_places(height, breadth))

    def forward(self, features: Float[Tensor, "N h w C"]) -> Float[Tensor, "N F"]:
        """Features of N grids."""
        seen = self.norm(features.float()).permute(0, 3, 1, 2)
        hidden = relu(self.mix(seen))
        found = attended(self.attention(hidden), self.value(hidden), self.places)
        return relu(self.out(found))
