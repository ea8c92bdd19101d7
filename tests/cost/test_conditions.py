"""Conditions on read-outs: what text means, and where it is wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.cost import ConditionGoal, identity_readout, parse_condition
from telos.cost.conditions.condition import Both, Reading, Within
from telos.types import Trajectory

READOUTS = {
    "position": identity_readout(5, [0, 1], name="position", unit="px"),
    "gripper": identity_readout(5, [2], name="gripper", unit="m"),
    "wall": identity_readout(5, [3], name="wall", unit="px"),
    "speed": identity_readout(5, [4], name="speed", unit="px/s"),
}
"""What states (x, y, gripper, wall, speed) are read by, exactly."""


def depth(text: str, *state: float, **defined: str) -> float:
    state = (*state, *[0.0] * (5 - len(state)))
    phrases = {k.replace("_", " "): v for k, v in defined.items()}
    definitions = {k: parse_condition(v, READOUTS) for k, v in phrases.items()}
    goal = ConditionGoal.of(text, READOUTS, definitions)
    states = torch.tensor(state, dtype=torch.float32)[None, None, None, None].expand(
        1, 2, 1, 4, -1
    )
    energy = goal(Trajectory(states=states, actions=torch.zeros(1, 2, 3, 1)))
    assert energy.shape == (1, 2, 1, 3)
    assert (goal.holds(states[..., 1:, :]) == (energy <= 0)).all()
    return float(energy[0, 0, 0, 0])


@pytest.mark.parametrize(
    ("text", "state", "expected"),
    [
        ("position.x between 20 and 30", (25,), 0),
        ("position.x between 20 and 30", (33,), 3),
        ("position[0] BETWEEN 20 px AND 30 px", (18,), 2),
        ("20 < position.x <= 30", (31.5,), 1.5),
        ("30 px > position.x > 20 px", (31.5,), 1.5),
        ("position.y < 5", (0, 7), 2),
        ("5 >= position.y", (0, 7), 2),
        ("position.y > -5", (0, -7), 2),
        ("position.x < wall", (9, 0, 0, 4), 5),
        ("position.x + position.y > 2 * wall - 1", (1, 1, 0, 4), 5),
        ("-position.x > 3", (-1,), 2),
        ("position near (3, 4) within 1", (0, 0), 4),
        ("position near (3, 4) within 1", (3, 3.5), 0),
        ("gripper near .5 m within 1e-1", (0, 0, 0.8), 0.2),
        ("not position near (3, 4) within 6", (0, 0), 1),
        ("position.x > 2 and gripper > 1", (0, 0, 0.5), 2.5),
        ("position.x > 2 or gripper > 1", (0, 0, 0.5), 0.5),
        ("position.x > 2 or position.y > 1 and gripper > 1", (0, 0, 0), 2),
        ("(position.x > 3 or position.y > 1) and gripper > 1", (0, 0, 0), 2),
        ("not (position.x > 2 and gripper > 1)", (5, 0, 3), 2),
        ("not position.x between 2 and 6", (5,), 1),
        ("not not position.x > 2", (0,), 2),
        ("speed > 3 px/s", (0, 0, 0, 0, 1), 2),
    ],
)
def test_texts_mean_what_they_say(text, state, expected):
    assert depth(text, *state) == pytest.approx(expected, abs=1e-5)


def test_phrases_stand_for_conditions_and_the_longest_wins():
    closed = {"gripper_closed": "gripper < 0.01"}
    text = "position.x between 20 and 30 and gripper  closed"
    assert depth(text, 25, 0, 0.005, **closed) == 0
    assert depth(text, 25, 0, 0.51, **closed) == pytest.approx(0.5)
    assert depth("gripper > 1 or gripper closed", 0, 0, 0, **closed) == 0
    assert depth("not gripper closed", 0, 0, 0, **closed) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", 1, "expected a quantity, found the end"),
        ("positoin.x > 3", 1, "Did you mean 'position'?"),
        ("position > 3", 1, "has 2 numbers; say which one, such as position[0]"),
        ("position.z > 3", 1, "has numbers 0 to 1, not 2"),
        ("gripper[1] > 3", 1, "has numbers 0 to 0, not 1"),
        ("gripper = 3", 9, "near ... within"),
        ("gripper is closed", 9, "never exactly"),
        ("gripper > 3 and", 16, "found the end"),
        ("gripper > 3 gripper < 5", 13, "'gripper' is no unit"),
        ("gripper > 3 m gripper < 5", 15, "'and', 'or' or the end"),
        ("gripper > 3 px", 13, "in 'm', not 'px'"),
        ("gripper > 3 kg", 13, "'kg' is no unit"),
        ("gripper > wall", 1, "'m' and 'px' cannot be compared"),
        ("3 < 4", 1, "compares numbers alone"),
        ("1 < gripper > 3", 13, "different directions"),
        ("gripper between 5 and 3", 1, "is empty"),
        ("gripper between 5 or 3", 19, "expected 'and'"),
        ("position near (3, 4, 5) within 1", 1, "the point has 3"),
        ("position near (3, 4)", 21, "expected 'within'"),
        ("gripper near 3 within 0", 23, "more than 0"),
        ("(gripper > 3", 13, "expected ')'"),
        ("gripper > __import__('os')", 11, "expected a quantity"),
        ("wall > wall.__class__", 12, "'and', 'or' or the end"),
    ],
)
def test_errors_show_the_place(text, place, words):
    with pytest.raises(ValueError) as caught:
        parse_condition(text, READOUTS)
    message = str(caught.value)
    assert message.startswith(f"position {place}: ")
    assert words in message
    assert message.endswith(f"\n  {text}\n  {' ' * (place - 1)}^")


def test_a_run_without_read_outs_says_so():
    with pytest.raises(ValueError, match="reads out: none"):
        parse_condition("x > 3", {})


def test_room_is_kept_for_what_is_read_wrongly():
    errors = {"q90": 0.5}
    rough = {"wall": replace(READOUTS["wall"], errors=errors)}
    states = torch.tensor([[0, 0, 0, x, 0.0] for x in (4.0, 4.4, 4.6, 3.0)])
    goal = ConditionGoal.of("wall > 4", rough)
    assert goal.holds(states).tolist() == [False, False, True, False]
    energy = goal(
        Trajectory(
            states=states[:, None, None, None].expand(-1, -1, -1, 2, -1),
            actions=torch.zeros(4, 1, 1, 1),
        )
    )
    # In units of the error.
    assert energy.flatten().tolist() == pytest.approx([1, 0.2, 0, 3], abs=1e-5)


def test_a_narrow_interval_can_still_be_reached():
    reading = {"wall": Reading(values=torch.tensor([[4.05]]), room=10.0)}
    interval = parse_condition("wall between 4 and 4.1", READOUTS)
    assert float(interval.depth(reading)) == pytest.approx(0, abs=1e-6)


numbers = st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 3))
atoms = st.one_of(
    st.builds("position.x < {}".format, numbers),
    st.builds("position.y > {}".format, numbers),
    st.builds(
        lambda a, w: f"position.x between {a} and {a + w}", numbers, st.floats(0.1, 9)
    ),
    st.builds(
        lambda a, b, r: f"position near ({a}, {b}) within {r}",
        numbers,
        numbers,
        st.floats(0.1, 30),
    ),
)
texts = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not {}".format, inner),
    ),
    max_leaves=6,
)


@given(texts, numbers, numbers)
def test_depths_are_distances_and_exclude_their_negation(text, x, y):
    state = torch.tensor([x, y, 0.0, 0.0, 0.0])
    condition = parse_condition(text, READOUTS)
    readings = {n: Reading(values=r(state)) for n, r in READOUTS.items()}
    here = float(condition.depth(readings))
    other = float(condition.negated().depth(readings))
    assert min(here, other) == 0
    assert here >= 0
    assert math.isfinite(here)
    back = float(condition.negated().negated().depth(readings))
    assert back == pytest.approx(here)


def test_a_chain_between_quantities_is_two_comparisons():
    both = parse_condition("position.x < wall < position.y", READOUTS)
    assert isinstance(both, Both)
    single = parse_condition("1 < wall < 2", READOUTS)
    assert isinstance(single, Within)
    assert (single.low, single.high) == (1, 2)


def test_gradients_lead_into_the_condition():
    state = torch.tensor([10.0, 0, 0, 0, 0], requires_grad=True)
    readings = {n: Reading(values=r(state)) for n, r in READOUTS.items()}
    parse_condition("position.x between 2 and 4", READOUTS).depth(readings).backward()
    assert state.grad is not None
    assert state.grad.tolist() == [1, 0, 0, 0, 0]
