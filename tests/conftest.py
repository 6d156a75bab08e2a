"""Settings of all tests. Must not hold fixtures that only one folder uses."""

from hypothesis import settings

# The same examples on every machine and no limit on wall time: a failure can always be repeated.
settings.register_profile("trinity", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("trinity")
