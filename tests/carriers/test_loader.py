"""Carriers are found by name, and each failure says what the operator can do."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint

import pytest

from batchcalls.carriers.base import CarrierOptionError
from batchcalls.carriers.loader import GROUP, CarrierLoadError, load_carrier
from batchcalls_simulator.carrier import SimulatorCarrier

SIMULATOR = EntryPoint("simulator", "batchcalls_simulator.carrier:create", GROUP)


def entry(value: str, *, name: str = "acme") -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def fail_to_start(options: Mapping[str, object]) -> object:
    """A factory that fails."""
    raise ConnectionError("no route to acme")


def build_something_else(options: Mapping[str, object]) -> object:
    """A factory of the wrong thing."""
    return dict(options)


not_callable = "acme"


def test_a_carrier_is_built_with_its_options() -> None:
    """Options go to the carrier's own factory as they were given."""
    carrier = load_carrier("simulator", {"seed": "7", "busy_rate": 0.2}, installed=[SIMULATOR])
    assert isinstance(carrier, SimulatorCarrier)
    assert (carrier.options.seed, carrier.options.busy_rate) == (7, 0.2)


def test_an_unknown_carrier_is_refused_with_the_known_ones() -> None:
    """The message lists what is installed."""
    installed = [SIMULATOR, entry("acme:create")]
    with pytest.raises(
        CarrierLoadError, match="there is no carrier 'twilight'; installed: acme, simulator"
    ):
        load_carrier("twilight", {}, installed=installed)


def test_no_carrier_at_all_is_told_as_such() -> None:
    """An environment without carriers is told apart from a misspelled name."""
    with pytest.raises(CarrierLoadError, match="installed: none"):
        load_carrier("simulator", {}, installed=[])


def test_by_default_the_environment_is_searched() -> None:
    """Whatever is installed here, this name is not."""
    with pytest.raises(CarrierLoadError, match="there is no carrier 'no such carrier'"):
        load_carrier("no such carrier", {})


def test_two_packages_that_offer_one_name_are_refused() -> None:
    """Nobody's phone rings through whichever package happens to come first."""
    installed = [entry("acme:create"), entry("other:create")]
    with pytest.raises(CarrierLoadError, match="more than once: acme:create, other:create"):
        load_carrier("acme", {}, installed=installed)


def test_one_package_found_twice_is_one_offer() -> None:
    """The same target under the same name is no conflict."""
    load_carrier("simulator", {}, installed=[SIMULATOR, SIMULATOR])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:create", "can't be imported from no_such_module:create: ModuleNotFound"),
        ("batchcalls_simulator.carrier:nothing", "can't be imported .* AttributeError"),
        (f"{__name__}:not_callable", "isn't a factory"),
        (f"{__name__}:fail_to_start", "can't be started: ConnectionError: no route to acme"),
        (f"{__name__}:build_something_else", "its factory built .*, not a Carrier"),
    ],
)
def test_a_carrier_that_cannot_be_started_says_why(value: str, message: str) -> None:
    """Import failures, failing factories and factories of something else are told apart."""
    with pytest.raises(CarrierLoadError, match=message):
        load_carrier("acme", {}, installed=[entry(value)])


def test_a_bad_option_is_told_in_the_carriers_own_words() -> None:
    """The loader adds nothing to what a carrier says about its options."""
    with pytest.raises(CarrierOptionError, match=r"^unknown option 'bussy_rate'; did you mean"):
        load_carrier("simulator", {"bussy_rate": "0.2"}, installed=[SIMULATOR])
