"""What ruins a world model, found in a recording before a night is spent on it.

One file per family of findings: `tables` (values, seeds, lengths), `timing` (time
stamps), `actions` (what was commanded), `alignment` (which row an action belongs to),
`cameras` (what was seen) and `copies` (episodes that are there twice). `inspection`
runs them all, `sampling` and `clips` say and read what they look at, `finding` is what
they all answer with.
"""

from telos.data.checks.finding import Bars as Bars
from telos.data.checks.finding import Curve as Curve
from telos.data.checks.finding import Finding as Finding
from telos.data.checks.finding import Lines as Lines
from telos.data.checks.finding import Strip as Strip
from telos.data.checks.inspection import Inspection as Inspection
from telos.data.checks.inspection import inspect_file as inspect_file
from telos.data.checks.sampling import Sampling as Sampling
