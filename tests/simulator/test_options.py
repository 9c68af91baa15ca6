"""Options are read from text and TOML, and refused with the option's name and range."""

from dataclasses import fields

import pytest

from batchcalls.carriers.base import CarrierLimits, CarrierOptionError, NumberPolicy
from batchcalls_simulator.distributions import Exponential, Fixed
from batchcalls_simulator.options import SimulatorOptions, read_options
from batchcalls_simulator.trunk import Outage


def test_no_options_are_the_defaults() -> None:
    """An empty command line gives the world of the defaults."""
    assert read_options({}) == SimulatorOptions()


def test_text_and_toml_values_mean_the_same() -> None:
    """``busy_rate=0.2`` at a shell and ``busy_rate = 0.2`` in TOML are one option."""
    text = {"busy_rate": "0.2", "seed": "7", "talk_time": "3", "trunk_capacity": "5"}
    toml = {"busy_rate": 0.2, "seed": 7, "talk_time": 3, "trunk_capacity": 5}
    assert read_options(text) == read_options(toml)


def test_every_kind_of_option_is_read() -> None:
    """Numbers, distributions, outages, hours and words each arrive as their own type."""
    options = read_options(
        {
            "talk_time": "exponential:30",
            "ring_time": 0.02,
            "outages": "60-90,200-210",
            "answer_rate_by_hour": "0-8:0.1,18-24:0.9",
            "number_policy": "valid",
        }
    )
    assert options.talk_time == Exponential(mean_s=30)
    assert options.ring_time == Fixed(time_s=0.02)
    assert options.outages == (Outage(start_s=60, end_s=90), Outage(start_s=200, end_s=210))
    assert options.answer_rate_by_hour.rates == (0.1,) * 8 + (1.0,) * 10 + (0.9,) * 6
    assert options.number_policy is NumberPolicy.VALID


def test_the_engine_is_told_the_contract_and_not_the_trunk() -> None:
    """The limits of the contract and those of the real world are options apart."""
    options = SimulatorOptions(
        max_concurrent_calls=10, calls_per_second=5, trunk_capacity=3, trunk_calls_per_second=2
    )
    assert options.limits == CarrierLimits(
        max_concurrent_calls=10,
        calls_per_second=5,
        ring_timeout_s=30,
        number_policy=NumberPolicy.SHAPE,
        simulated=True,
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bussy_rate", "0.2", "unknown option 'bussy_rate'; did you mean busy_rate"),
        ("colour", "red", "unknown option 'colour'; the options are seed, busy_rate"),
        ("busy_rate", "1.5", "option busy_rate: must be from 0 to 1, not 1.5"),
        ("busy_rate", "-0.1", "option busy_rate: must be from 0 to 1, not -0.1"),
        ("busy_rate", "nan", "option busy_rate: must be from 0 to 1, not nan"),
        ("busy_rate", "often", "option busy_rate: must be a number, not 'often'"),
        ("busy_rate", True, "option busy_rate: must be a number, not True"),
        ("slow_answer_rate", 2, "option slow_answer_rate: must be from 0 to 1, not 2"),
        ("seed", "-1", "option seed: must be from 0 to 18446744073709551615, not -1"),
        ("seed", "1.5", "option seed: must be a whole number, not '1.5'"),
        ("talk_time", "-3", "option talk_time: a fixed time must be from 0 to 86400 s, not -3"),
        ("time_scale", 0, "option time_scale: must be from 1e-06 to 1000, not 0"),
        ("trunk_capacity", "-1", "option trunk_capacity: must be from 0 to 1000000, not -1"),
        ("calls_per_second", "inf", "option calls_per_second: must be from 0 to 1000000, not inf"),
        ("ring_timeout_s", 0, "option ring_timeout_s: must be from 0.001 to 3600, not 0"),
        ("utc_offset_h", 15, "option utc_offset_h: must be from -12 to 14, not 15"),
        ("outages", "90-60", "option outages: an outage must start .* not 90-60"),
        ("outages", "60-90:1", "option outages: must look like 60-90,200-210, not '60-90:1'"),
        ("outages", 60, "option outages: must look like 60-90,200-210, not 60"),
        ("answer_rate_by_hour", "8-25:1", "must have whole hours from 0 to 24, not 8-25"),
        ("answer_rate_by_hour", "8.5-9:1", "must have whole hours from 0 to 24, not 8.5-9"),
        ("answer_rate_by_hour", "8-9:2", "must have rates from 0 to 1, not 2"),
        ("answer_rate_by_hour", "8-9", "must look like 0-8:0.1,18-24:0.9, not '8-9'"),
        ("number_policy", "any", "must be one of shape, possible, valid, not 'any'"),
    ],
)
def test_a_bad_option_is_refused_by_name(name: str, value: object, message: str) -> None:
    """The message names the option and what it may be."""
    with pytest.raises(CarrierOptionError, match=message):
        read_options({name: value})


def test_rates_that_add_up_to_more_than_one_are_refused() -> None:
    """A dial has one fate: the message lists the rates, the untouched defaults among them."""
    with pytest.raises(CarrierOptionError, match=r"add up to 1\.2.*busy_rate=0\.9, no_answer"):
        SimulatorOptions(busy_rate=0.9)


def test_rates_may_add_up_to_exactly_one() -> None:
    """Rounding of binary fractions is no reason to refuse."""
    SimulatorOptions(
        busy_rate=0.1,
        no_answer_rate=0.2,
        failed_rate=0.3,
        rejected_rate=0.1,
        invalid_rate=0.1,
        voicemail_rate=0.2,
    )


@pytest.mark.parametrize("name", [field.name for field in fields(SimulatorOptions)])
def test_every_option_is_documented(name: str) -> None:
    """The class's docstring tells each option."""
    assert f"``{name}``" in (SimulatorOptions.__doc__ or "")
