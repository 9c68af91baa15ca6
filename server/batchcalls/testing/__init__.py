"""Checks for those who write a carrier of their own; they need trio and no test framework."""

from batchcalls.testing.carrier import CarrierFactory, check_carrier
from batchcalls.testing.dial import BrokenContract

__all__ = ["BrokenContract", "CarrierFactory", "check_carrier"]
