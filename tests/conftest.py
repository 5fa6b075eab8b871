"""How many examples the laws try: TAVUSCTL_LAWS is small (the default), ci or long."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadline: machines that run tests are busy, and slowness is measured in bench/.
settings.register_profile("small", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("small"), max_examples=200, derandomize=True, print_blob=True)
settings.register_profile("long", settings.get_profile("small"), max_examples=5000)
settings.load_profile(os.environ.get("TAVUSCTL_LAWS", "small"))
