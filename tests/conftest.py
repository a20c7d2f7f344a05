"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# A law holds however busy the machine is: examples are not timed.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
