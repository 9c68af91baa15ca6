"""Scripts: what is accepted, what is named as wrong, and what is said in the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.core.model import Script
from batchcalls.core.script import (
    MAX_PROBLEMS,
    MAX_SCRIPT_BYTES,
    MAX_TEXT_CHARACTERS,
    Problem,
    names,
    oddities,
    render,
    violations,
)

GIVEN = {"name": "Ada", "x": "1", "_y2": "2"}


def paths(script: Script) -> list[str]:
    return [problem.path for problem in violations(script, GIVEN)]


@pytest.mark.parametrize(
    "script",
    [
        Script(text="Hello."),
        Script(steps=("Hello.", "Goodbye.")),
        Script(text="Hello {{name}}, {{ x }} and {{  _y2}}!"),
        Script(steps=("Hello {{name}}", "{{name}}{{name}}")),
        Script(text="a } b }} c { d {e}"),
        Script(type="anything at all", text="ok"),
    ],
)
def test_a_sound_script_has_no_violations(script: Script) -> None:
    """A text or steps, with every variable given and well written, is accepted."""
    assert violations(script, GIVEN) == []


def test_text_and_steps_exclude_each_other() -> None:
    """A script with both is refused as a whole."""
    problems = violations(Script(text="a", steps=("b",)), {})
    assert problems == [Problem("", "has both text and steps; give exactly one of them")]


def test_one_of_text_and_steps_is_needed() -> None:
    """A script with neither is refused as a whole."""
    problems = violations(Script(), {})
    assert problems == [Problem("", "has neither text nor steps; give exactly one of them")]


@pytest.mark.parametrize("blank", [" ", "\n\t", "\u2003"])
def test_a_blank_text_is_refused(blank: str) -> None:
    """There must be something to say."""
    assert violations(Script(text=blank), {}) == [Problem("text", "is blank")]


def test_every_empty_step_is_named() -> None:
    """Each step that says nothing is a violation of its own."""
    problems = violations(Script(steps=("a", "", "b", "  ")), {})
    assert problems == [Problem("steps[1]", "is empty"), Problem("steps[3]", "is blank")]


def test_every_missing_variable_is_named_once_per_text() -> None:
    """A variable that isn't given is named for each text that needs it."""
    problems = violations(Script(steps=("{{a}}{{ a }}{{name}}", "{{b}}", "{{a}}")), GIVEN)
    assert problems == [
        Problem("steps[0]", 'the variable "a" is not given'),
        Problem("steps[1]", 'the variable "b" is not given'),
        Problem("steps[2]", 'the variable "a" is not given'),
    ]


def test_calls_that_share_a_script_are_judged_by_their_own_variables() -> None:
    """The same script is sound for one call and not for the next."""
    script = Script(text="{{city}}")
    assert violations(script, {"city": "Oslo"}) == []
    assert len(violations(script, {})) == 1
    assert violations(script, {"city": ""}) == []


def test_names_are_case_sensitive() -> None:
    """{{Name}} isn't {{name}}."""
    assert len(violations(Script(text="{{Name}}"), GIVEN)) == 1


@pytest.mark.parametrize(
    "name", ["", " ", "1a", "a b", "a-b", "a.b", "é", "na\nme", "\tname", "{name", "#if x"]
)
def test_a_bad_name_is_named(name: str) -> None:
    """Whatever stands in braces and isn't a name is refused, and shown."""
    problems = violations(Script(text=f"Hello {{{{{name}}}}}!"), GIVEN)
    description = f'"{name}" is not a variable name: letters, digits and underscores'
    assert problems == [Problem("text", description)]


@pytest.mark.parametrize("text", ["Hello {{name", "Hello {{", "{{name} }", "{{ {{name}}"])
def test_a_placeholder_without_an_end_is_named(text: str) -> None:
    """Braces that open a placeholder must close it before the next one."""
    problems = violations(Script(text=text), GIVEN)
    assert [problem.path for problem in problems] == ["text"]
    assert problems[0].description.endswith('has no closing "}}"')


def test_a_long_mistake_is_shown_in_short() -> None:
    """The description of a violation stays readable."""
    for text in ("{{" + "a " * 1_000, "{{" + "a " * 1_000 + "}}"):
        assert len(violations(Script(text=text), {})[0].description) < 120


def test_the_same_mistake_is_named_once_per_text() -> None:
    """A mistake that is repeated all over a text is one violation."""
    assert paths(Script(steps=("{{1}}{{1}}", "{{1}}"))) == ["steps[0]", "steps[1]"]


def test_all_violations_are_given_at_once() -> None:
    """One answer names everything that is wrong."""
    script = Script(text="{{1}}", steps=("", "{{x", "x" * 5_000))
    assert paths(script) == ["", "text", "steps[0]", "steps[1]", "steps[2]"]


def test_the_length_of_a_text_is_limited_in_characters() -> None:
    """Exactly 4,096 code points are accepted, in a text or a step, whatever their bytes."""
    longest = "é" * MAX_TEXT_CHARACTERS
    assert violations(Script(text=longest), {}) == []
    assert violations(Script(steps=(longest,)), {}) == []
    description = "is 4,097 characters long; at most 4,096 are allowed"
    assert violations(Script(text=longest + "é"), {}) == [Problem("text", description)]


