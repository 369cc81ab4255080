"""Which concurrency approach fits a workload, and why.

>>> from selector import WorkloadProfile, recommend
>>> recommend(WorkloadProfile(workload_type="io", io_wait_ms_per_task=100, tasks=500)).approach
'asyncio'
"""

import gc

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
