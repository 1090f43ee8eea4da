"""A single written value with its place; constant ones are read at once, those with `${…}` when a target asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bake.errors import Diagnostic, InputError
from bake.spec.atoms import Atom
from bake.spec.document import Number, Place
from bake.spec.keys import describe
from bake.spec.redact import redact_finding
from bake.spec.report import Report
from bake.spec.template import Lookup, TemplateError, parse_template
from bake.spec.values import Refused

DROPPED: Any = object()
"""Instead of a value: `${CI:+…}` came to nothing, so that the element or key is left out."""


class Leaf:
    """`raw` as TOML gave it; `value` is final when `constant`. Never changed once made."""

    __slots__ = ("atom", "constant", "place", "raw", "value")

    def __init__(self, raw: Any, atom: Atom, place: Place, constant: bool, value: Any = None) -> None:
        self.raw, self.atom, self.place, self.constant, self.value = raw, atom, place, constant, value

    def evaluate(self, lookup: Lookup, secrets: set[str]) -> Any:
        """The final value; DROPPED when it expands to nothing and its kind allows that.

        Adds to `secrets` what it shows of sensitive variables. Raises InputError, placed here or where a name leads to.
        """
        if self.constant:
            return self.value
        shown: set[str] = set()
        try:
            raw = _expand(self.raw, lookup, shown)
            return DROPPED if raw == "" and self.atom.drops_empty else self.atom.convert(raw)
        except TemplateError as error:
            raise InputError(template_finding(error, self.place)) from None
        except Refused as problem:
            findings = refusals(problem, self.place)
            raise InputError(tuple(redact_finding(each, shown) for each in findings)) from None
        except RecursionError:
            message = "values are nested too deeply"
            raise InputError(Diagnostic("nested-too-deeply", message, self.place.span())) from None
        finally:
            secrets |= shown


def read_leaf(raw: Any, atom: Atom, place: Place, report: Report, name: str, *, coerce: bool = False) -> Leaf | None:
    """Checks one value; None (and a finding) when it cannot be. `coerce`: a text may stand for any type (`--set`)."""
    constant = not _holds(raw, "${")
    if type(raw) not in atom.types and not (isinstance(raw, str) and atom.takes_text and (coerce or not constant)):
        message = f"`{name}` must be {atom.says}, not {describe(raw)}"
        report.add(Diagnostic("wrong-type", message, place.span(), _type_hint(raw, atom)))
        return None
    if _holds(raw, "\0"):
        report.add(Diagnostic("bad-value", f"`{name}` holds a NUL character, which no program takes", place.span()))
        return None
    if not constant:
        return Leaf(raw, atom, place, False) if _check_templates(raw, place, report) else None
    try:
        return Leaf(raw, atom, place, True, atom.convert(raw))
    except Refused as problem:
        report.extend(refusals(problem, place))
        return None


def refusals(problem: Refused, place: Place) -> Iterator[Diagnostic]:
    """The findings of a refused value that stands at `place`."""
    for one in (problem, *problem.others):
        where = place
        for part in one.at:
            where = where / part
        span = where.key_span() if one.key else where.span()
        yield Diagnostic(one.code, one.message, span, one.hint)


def template_finding(error: TemplateError, place: Place) -> Diagnostic:
    """The finding of a template that stands at `place`."""
    return Diagnostic(error.code, error.message, place.span(error.part), error.hint)


def texts_in(raw: Any) -> Iterator[str]:
    """All texts in a value, in any order, however deep."""
    todo = [raw]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            todo += value
        elif isinstance(value, dict):
            todo += value.values()


def _holds(raw: Any, part: str) -> bool:
    if isinstance(raw, str):
        return part in raw
    return isinstance(raw, list | dict) and any(part in text for text in texts_in(raw))


def _check_templates(raw: Any, place: Place, report: Report) -> bool:
    good = True
    for text in texts_in(raw):
        try:
            parse_template(text)
        except TemplateError as error:
            report.add(template_finding(error, place))
            good = False
    return good


def _expand(raw: Any, lookup: Lookup, secrets: set[str]) -> Any:
    if isinstance(raw, str):
        value = parse_template(raw).expand(lookup)
        secrets |= value.secrets
        return value.text
    if isinstance(raw, list):
        return [_expand(element, lookup, secrets) for element in raw]
    if isinstance(raw, Mapping):
        return {name: _expand(element, lookup, secrets) for name, element in raw.items()}
    return raw


def _type_hint(raw: Any, atom: Atom) -> str | None:
    if str in atom.types and isinstance(raw, int | Number) and not isinstance(raw, bool):
        return f'write "{raw.text if isinstance(raw, Number) else raw}"'
    if bool in atom.types and raw in ("true", "false"):
        return f"write {raw} without quotes"
    if str in atom.types and not isinstance(raw, str | list | dict | bool):
        return "put it in quotes"
    return None
