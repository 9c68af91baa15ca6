"""The options of the carrier ``grpc``, as command lines and TOML tables spell them."""

from __future__ import annotations

import pytest

from batchcalls.carriers.base import CarrierLimits, CarrierOptionError, NumberPolicy
from batchcalls.carriers.process.options import read_options


def test_the_address_is_enough() -> None:
    """Everything else has a default: no limits, and the policy of real carriers."""
    options = read_options({"address": "localhost:50052"})
    assert options.limits == CarrierLimits()
    assert options.limits.number_policy is NumberPolicy.POSSIBLE
    assert options.connect_timeout_s == 5


def test_text_is_read() -> None:
    """A command line gives nothing but text."""
    options = read_options(
        {
            "address": "unix:/run/carrier.sock",
            "max_concurrent_calls": "20",
            "calls_per_second": "2.5",
            "ring_timeout_s": "45",
            "number_policy": "valid",
            "connect_timeout_s": "0.5",
        }
    )
    assert options.limits == CarrierLimits(
        max_concurrent_calls=20,
        calls_per_second=2.5,
        ring_timeout_s=45,
        number_policy=NumberPolicy.VALID,
    )
    assert options.connect_timeout_s == 0.5


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "option address: Field required"),
        ({"address": "somewhere"}, "option address"),
        ({"address": "a:1", "adress": "b:1"}, "option adress"),
        ({"address": "a:1", "max_concurrent_calls": "-1"}, "option max_concurrent_calls"),
        ({"address": "a:1", "calls_per_second": "many"}, "option calls_per_second"),
        ({"address": "a:1", "ring_timeout_s": 0}, "option ring_timeout_s"),
        ({"address": "a:1", "connect_timeout_s": "inf"}, "option connect_timeout_s"),
        ({"address": "a:1", "number_policy": "any"}, "option number_policy"),
    ],
)
def test_what_cannot_be_used_is_named(options: dict[str, object], complaint: str) -> None:
    """The operator reads which option is wrong."""
    with pytest.raises(CarrierOptionError, match=complaint):
        read_options(options)
