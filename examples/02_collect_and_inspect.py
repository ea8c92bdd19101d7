"""Record episodes, look into the file, and cut training windows from it.

    python examples/02_collect_and_inspect.py

The same on the command line:

    telos collect two-rooms --episodes 24 --steps 40 --out rooms.h5
    telos inspect rooms.h5 --sheet rooms.png
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from telos.collect import collect
from telos.data import EpisodeFile, WindowSampler, of_recording, split_by_episode
from telos.data.preview import contact_sheet
from telos.envs import make_world


def record(path: Path) -> EpisodeFile:
    """24 episodes of scripted walks; episode i has seed i, and a layout of its own."""
    world = make_world("two-rooms", num_envs=8, split="train")
    summary = collect(world, world.behaviour("mixed"), path, episodes=24, steps=40)
    world.close()
    print(f"recorded {summary.steps} steps in {summary.seconds:.1f} s")
    return EpisodeFile(path)


def inspect(file: EpisodeFile, sheet: Path) -> None:
    """What the agent sees, what it does, and what only we know."""
    episode = file.episode(0)
    for group, streams in (("sees", episode.observations), ("label", episode.labels)):
        for name, values in streams.items():
            print(f"{group:>6}  {name:<9} {values.dtype} {values.shape}")
    print(f"  does  actions   {episode.actions.dtype} {episode.actions.shape}")
    print(f"layout  {dict(episode.layout)}")
    rows = contact_sheet([file.episode(i) for i in range(4)], "pixels", columns=6)
    Image.fromarray(rows).save(sheet)
    print(f"pictures of four episodes: {sheet}")


def windows(file: EpisodeFile) -> None:
    """What training reads: cuts of T transitions with T + 1 frames."""
    recording = file.load()
    train, held_out = split_by_episode(recording.num_episodes, fraction=0.25)
    print(f"{len(train)} episodes to learn from, {len(held_out)} held out")
    learn_from = recording.select(train)
    position = of_recording(learn_from, ["labels/position"])["labels/position"]
    print(
        f"positions: mean {position.mean.round(1)}, deviation {position.std.round(1)}"
    )
    sampler = WindowSampler(learn_from, length=4, batch=16, windows_per_episode=2)
    window = sampler.batch(step=0)  # a pure function of the seed and the step
    pixels, actions = window.observations["pixels"], window.actions
    print(f"a batch: pixels {tuple(pixels.shape)}, actions {tuple(actions.shape)}")


def main(folder: Path) -> None:
    """Record, inspect, cut."""
    file = record(folder / "rooms.h5")
    inspect(file, folder / "rooms.png")
    windows(file)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
