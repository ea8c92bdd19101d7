"""A run as programs that torch alone can run, and a manifest that explains them.

OUT/
  encode.pt2      frames of every stream -> latents
  predict.pt2     latents, one action -> the next latents
  rollout.pt2     latents, actions -> latents along a plan of fixed length
  critic.pt2      latents, goal latents -> discounted steps to the goal
  readout-NAME.pt2
  manifest.json   inputs, outputs, units, scales, and how far each is from eager
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from telos.agent.trained import AgentParts
from telos.config import save_json
from telos.cost.critic import CriticGoal, Network
from telos.cost.readout import ReadOut
from telos.world_model.exporting import Encode, Predict, Rollout

TOLERANCE = 1e-4
"""Largest difference between a program and the model it comes from, as a share of the
largest number that leaves the model."""
_TRACED, _CHECKED = 3, (1, 5)
"""Batch sizes: of the trace, and of the checks, which must not be the same."""


class Critic(nn.Module):
    """Discounted steps from latents (B, D) to goal latents (B, D), 0 to about 1."""

    def __init__(self, critic: Network) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, latent: Tensor, goal: Tensor) -> Tensor:
        return self.critic(latent, goal[..., : self.critic.state_dim])


class Quantity(nn.Module):
    """A read-out: latents (B, D) to (B, q) in its unit."""

    def __init__(self, readout: ReadOut) -> None:
        super().__init__()
        self.readout = readout

    def forward(self, latent: Tensor) -> Tensor:
        return self.readout(latent)


@dataclass(frozen=True, kw_only=True)
class Program:
    """One function to be exported."""

    module: nn.Module
    shapes: Mapping[str, tuple[tuple[int, ...], str]]
    """Input -> shape without the batch, and dtype."""
    output: str
    """What leaves it, in words."""
    unit: str = ""


def export_model(parts: AgentParts, out: Path, *, horizon: int = 10) -> dict[str, Any]:
    """Write programs and manifest into an empty folder.

    Args:
        parts: From a run folder, on the CPU.
        out: The folder.
        horizon: Model steps of ``rollout``.

    Returns:
        What the manifest says.

    Raises:
        ValueError: If a program does not say what the model says.
    """
    programs, entries = _programs(parts, horizon), {}
    for name, program in programs.items():
        exported = _export(program)
        error = _largest_error(program, exported)
        if not error <= TOLERANCE:
            raise ValueError(
                f"the exported {name!r} differs from the model by {error:.2g} of its "
                f"largest value; at most {TOLERANCE:g} is expected. Another version of "
                "torch may do better; nothing was written."
            )
        file = f"{name}.pt2"
        torch.export.save(exported, out / file)
        entries[name] = {
            "file": file,
            "inputs": [
                {"name": key, "shape": ["batch", *shape], "dtype": dtype}
                for key, (shape, dtype) in program.shapes.items()
            ],
            "output": program.output,
            "unit": program.unit,
            "largest_relative_error": error,
        }
    manifest = _manifest(parts, entries, horizon)
    save_json(out / "manifest.json", manifest)
    return manifest


def _programs(parts: AgentParts, horizon: int) -> dict[str, Program]:
    model, config = parts.model, parts.model.config
    encode = Encode(model)
    latent = ((config.latent_dim,), "float32")
    action = ((config.action_dim,), "float32")
    frames = {
        name: ((config.history, *config.streams[name]), parts.seen.streams[name].dtype)
        for name in encode.names
    }
    programs = {
        "encode": Program(module=encode, shapes=frames, output="latent (batch, D)"),
        "predict": Program(
            module=Predict(model),
            shapes={"latent": latent, "action": action},
            output="next latent (batch, D)",
        ),
        "rollout": Program(
            module=Rollout(model),
            shapes={
                "latent": latent,
                "actions": ((horizon, config.action_dim), "float32"),
            },
            output="latents (batch, horizon + 1, D), the present first",
        ),
    }
    objective = parts.be_at(torch.zeros(1, config.latent_dim)).objective
    if isinstance(objective, CriticGoal):
        programs["critic"] = Program(
            module=Critic(objective.critic),
            shapes={"latent": latent, "goal": latent},
            output="discounted steps to the goal (batch,)",
            unit="1 - discount ^ model steps",
        )
    for name, readout in parts.readouts.items():
        programs[f"readout-{name}"] = Program(
            module=Quantity(readout),
            shapes={"latent": latent},
            output=f"{name} (batch, {readout.num_outputs})",
            unit=readout.unit,
        )
    return programs


def _export(program: Program) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch")
    inputs = random_inputs(program, _TRACED)
    dynamic = tuple({0: batch} for _ in inputs)
    if isinstance(program.module, Encode):
        return torch.export.export(
            program.module.eval(), inputs, dynamic_shapes=(dynamic,)
        )
    return torch.export.export(program.module.eval(), inputs, dynamic_shapes=dynamic)


def random_inputs(program: Program, batch: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs of a program: images of all values, and normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    inputs = []
    for shape, dtype in program.shapes.values():
        whole = (batch, *shape)
        if dtype == "uint8":
            values = torch.randint(256, whole, generator=generator, dtype=torch.uint8)
        else:
            values = torch.randn(whole, generator=generator).to(getattr(torch, dtype))
        inputs.append(values)
    return tuple(inputs)


@torch.no_grad()
def _largest_error(program: Program, exported: torch.export.ExportedProgram) -> float:
    run, worst = exported.module(), 0.0
    for seed, batch in enumerate(_CHECKED, start=1):
        inputs = random_inputs(program, batch, seed)
        expected, found = program.module(*inputs), run(*inputs)
        size = expected.abs().max().clamp_min(1e-6)
        worst = max(worst, float((expected - found).abs().max() / size))
    return worst


def _manifest(
    parts: AgentParts, programs: Mapping[str, Any], horizon: int
) -> dict[str, Any]:
    model = parts.model
    return {
        "format": "telos-export",
        "version": 1,
        "torch": torch.__version__,
        "programs": dict(programs),
        "latent": model.config.latent_dim,
        "history": model.history,
        "frame_skip": model.frame_skip,
        "horizon": horizon,
        "images": "uint8, height x width x colours, 0 to 255, as recorded",
        "actions": {
            "low": _numbers(model.action_scale.low),
            "high": _numbers(model.action_scale.high),
            "unit": "of the recording; one model step holds frame_skip actions",
        },
        "readouts": {
            name: {"unit": readout.unit, "errors": dict(readout.errors)}
            for name, readout in parts.readouts.items()
        },
    }


def _numbers(values: Iterable[float]) -> list[float]:
    return [float(value) for value in values]
