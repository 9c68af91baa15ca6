"""How hard hypothesis tries: ``HYPOTHESIS_PROFILE=thorough`` for a long night's search.

There is no deadline in either profile: a rule doesn't depend on how fast the machine is.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("quick", deadline=None, print_blob=True)
settings.register_profile(
    "thorough", deadline=None, print_blob=True, max_examples=3_000, stateful_step_count=100
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# A run in the background of a shell ignores SIGINT, and so would every process that a test starts
# and then interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
