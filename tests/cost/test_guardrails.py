"""Guardrails: exact margins, integrity, one-way tightening, the zones file."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.cost import Bound, KeepOutBox, KeepOutDisc, fit_readout, identity_readout
from telos.cost.fitting import MlpConfig
from telos.cost.guardrails import load_zones, parse_zones, zones_json
from telos.cost.guardrails.geometry import distance_to_box, distance_to_point
from telos.types import Guardrail, Trajectory

POSITION = identity_readout(2, [0, 1], unit="px")
DISC = KeepOutDisc(readout=POSITION, center=(1.0, 0.0), radius=0.5)
BOX = KeepOutBox(readout=POSITION, low=(-1.0, -2.0), high=(3.0, 1.0))
BOUND = Bound(readout=POSITION, low=-1.0, high=2.0, component=0)
ALL = [DISC, BOX, BOUND]


def path(*points: tuple[float, float]) -> Trajectory:
    states = torch.tensor(points)[None, None, None]
    return Trajectory(states=states, actions=torch.zeros(1, 1, len(points) - 1, 2))


def margins(guardrail: Guardrail, *points: tuple[float, float]) -> list[float]:
    return guardrail.margin(path(*points)).flatten().tolist()


def box_distance(point: torch.Tensor, low: torch.Tensor, high: torch.Tensor):
    """Signed distance of points, written independently of the code under test."""
    nearest = torch.minimum(torch.maximum(point, low), high)
    outside = (point - nearest).norm(dim=-1)
    depth = torch.minimum(point - low, high - point).amin(-1)
    return torch.where(outside > 0, outside, -depth)


@pytest.mark.parametrize("guardrail", ALL, ids=lambda g: g.kind)
def test_every_guardrail_keeps_the_contract(guardrail):
    trajectory = Trajectory(
        states=torch.randn(2, 3, 4, 6, 2), actions=torch.zeros(2, 3, 5, 2)
    )
    assert isinstance(guardrail, Guardrail)
    assert guardrail.margin(trajectory).shape == (2, 3, 4, 5)
    assert guardrail.unit == "px"
    assert guardrail.name


def test_disc_sign_and_size():
    assert margins(DISC, (3.0, 0.0), (2.0, 0.0)) == pytest.approx([0.5])
    assert margins(DISC, (1.0, 0.0), (1.0, 0.0)) == pytest.approx([-0.5])


def test_a_step_over_the_zone_is_caught_although_both_ends_are_safe():
    assert margins(DISC, (-1.0, 0.1), (3.0, 0.1)) == pytest.approx([-0.4])
    assert margins(BOX, (1.0, 5.0), (1.0, -9.0)) == pytest.approx([-1.5], abs=1e-6)


def test_each_step_has_a_margin_of_its_own():
    found = margins(DISC, (1.0, 3.0), (1.0, 2.0), (1.0, 1.0), (1.0, 4.0))
    assert found == pytest.approx([1.5, 0.5, 0.5])


def test_bound_looks_at_both_ends_and_one_component():
    assert margins(BOUND, (0.0, 99.0), (1.5, -99.0)) == pytest.approx([0.5])
    assert margins(BOUND, (-3.0, 0.0), (0.0, 0.0)) == pytest.approx([-2.0])
    both = Bound(readout=POSITION, high=1.0)
    assert margins(both, (0.0, 3.0), (0.0, 0.0)) == pytest.approx([-2.0])


@pytest.mark.parametrize("q", [1, 2, 3])
def test_margins_are_exact_against_dense_sampling(q):
    generator = torch.Generator().manual_seed(q)
    start = torch.rand(800, q, generator=generator, dtype=torch.float64) * 8 - 4
    length = torch.tensor([0.3, 4.0])[torch.arange(800) % 2, None]
    step = length * torch.randn(800, q, generator=generator, dtype=torch.float64)
    step[:50] = 0.0
    step[50:150, 0] = 0.0
    low, high = -torch.ones(q).double(), torch.linspace(0.5, 2.0, q).double()
    times = torch.linspace(0, 1, 2001, dtype=torch.float64)
    points = start[:, None] + times[None, :, None] * step[:, None]
    resolution = step.norm(dim=-1) / 4000 + 1e-9
    for exact, sampled in (
        (
            distance_to_box(start, start + step, low, high),
            box_distance(points, low, high).amin(1),
        ),
        (
            distance_to_point(start, start + step, high),
            (points - high).norm(dim=-1).amin(1),
        ),
    ):
        assert (exact <= sampled + 1e-9).all()
        assert (sampled - exact <= resolution).all()


def test_the_buffer_is_taken_off_in_physical_units():
    buffered = DISC.tighten(0.2)
    assert margins(buffered, (3.0, 0.0), (2.0, 0.0)) == pytest.approx([0.3])


@settings(max_examples=30)
@given(extra=st.floats(0, 5))
def test_a_tighter_guardrail_never_admits_more(extra):
    trajectory = Trajectory(
        states=torch.randn(1, 20, 1, 4, 2, generator=torch.Generator().manual_seed(0)),
        actions=torch.zeros(1, 20, 3, 2),
    )
    for guardrail in ALL:
        loose, tight = guardrail.margin(trajectory), guardrail.tighten(extra)
        assert (tight.margin(trajectory) <= loose).all()
        assert type(tight) is type(guardrail)
        assert tight.name == guardrail.name


@pytest.mark.parametrize("extra", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("guardrail", ALL, ids=lambda g: g.kind)
def test_there_is_no_way_to_loosen(guardrail, extra):
    with pytest.raises(ValueError, match="only be tightened"):
        guardrail.tighten(extra)
    with pytest.raises(ValueError, match="only be tightened"):
        KeepOutDisc(readout=POSITION, center=(0.0, 0.0), radius=1.0, buffer=extra)
    with pytest.raises(AttributeError):
        guardrail.buffer = 0.0


def test_predictions_that_are_not_finite_are_unsafe_and_nothing_else_is():
    for guardrail in ALL:
        found = margins(guardrail, (9.0, 9.0), (math.nan, 9.0), (9.0, 9.0), (9.0, 8.0))
        assert found[:2] == [-math.inf, -math.inf]
        assert math.isfinite(found[2])


def test_a_guardrail_is_not_an_objective():
    for guardrail in ALL:
        with pytest.raises(TypeError):
            2.0 * guardrail
        with pytest.raises(TypeError):
            guardrail + guardrail


def test_digest_is_stable_and_sees_every_parameter_and_every_weight():
    twin = KeepOutDisc(readout=POSITION, center=(1, 0), radius=0.5)
    assert twin.digest == DISC.digest == DISC.to("cpu").digest == DISC.tighten(0).digest
    other = identity_readout(2, [1, 0], unit="px")
    variants = [
        DISC,
        DISC.tighten(1e-6),
        BOX,
        BOUND,
        KeepOutDisc(readout=POSITION, center=(1.0, 0.0), radius=0.6, name=DISC.name),
        KeepOutDisc(readout=other, center=(1.0, 0.0), radius=0.5),
    ]
    assert len({guardrail.digest for guardrail in variants}) == len(variants)


def test_digest_notices_weights_that_are_changed_in_place():
    readout = identity_readout(2, [0, 1], unit="px")
    guardrail = KeepOutDisc(readout=readout, center=(1.0, 0.0), radius=0.5)
    before = guardrail.digest
    readout.weights[0][0, 0] += 1e-3
    assert guardrail.digest != before


def test_training_does_not_reach_a_guardrail():
    latents = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    readout = fit_readout(
        latents,
        latents,
        name="position",
        unit="px",
        generator=torch.Generator().manual_seed(0),
        config=MlpConfig(steps=5),
    )
    guardrail = KeepOutDisc(readout=readout, center=(5.0, 0.0), radius=0.5)
    before = guardrail.digest
    states = torch.randn(1, 1, 1, 4, 2, requires_grad=True)
    trajectory = Trajectory(states=states, actions=torch.zeros(1, 1, 3, 2))
    guardrail.margin(trajectory).sum().backward()
    assert states.grad is not None
    assert torch.isfinite(states.grad).all()
    assert guardrail.digest == before


# --- zones.json

ZONES = [
    {
        "type": "keep-out-disc",
        "quantity": "position",
        "center": [32, 20],
        "radius": 6,
        "buffer": 0.5,
    },
    {"type": "keep-out-box", "quantity": "position", "low": [0, 0], "high": [4, 5]},
    {
        "type": "bound",
        "quantity": "position",
        "high": 60,
        "component": 1,
        "name": "ceiling",
    },
]


def test_zones_file_round_trip(tmp_path):
    file = tmp_path / "zones.json"
    file.write_text(json.dumps(ZONES))
    readouts = {"position": POSITION}
    disc, box, bound = loaded = load_zones(file, readouts)
    assert (disc.center, disc.radius, disc.buffer) == ((32.0, 20.0), 6.0, 0.5)
    assert (box.low, bound.high, bound.component) == ((0.0, 0.0), 60.0, 1)
    assert bound.name == "ceiling"
    again = parse_zones(json.loads(zones_json(loaded)), readouts)
    assert [g.digest for g in again] == [g.digest for g in loaded]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"type": "bound"}, "expected a list"),
        (["disc"], "guardrail 1 is 'disc'"),
        ([{**ZONES[0], "type": "keep-out-disk"}], "Did you mean 'keep-out-disc'"),
        ([{**ZONES[0], "quantity": "velocity"}], "on offer: position"),
        ([{"type": "bound"}], "quantity is None"),
        ([ZONES[1], {**ZONES[0], "radios": 3}], r"guardrail 2 .*unknown \['radios'\]"),
        ([{"type": "keep-out-disc", "quantity": "position"}], "missing"),
        ([{**ZONES[0], "radius": -1}], "guardrail 1: radius is -1"),
        ([{**ZONES[0], "radius": "6"}], "radius is '6'; expected a number"),
        ([{**ZONES[0], "radius": True}], "expected a number"),
        ([{**ZONES[0], "buffer": -0.1}], "only be tightened"),
        ([{**ZONES[0], "center": [1, 2, 3]}], "center has 3 numbers"),
        ([{**ZONES[0], "center": 5}], "expected a list of numbers"),
        ([{**ZONES[1], "high": [-1, 5]}], "is empty"),
        ([{**ZONES[2], "component": 2}], "component is 2"),
        ([{"type": "bound", "quantity": "position"}], "at least one finite limit"),
        ([{**ZONES[2], "low": 70}], "must be smaller"),
        ([ZONES[0], ZONES[0]], "two guardrails are called"),
    ],
)
def test_wrong_zones_are_refused_with_the_entry_named(entries, message):
    with pytest.raises(ValueError, match=message):
        parse_zones(entries, {"position": POSITION})


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no zones file"):
        load_zones(tmp_path / "none.json", {})
    file = tmp_path / "zones.json"
    for content, message in ((b"[{", "not JSON"), (b"\xff\xfe\x00", "not JSON")):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_zones(file, {})
    file.write_text(json.dumps(ZONES))
    with pytest.raises(ValueError, match="no read-out was fitted"):
        load_zones(file, {})
