"""The command line and the settings of a server, from the code that declares them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from inspect import Parameter, signature
from itertools import chain
from typing import Final, get_args, get_type_hints

from pydantic.fields import FieldInfo
from typer.models import ArgumentInfo, CommandInfo, OptionInfo

import batchcalls.cli  # noqa: F401 - imported to register its commands
from batchcalls.cli.app import MOST, app
from batchcalls.config import Settings
from tools.markdown import plain, sentence, table

_BOUNDS: Final = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One parameter of a command: ``name`` in the code, ``usage`` on the command line."""

    name: str
    usage: str
    is_option: bool
    meaning: str


def commands() -> str:
    """A section for each command: usage, what it does, its options."""
    return "\n\n".join(map(command_section, app.registered_commands))


def command_section(command: CommandInfo) -> str:
    """How a command is used."""
    found = list(arguments(command))
    places = [each.usage for each in found if not each.is_option]
    usage = " ".join(["batchcalls", str(command.name), *places, "[OPTIONS]"])
    assert command.callback is not None
    assert command.callback.__doc__ is not None
    rows = [(f"`{each.usage}`", each.meaning) for each in found if each.meaning]
    text = command.callback.__doc__.strip()
    return f"### {command.name}\n\n    {usage}\n\n{text}\n\n{table(('Argument', 'Meaning'), rows)}"


def arguments(command: CommandInfo) -> Iterator[Argument]:
    """The parameters of a command, in the order of its signature."""
    assert command.callback is not None
    hints = get_type_hints(command.callback, include_extras=True)
    for name, parameter in signature(command.callback).parameters.items():
        kind, info = get_args(hints[name])
        yield argument(parameter, kind, info)


def argument(parameter: Parameter, kind: object, info: OptionInfo | ArgumentInfo) -> Argument:
    """One parameter, from its type and from what was said about it."""
    is_option = isinstance(info, OptionInfo)
    place = "" if kind is bool else str(info.metavar or ("WORD" if words_of(kind) else "N"))
    parts = (
        info.help,
        f"One of {', '.join(words_of(kind))}." if words_of(kind) else "",
        sentence(limits(info.min, info.max)),
        default_of(parameter.default) if info.show_default else "",
        f"Or by `{info.envvar}`." if info.envvar else "",
    )
    return Argument(
        name=parameter.name,
        usage=f"{', '.join(names(parameter, info))} {place}".strip() if is_option else place,
        is_option=is_option,
        meaning=" ".join(filter(None, parts)),
    )


def names(parameter: Parameter, info: OptionInfo | ArgumentInfo) -> list[str]:
    """The names of an option, those that were declared or the one that typer makes.

    Inside of ``Annotated`` the first declared name stands where the default usually does.
    """
    declared = [each for each in (info.default, *(info.param_decls or ())) if type(each) is str]
    return declared or [f"--{parameter.name.replace('_', '-')}"]


def words_of(kind: object) -> tuple[str, ...]:
    """What a parameter, or a list of them, takes that takes the words of an enum."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return tuple(kind)
    return tuple(chain.from_iterable(map(words_of, get_args(kind))))


def limits(low: float | None, high: float | None) -> Iterator[str]:
    """A closed range, in words."""
    if low is not None:
        yield f"at least {plain(low)}"
    if high is not None and high != MOST:
        yield f"at most {plain(high)}"


def default_of(default: object) -> str:
    """What holds where an option isn't given, unless it goes without saying."""
    if default in (None, False, "", Parameter.empty):
        return ""
    return f"Default `{plain(default)}`."


def settings() -> str:
    """Every setting: its name in the file, flag, environment variable, default and range."""
    flags = serve_flags()
    rows = []
    for name, field in Settings.model_fields.items():
        once = name.removesuffix("s")  # a flag that is repeated has the singular
        flag = flags.get(name) or (flags.get(once) if once not in Settings.model_fields else None)
        meaning = " ".join(filter(None, (field.description, bounds(field))))
        rows.append(
            (
                f"`{name}`",
                flag or "–",
                f"`BATCHCALLS_{name.upper()}`",
                field_default(field),
                meaning,
            )
        )
    return table(("Setting", "Flag", "Environment", "Default", "Meaning"), rows)


def serve_flags() -> dict[str, str]:
    """The flag of ``serve`` for each parameter of it."""
    serve = next(command for command in app.registered_commands if command.name == "serve")
    return {each.name: f"`{each.usage.split()[0]}`" for each in arguments(serve)}


def field_default(field: FieldInfo) -> str:
    """The default of a setting; a dash for none."""
    default = field.get_default(call_default_factory=True, validated_data={})
    return "–" if default in (None, {}) else f"`{plain(default)}`"


def bounds(field: FieldInfo) -> str:
    """The range of a setting, in words."""
    found = [
        f"{words} {plain(getattr(each, name))}"
        for each in field.metadata
        for name, words in _BOUNDS.items()
        if hasattr(each, name)
    ]
    return sentence(found)
