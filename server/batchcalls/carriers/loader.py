"""Finds a carrier by name and builds it from its options.

Carriers register a factory under the entry-point group ``batchcalls.carriers``:

    [project.entry-points."batchcalls.carriers"]
    acme = "acme_batchcalls:create"

The factory is called as ``create(options)`` with the options as given: text from a command
line (``--carrier-option busy_rate=0.2``) or plain TOML values. What they mean is its own
business; for one that it can't use it raises ``CarrierOptionError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from batchcalls.carriers.base import Carrier, CarrierError, CarrierOptionError

GROUP = "batchcalls.carriers"
"""The entry-point group in which carriers register."""


class CarrierLoadError(CarrierError):
    """There is no such carrier, or it can't be started; the text is for the operator."""


def load_carrier(
    name: str,
    options: Mapping[str, object],
    *,
    installed: Iterable[EntryPoint] | None = None,
) -> Carrier:
    """The carrier that is registered as ``name``, built with ``options``.

    ``installed`` is where to look; by default, the packages of this Python environment.

    Raises:
      CarrierLoadError: no package, or more than one, offers that carrier; it can't be
        imported; its factory fails or builds something else.
      CarrierOptionError: the carrier refuses an option.
    """
    found = tuple(entry_points(group=GROUP) if installed is None else installed)
    return _build(name, _import(_find(name, found)), options)


def _find(name: str, found: tuple[EntryPoint, ...]) -> EntryPoint:
    by_target = {entry.value: entry for entry in found if entry.name == name}
    if not by_target:
        known = ", ".join(sorted({entry.name for entry in found})) or "none"
        raise CarrierLoadError(f"there is no carrier {name!r}; installed: {known}")
    if len(by_target) > 1:
        raise CarrierLoadError(
            f"carrier {name!r} is offered more than once: {', '.join(sorted(by_target))}"
        )
    return next(iter(by_target.values()))


def _import(entry: EntryPoint) -> Callable[[Mapping[str, object]], object]:
    try:
        factory: object = entry.load()
    except Exception as error:
        raise CarrierLoadError(
            f"carrier {entry.name!r} can't be imported from {entry.value}: {_tell(error)}"
        ) from error
    if not callable(factory):
        raise CarrierLoadError(f"carrier {entry.name!r}: {entry.value} isn't a factory")
    return factory


def _build(
    name: str, factory: Callable[[Mapping[str, object]], object], options: Mapping[str, object]
) -> Carrier:
    try:
        carrier = factory(options)
    except CarrierOptionError:
        raise
    except Exception as error:
        raise CarrierLoadError(f"carrier {name!r} can't be started: {_tell(error)}") from error
    if not isinstance(carrier, Carrier):
        raise CarrierLoadError(f"carrier {name!r}: its factory built {carrier!r}, not a Carrier")
    return carrier


def _tell(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
