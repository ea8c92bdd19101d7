"""Intuitive physics as a world to record: possible clips only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from telos.envs.scenes.conditions import Conditions
from telos.envs.scenes.corpus import training_scene
from telos.envs.scenes.film import film
from telos.envs.scenes.laws import paths_of
from telos.envs.scenes.scene import Scene
from telos.envs.scenes.states import PER_BODY, STATE_NAMES, states_of
from telos.envs.watched import Reel, WatchedWorld, watched_spec
from telos.envs.world import StreamSpec

LABELS = {
    "position": (("x", "y"), "sides of the image"),
    "velocity": (("vx", "vy"), "sides of the image per frame"),
    "present": (("present",), ""),
    "visible": (("visible",), "share"),
    "shape": (("shape",), ""),
    "colour": (("red", "green", "blue"), "share of white"),
}
"""Label -> what it holds of each body, and its unit."""


class IntuitivePhysics(WatchedWorld):
    """Bodies, screens, walls and shelves, in clips that obey the laws of `motion`.

    ``pixels`` (size, size, 3). Labels hold the same numbers of each of ``objects``
    bodies, one body after the other: ``position``, ``velocity``, ``present`` (0 or 1),
    ``visible`` (share), ``shape`` (number) and ``colour``; all 0 for a body that the
    clip does not have. There are no actions.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        size: int = 32,
        frames: int = 20,
        objects: int = 2,
        textured: bool = False,
        overlay: float = 0.0,
        noise: float = 0.0,
        camera: float = 0.0,
        colours: str = "train",
        lanes: str = "train",
        speeds: str = "train",
        staged: float = 0.5,
    ) -> None:
        """Set B clips up; call ``reset`` before anything else.

        Args:
            num_envs: B.
            size: Pixels along a side: 32 or 64.
            frames: Of a clip; it has one step less.
            objects: Bodies of a clip, at most.
            textured: Whether backdrop and floor have a pattern.
            overlay: Half-width of a pattern of pixels over all frames, share of white.
            noise: Half-width of noise that is new in every frame, share of white.
            camera: How far the camera sways, sides of the image.
            colours: ``train`` or ``held-out``.
            lanes: The same.
            speeds: The same.
            staged: Share of the clips that are made as the possible members of
                quadruplets are; the rest combines everything freely.

        Raises:
            ValueError: If an option is not one of those above.
        """
        self._conditions = Conditions(
            size=size,
            frames=frames,
            objects=objects,
            textured=textured,
            overlay=overlay,
            noise=noise,
            camera=camera,
            colours=colours,
            lanes=lanes,
            speeds=speeds,
        )
        if not 0 <= staged <= 1:
            raise ValueError(f"staged is {staged}: expected a share from 0 to 1.")
        self._staged = staged
        labels = {
            name: StreamSpec(shape=(objects * len(parts),), dtype="float32", unit=unit)
            for name, (parts, unit) in LABELS.items()
        }
        options = {**asdict(self._conditions), "staged": staged}
        spec = watched_spec("intuitive-physics", size, frames, labels, options)
        super().__init__(num_envs, spec)

    def _film(self, seeds: Sequence[int]) -> Reel:
        conditions = self._conditions
        scenes = [training_scene(seed, conditions, self._staged) for seed in seeds]
        paths = [paths_of(scene, conditions.frames) for scene in scenes]
        pairs = zip(scenes, paths, strict=True)
        states = np.stack([states_of(scene, path) for scene, path in pairs])
        return Reel(
            pixels=film(scenes, paths, conditions.size),
            labels={name: self._label(states, name) for name in LABELS},
            layouts=[_layout(scene) for scene in scenes],
        )

    def _label(self, states: np.ndarray, name: str) -> np.ndarray:
        """(B, T, N * parts) of the states (B, T, K)."""
        parts, _ = LABELS[name]
        assert set(parts) <= set(PER_BODY)
        bodies = range(self._conditions.objects)
        wanted = [STATE_NAMES.index(f"{part}{i}") for i in bodies for part in parts]
        return states[..., wanted]


def _layout(scene: Scene) -> dict[str, float]:
    """What there is in a scene: numbers of bodies and pieces of furniture."""
    return {
        "bodies": float(len(scene.bodies)),
        "radius": scene.radius,
        "wall": float(scene.wall is not None),
        "shelf": float(scene.shelf is not None),
        "screens": float(len(scene.screens)),
    }
