"""What a voice says: whether a script is sound, and its text with the variables filled in.

A script has exactly one of a text and steps. A text may hold placeholders, ``{{name}}``,
with spaces inside the braces if one likes; a name is ASCII letters, digits and
underscores, and doesn't begin with a digit. There are no escapes, conditions or loops.
``}}`` alone is plain text; ``{{`` always begins a placeholder.

The limits hold for the script as the client gives it; the values of variables are limited
where they come in. A value is put in as it is: ``{{x}}`` inside a value stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from batchcalls.core.model import Script

MAX_TEXT_CHARACTERS = 4_096
"""The most Unicode code points in one text or step: about five minutes of speech."""

MAX_SCRIPT_BYTES = 65_536
"""The most UTF-8 bytes in all texts of one script; every call of a batch may carry its own."""

MAX_PROBLEMS = 100
"""The most problems that are listed for one script: it may hold one every two characters."""

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_NAME_WITH_SPACES = re.compile(f" *({_NAME}) *")
_PLACEHOLDER = re.compile(r"\{\{ *(" + _NAME + r") *\}\}")
_SINGLE_BRACES = re.compile(r"(?<!\{)\{ *" + _NAME + r" *\}")


class Problem(NamedTuple):
    """What is wrong with a script, at ``path`` inside it: ``text``, ``steps[2]``, or "" for all."""

    path: str
    description: str


def violations(script: Script, variables: Mapping[str, str]) -> list[Problem]:
    """Everything that is wrong with the script of one call, up to ``MAX_PROBLEMS``; none is good.

    Cheap for many calls that share a script: its texts are read once.
    """
    template = _template(script)
    problems = list(template.problems)
    for path, name in template.needs:
        if name not in variables:
            problems.append(Problem(path, f'the variable "{name}" is not given'))
    return problems[:MAX_PROBLEMS]


def names(script: Script) -> frozenset[str]:
    """The variables that the script names."""
    return frozenset(name for _, name in _template(script).needs)


def oddities(script: Script) -> Iterator[Problem]:
    """What the script may hold but hardly means: a name in single braces, told once a text."""
    for path, text in _texts(script):
        found = _SINGLE_BRACES.search(text) if "{" in text else None
        if found:
            words = f'"{found[0][:40]}" is spoken as it stands; a variable is {{{{name}}}}'
            yield Problem(path, words)


def render(script: Script, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The texts to say, variables filled in: the steps, or the text alone.

    The script must be without ``violations`` for these variables.
    """
    return tuple(_fill(text, variables) for _, text in _texts(script))


def _fill(text: str, variables: Mapping[str, str]) -> str:
    if "{{" not in text:
        return text
    return _PLACEHOLDER.sub(lambda match: variables[match[1]], text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """A script as read once: its own problems, and where it needs which variables."""

    problems: tuple[Problem, ...]
    needs: tuple[tuple[str, str], ...]


# Calls that share a script come one after the other; a few are kept, since each may be large.
@lru_cache(maxsize=8)
def _template(script: Script) -> _Template:
    problems = tuple(islice(_problems(script), MAX_PROBLEMS))
    needs: dict[tuple[str, str], None] = {}
    if not problems:
        for path, text in _texts(script):
            needs.update(dict.fromkeys((path, match[1]) for match in _PLACEHOLDER.finditer(text)))
    return _Template(problems=problems, needs=tuple(needs))


def _texts(script: Script) -> Iterator[tuple[str, str]]:
    if script.text:
        yield "text", script.text
    for index, step in enumerate(script.steps):
        yield f"steps[{index}]", step


def _problems(script: Script) -> Iterator[Problem]:
    if script.text and script.steps:
        yield Problem("", "has both text and steps; give exactly one of them")
    if not script.text and not script.steps:
        yield Problem("", "has neither text nor steps; give exactly one of them")
    size = sum(len(text.encode(errors="surrogatepass")) for _, text in _texts(script))
    if size > MAX_SCRIPT_BYTES:
        yield Problem("", f"is {size:,} bytes long; at most {MAX_SCRIPT_BYTES:,} are allowed")
    for path, text in _texts(script):
        for description in _text_problems(text):
            yield Problem(path, description)


def _text_problems(text: str) -> Iterator[str]:
    if not text.strip():
        yield "is empty" if not text else "is blank"
    if len(text) > MAX_TEXT_CHARACTERS:
        yield f"is {len(text):,} characters long; at most {MAX_TEXT_CHARACTERS:,} are allowed"
    elif "{{" in text:
        yield from dict.fromkeys(_placeholder_problems(text))


def _placeholder_problems(text: str) -> Iterator[str]:
    for rest in text.split("{{")[1:]:
        name, closing, _ = rest.partition("}}")
        if not closing:
            yield f'"{{{{{name[:20]}" has no closing "}}}}"'
        elif not _NAME_WITH_SPACES.fullmatch(name):
            yield f'"{name[:40]}" is not a variable name: letters, digits and underscores'
