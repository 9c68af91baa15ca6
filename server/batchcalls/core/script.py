"""What a voice says: whether a script is sound, and its text with the variables filled in.

A script has exactly one of a text and steps. A text may hold placeholders, ``{{name}}``,
with spaces inside the braces if one likes; a name is ASCII letters, digits and
underscores, and doesn't begin with a digit. There are no escapes, conditions or loops.
``}}`` alone is plain text; ``{{`` always begins a placeholder.

The limits hold for the script as the client gives it, and one for what is said in the end; the
values of variables are limited where they come in. A value is put in as it is: ``{{x}}`` inside a
value stays.
"""

from __future__ import annotations

import re
from collections import Counter
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

MAX_RENDERED_BYTES = 262_144
"""The most UTF-8 bytes in all texts of one script with its variables filled in: hours of speech.

A variable may be named in every fifth byte, so without it a script would grow a thousandfold.
"""

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
    if not problems:
        size = template.rendered_bytes(variables)
        if size > MAX_RENDERED_BYTES:
            words = f"is {size:,} bytes long with its variables filled in"
            problems.append(Problem("", f"{words}; at most {MAX_RENDERED_BYTES:,} are allowed"))
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

    Raises:
      ValueError: the texts would be longer than ``MAX_RENDERED_BYTES``.
    """
    texts = (script.text, *script.steps) if script.text else script.steps
    if "{{" not in "\n".join(texts):
        return texts
    if _template(script).rendered_bytes(variables) > MAX_RENDERED_BYTES:
        raise ValueError("the script is too long with its variables filled in")
    return tuple([_fill(text, variables) for text in texts])


def _fill(text: str, variables: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: variables[match[1]], text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """A script as read once: its own problems, and where it needs which variables.

    ``literal_bytes`` is what it holds beside placeholders, ``uses`` how often it names each.
    """

    problems: tuple[Problem, ...]
    needs: tuple[tuple[str, str], ...]
    literal_bytes: int
    uses: tuple[tuple[str, int], ...]

    def rendered_bytes(self, variables: Mapping[str, str]) -> int:
        """How long all texts are with the variables filled in, in UTF-8."""
        filled = (count * _utf8_bytes(variables.get(name, "")) for name, count in self.uses)
        return self.literal_bytes + sum(filled)


# Calls that share a script come one after the other; a few are kept, since each may be large.
@lru_cache(maxsize=8)
def _template(script: Script) -> _Template:
    problems = tuple(islice(_problems(script), MAX_PROBLEMS))
    needs: Counter[tuple[str, str]] = Counter()
    uses: Counter[str] = Counter()
    literal_bytes = 0
    for path, text in () if problems else _texts(script):
        literal_bytes += _utf8_bytes(text)
        for match in _PLACEHOLDER.finditer(text):
            needs[path, match[1]] += 1
            uses[match[1]] += 1
            literal_bytes -= len(match[0])
    return _Template(
        problems=problems,
        needs=tuple(needs),
        literal_bytes=literal_bytes,
        uses=tuple(uses.items()),
    )


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


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
    size = sum(_utf8_bytes(text) for _, text in _texts(script))
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
