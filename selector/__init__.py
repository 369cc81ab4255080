"""Which concurrency approach fits a workload, and why.

>>> from selector import WorkloadProfile, recommend
>>> recommend(WorkloadProfile(workload_type="io", io_wait_ms_per_task=100, tasks=500)).approach
'asyncio'
"""

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selector.notebook import Shell

_collecting = gc.isenabled()
gc.disable()  # imports make many objects and free none: collecting among them is a tenth of the time to start
try:
    from selector.errors import SelectorError
    from selector.measure import measure
    from selector.pipeline import Selector, recommend
    from selector.recommend.facts import HostFacts
    from selector.recommend.recommendation import Recommendation
    from selector.version import VERSION
    from selector.workload.profile import WorkloadProfile
finally:
    if _collecting:
        gc.enable()

__version__ = VERSION
__all__ = ["HostFacts", "Recommendation", "Selector", "SelectorError", "WorkloadProfile", "measure", "recommend"]


def load_ipython_extension(shell: "Shell") -> None:
    """What `%load_ext selector` calls: it adds the magic `%concurrency`."""
    from selector.notebook import load

    load(shell)
