"""Checks for those who write a carrier or a store of their own; they need no test framework."""

from batchcalls.testing.breach import BrokenContract
from batchcalls.testing.carrier import CarrierFactory, check_carrier
from batchcalls.testing.store import StoreFactory, check_store

__all__ = ["BrokenContract", "CarrierFactory", "StoreFactory", "check_carrier", "check_store"]
