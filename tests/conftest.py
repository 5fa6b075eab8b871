"""How many examples the laws try: TAVUSCTL_LAWS is small (the default), ci, long, or steady for `make mutants`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadline: machines that run tests are busy, and slowness is measured in bench/.
settings.register_profile("small", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("small"), max_examples=200, derandomize=True, print_blob=True)
settings.register_profile("long", settings.get_profile("small"), max_examples=5000)
# The same examples every time, with nothing kept from one time to the next.
settings.register_profile("steady", settings.get_profile("small"), derandomize=True, database=None)
settings.load_profile(os.environ.get("TAVUSCTL_LAWS", "small"))
