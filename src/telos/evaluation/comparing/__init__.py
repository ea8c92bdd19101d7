"""Objectives compared fairly: one encoder, the same clips, equal steps or equal time.

`variants` names what is compared, `plan` holds what all have in common, `folder` what
was done before, `paces` what a step costs; `heldout`, `measuring` and `surprising`
measure a watcher, `summary` puts seeds together, `table` says it in lines, `whole`
does all of it and goes on where it stopped.
"""

from telos.evaluation.comparing.folder import ComparisonFolder as ComparisonFolder
from telos.evaluation.comparing.plan import ComparisonPlan as ComparisonPlan
from telos.evaluation.comparing.summary import summarise as summarise
from telos.evaluation.comparing.table import table_lines as table_lines
from telos.evaluation.comparing.variants import chosen_variants as chosen_variants
from telos.evaluation.comparing.whole import compare as compare