def test_the_size_of_a_script_is_limited_in_bytes() -> None:
    """Exactly 64 KiB of UTF-8 are accepted, over all steps."""
    steps = ("x" * MAX_TEXT_CHARACTERS,) * (MAX_SCRIPT_BYTES // MAX_TEXT_CHARACTERS)
    assert violations(Script(steps=steps), {}) == []
    description = "is 65,537 bytes long; at most 65,536 are allowed"
    assert violations(Script(steps=(*steps, "x")), {}) == [Problem("", description)]
    wide = ("é" * MAX_TEXT_CHARACTERS,) * 8
    assert violations(Script(steps=wide), {}) == []
    assert paths(Script(steps=(*wide, "é"))) == [""]


def test_the_length_is_that_of_the_template() -> None:
    """A long value may make the rendered text longer than the limit."""
    script = Script(text="{{name}}")
    variables = {"name": "x" * 10_000}
    assert violations(script, variables) == []
    assert render(script, variables) == ("x" * 10_000,)


@pytest.mark.parametrize(("letter", "most"), [("x", 1_024), ("é", 512)])
def test_what_is_said_in_the_end_is_bounded(letter: str, most: int) -> None:
    """256 KiB of UTF-8: a short script that names a long value often doesn't become gigabytes."""
    script = Script(steps=("{{name}}" * 256,))
    fits = {"name": letter * most}
    assert violations(script, fits) == []
    assert render(script, fits) == (letter * most * 256,)
    words = "is 262,145 bytes long with its variables filled in; at most 262,144 are allowed"
    longer = Script(steps=(*script.steps, "."))
    assert violations(longer, fits) == [Problem("", words)]
    with pytest.raises(ValueError, match="too long"):
        render(longer, fits)


def test_the_list_of_violations_is_bounded() -> None:
    """A script of nothing but mistakes doesn't make an endless list."""
    assert len(violations(Script(steps=("",) * 100_000), {})) == MAX_PROBLEMS
    many = " ".join(f"{{{{a{index}}}}}" for index in range(400))
    assert len(violations(Script(text=many), {})) == MAX_PROBLEMS


def test_half_a_character_is_no_crash() -> None:
    """A lone surrogate, as JSON can write it, is counted like any other code point."""
    assert violations(Script(text="\ud800"), {}) == []


def test_a_text_renders_to_one_text_and_steps_to_as_many() -> None:
    """Rendering keeps the order, and says nothing of the type."""
    assert render(Script(text="Hello"), {}) == ("Hello",)
    assert render(Script(steps=("a", "b", "c")), {}) == ("a", "b", "c")


def test_placeholders_are_filled_with_or_without_spaces() -> None:
    """{{name}} and {{ name }} are the same; everything around them stays."""
    script = Script(steps=("Hi {{name}}!", "{{ name }}{{x}} }} {x}"))
    assert render(script, GIVEN) == ("Hi Ada!", "Ada1 }} {x}")


def test_a_placeholder_in_any_step_is_filled() -> None:
    """Also where the first steps have none."""
    script = Script(steps=("Hello", "Hi {{name}}!"))
    assert render(script, GIVEN) == ("Hello", "Hi Ada!")


def test_values_are_put_in_as_they_are() -> None:
    """A value that looks like a placeholder or a pattern isn't expanded again."""
    values = {"a": "{{b}}", "b": r"\1 \g<0> $1 %s"}
    assert render(Script(text="{{a}}|{{b}}"), values) == (r"{{b}}|\1 \g<0> $1 %s",)


PIECES = st.lists(
    st.sampled_from(["{", "}", "{{", "}}", " ", "a", "b", "1", "-", "{{a}}", "{{ b }}", "x y"])
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@given(text=PIECES)
def test_a_sound_script_renders_completely(text: str) -> None:
    """A script without violations has no braces left to fill, and rendering it never fails."""
    script = Script(text=text)
    variables = {"a": "A", "b": "B"}
    if violations(script, variables) == []:
        (rendered,) = render(script, variables)
        assert "{{" not in rendered or "{{" not in text


@given(parts=st.lists(st.tuples(st.text("xyz {}", max_size=4), st.sampled_from("ab")), max_size=6))
def test_rendering_is_putting_values_between_the_plain_parts(
    parts: list[tuple[str, str]],
) -> None:
    """Text between placeholders is kept to the letter; each placeholder becomes its value."""
    values = {"a": "one", "b": "{{a}}"}
    plain = [(text.replace("{", "").replace("}", ""), name) for text, name in parts]
    template = "".join(f"{text}{{{{{name}}}}}" for text, name in plain) + "."
    expected = "".join(text + values[name] for text, name in plain) + "."
    assert violations(Script(text=template), values) == []
    assert render(Script(text=template), values) == (expected,)


def test_a_script_tells_the_variables_that_it_names() -> None:
    """Each once, wherever it stands."""
    assert names(Script(steps=("{{a}} {{ b }}", "{{a}} {c}"))) == {"a", "b"}
    assert names(Script(text="Hello.")) == frozenset()


@pytest.mark.parametrize(
    "text", ["Hello {name}.", "{ name }", "{{x}} {name} {name}", "{{x}}{name}", "{name}}"]
)
def test_a_name_in_single_braces_is_odd(text: str) -> None:
    """It looks like a variable and is spoken as it stands; a text is told of once."""
    assert [problem.path for problem in oddities(Script(text=text))] == ["text"]


@pytest.mark.parametrize(
    "text", ["Hello {{name}}.", "{{ name }}", "{}", "{1}", "{a b}", "} {", "{"]
)
def test_other_braces_are_not_odd(text: str) -> None:
    """A variable, or something that isn't a name."""
    assert list(oddities(Script(text=text))) == []


def test_every_odd_step_is_named() -> None:
    """By its path, with what was found in it, cut short."""
    odd = list(oddities(Script(steps=("{a}", "fine", "{" + "b" * 100 + "}"))))
    assert [problem.path for problem in odd] == ["steps[0]", "steps[2]"]
    assert '"{a}" is spoken as it stands' in odd[0].description
    assert len(odd[1].description) < 100
