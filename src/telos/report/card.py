"""The model card of a run: what it learned from, what it can do, what it cannot."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from telos.config import load_json

_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
INTENDED = """\
Research on planning with learned world models: the run imagines what actions lead to,
and plans towards goals in the data that it was trained on or in data like it.

* A guardrail holds as far as the world model and the read-outs are right. Results below
  say what that was worth in the protocols named, and nothing about other worlds.
* On machines that can hurt somebody it needs independent safety measures.
"""


def model_card(run: Path, *, licence: str, about: str = "") -> str:
    """The card as Markdown with YAML front matter.

    Args:
        run: Run folder with a finished model.
        licence: SPDX identifier.
        about: A first section of one's own.

    Raises:
        ValueError: If the licence is no identifier.
    """
    if not _LICENCE.fullmatch(licence):
        raise ValueError(
            f"licence {licence!r} is no SPDX identifier; give for example apache-2.0, "
            "cc-by-4.0 or mit"
        )
    config, model = load_json(run / "config.json"), load_json(run / "model.json")
    results = _evaluations(run)
    name = run.resolve().name
    parts = [
        _front_matter(name, licence, config, results),
        f"# {name}\n\nA world model of `{config['world']}` with critic and read-outs, "
        "trained with telos. No pickles: weights are safetensors.\n",
        about.strip() + "\n" if about.strip() else "",
        f"## Intended use\n\n{INTENDED}",
        _pretrained(config),
        _data(config, model),
        _results(results),
        _guardrails(run, model),
        _reproduce(run, name, config, results),
        f"## Licence\n\n{licence}\n",
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(
    name: str, licence: str, config: Mapping, results: Sequence[Mapping]
) -> str:
    """Strings as JSON writes them, which is YAML too."""
    lines = [
        "---",
        f"license: {json.dumps(licence.lower())}",
        "library_name: telos",
        "pipeline_tag: robotics",
        "tags: [telos, world-model, jepa, planning]",
    ]
    if results:
        lines += ["model-index:", f"- name: {json.dumps(name)}", "  results:"]
    for found in results:
        protocol, success = found["protocol"], found["success"]
        lines += [
            "  - task: {type: robotics, name: planning}",
            f"    dataset: {{type: {json.dumps(protocol['world'])}, "
            f"name: {json.dumps(protocol['name'])}}}",
            "    metrics: [{type: success_rate, value: "
            f"{json.dumps(success['value'])}}}]",
        ]
    return "\n".join([*lines, "---\n"])


def _data(config: Mapping, model: Mapping) -> str:
    spec = json.loads(model["spec"])
    streams = ", ".join(
        f"`{name}` {tuple(stream['shape'])}" for name, stream in spec["streams"].items()
    )
    seen = ", ".join(f"`{n}`" for n in model["world_model"]["config"]["streams"])
    readouts = [
        f"| `{name}` | {_number(r['errors'].get('q50'))} | "
        f"{_number(r['errors'].get('q99'))} | {r['unit'] or '-'} |"
        for name, r in model["readouts"].items()
    ]
    table = ""
    if readouts:
        head = "| read-out | median error | 99 % | unit |\n| --- | --- | --- | --- |\n"
        table = "\nHeld-out errors:\n\n" + head + "\n".join(readouts) + "\n"
    return (
        f"## Data\n\nEpisodes of `{config['world']}`, digest "
        f"`{config['data_digest'] or 'unknown'}`. Recorded: {streams}. The model sees "
        f"{seen}; actions are {len(spec['action_low'])} numbers from "
        f"{_numbers(spec['action_low'])} to {_numbers(spec['action_high'])}.\n{table}"
    )


def pretrained_weights(config: Mapping) -> str:
    """Weights that a run of this configuration refers to; empty if there are none."""
    network = config["model"]["backbone"]
    digest = network.get("weights_digest", "")
    weights = network.get("weights", "")
    return f"{weights} (digest {digest[:16]}...)" if weights else ""


def _pretrained(config: Mapping) -> str:
    """What the run refers to and does not contain."""
    if not pretrained_weights(config):
        return ""
    network = config["model"]["backbone"]
    return (
        "## Needs\n\nImages pass through pretrained weights that are not part of this "
        f"run and have a licence of their own: `{network['weights']}`, digest "
        f"`{network['weights_digest']}`. Where they lie elsewhere, name their folder "
        "in the environment variable `TELOS_PRETRAINED`. Others are refused.\n"
    )


def _results(results: Sequence[Mapping]) -> str:
    if not results:
        return (
            "## Results\n\nNone: this run was not evaluated. Nothing is known of how "
            "well it plans.\n"
        )
    rows = [
        "| evaluation | protocol | success | 95 % interval | n | violations | random | "
        "straight ahead | exact model |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for found in results:
        protocol, success = found["protocol"], found["success"]
        floors = found.get("floors") or {}
        rows.append(
            f"| {found['folder']} | `{protocol['hash']}` | {_share(success)} | "
            f"{_percent(success['low'])} to {_percent(success['high'])} | "
            f"{success['n']} | {_violations(found.get('violations'))} | "
            f"{_share(floors.get('random'))} | {_share(floors.get('greedy'))} | "
            f"{_share(found.get('ceiling'))} |"
        )
    return (
        "## Results\n\n"
        + "\n".join(rows)
        + "\n\nIntervals are of the evaluated episodes "
        "of this one training; other seeds differ. Floors are an actor of random "
        "actions and one that heads straight for the goal; the ceiling plans with the "
        "exact dynamics.\n"
    )


def _guardrails(run: Path, model: Mapping) -> str:
    path = run / "calibration.json"
    lines = [
        f"* read-out `{name}`: digest `{r.get('digest', 'not stored')}`"
        for name, r in model["readouts"].items()
    ]
    if path.is_file():
        for name, found in load_json(path)["quantities"].items():
            lines.append(
                f"* calibrated buffer of `{name}`: {_number(found['buffer'])} "
                f"{model['readouts'].get(name, {}).get('unit', '')}, for a miss rate "
                f"of {_percent(found['alpha'])} of plans of {found['planner']} at "
                f"{found['evaluations']} model evaluations; digest `{found['digest']}`"
            )
    else:
        lines.append(
            "* not calibrated: buffers are the errors of the read-outs alone, which "
            "cover no mistake of the predictor"
        )
    return "## Guardrails and their limits\n\n" + "\n".join(lines) + "\n"


def _reproduce(
    run: Path, name: str, config: Mapping, results: Sequence[Mapping]
) -> str:
    environment = load_json(run / "env.json")
    lines = [f"telos pull SOURCE --out {name}"]
    lines += [f"telos evaluate {name} --protocol {p}" for p in _protocols(results)]
    versions = ", ".join(
        f"{package} {version}"
        for package, version in environment["versions"].items()
        if version
    )
    return (
        "## How to reproduce\n\n```\n" + "\n".join(lines) + "\n```\n\nTrained by "
        f"`{' '.join(environment['argv'])}`, seed {config['seed']}, commit "
        f"`{environment['commit']}`, with {versions}.\n"
    )


def _protocols(results: Sequence[Mapping]) -> list[str]:
    return list(dict.fromkeys(found["protocol"]["name"] for found in results))


def _evaluations(run: Path) -> list[Mapping[str, Any]]:
    paths = sorted((run / "evaluations").glob("*/evaluation.json"))
    # The folder's name says, beside the protocol, how an agent deliberated otherwise.
    return [{**load_json(path), "folder": path.parent.name} for path in paths]


def _share(found: Mapping | None) -> str:
    return "-" if not found else _percent(found.get("value"))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _violations(found: Mapping | None) -> str:
    return "-" if not found else f"{found['k']} of {found['n']}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _numbers(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"
