"""What names in `${…}` stand for: variables, `env.*` and `git.*`, each evaluated when it is met and once a run.

A name of a file is looked for in that file, then in the one that includes it, and so on up (lexical scope).
Precedence of a variable: `--var` > environment > profile > default (SPEC §1).
"""

from __future__ import annotations

from collections.abc import Mapping

from bake.errors import Diagnostic, InputError, Source
from bake.spec.declarations import Variable
from bake.spec.document import Document, Place
from bake.spec.leaf import texts_in
from bake.spec.patterns import pattern_of
from bake.spec.positions import Positions
from bake.spec.report import Report, did_you_mean
from bake.spec.request import GIT_FACTS, Request
from bake.spec.template import TemplateError, Value
from bake.spec.workspace import Member, Spec, lineage

_DEPTH_LIMIT = 50
_TEXT_LIMIT = 32_000_000
"""Characters that all `${…}` of one run may stand for."""
_SHOWN = 200
"""Characters of a wrong value that a message shows."""
_Slot = tuple[Member, str]


class Names:
    """The values of one run. Lookups raise TemplateError for the place that asks, InputError for faults elsewhere."""

    def __init__(self, spec: Spec, request: Request) -> None:
        self._spec = spec
        self._request = request
        self._profiled = _profiled(spec, request.profiles)
        self._values: dict[_Slot, Value | InputError] = {}
        self._open: list[_Slot] = []
        self._git: Mapping[str, str] | None = None
        self._text_left = _TEXT_LIMIT

    def lookup(self, name: str, part: str, plain: bool, member: Member) -> Value:
        """A variable that `member` sees, `env.NAME` or `git.NAME`."""
        space, dot, rest = name.partition(".")
        if not dot:
            return self._variable(name, part, member)
        if space == "env":
            return self._environment(rest, part, plain)
        if space == "git":
            return self._git_fact(rest, part, plain)
        hint = did_you_mean(space, ("env", "git", "target"))
        raise TemplateError(f"`{name}` is not known", part, hint, code="undefined-name")

    def variable(self, member: Member, name: str) -> Variable:
        """The declaration of `member`'s variable with the changes of the profiles."""
        return self._profiled.get((member, name)) or member.file.variables[name]

    def value_of(self, member: Member, name: str) -> Value:
        """The value of a variable that `member` declares. Raises InputError."""
        slot = (member, name)
        found = self._values.get(slot)
        if found is None:
            if slot in self._open:
                raise InputError(self._circle(slot))
            if len(self._open) > _DEPTH_LIMIT:
                message = f"variables stand for each other more than {_DEPTH_LIMIT} deep"
                raise InputError(Diagnostic("nested-too-deeply", message, self.variable(member, name).place.span()))
            self._open.append(slot)
            try:
                found = self._evaluate(member, self.variable(member, name))
            except InputError as error:
                found = error
            finally:
                self._open.pop()
            self._values[slot] = found
        if isinstance(found, InputError):
            raise found
        return found

    def count(self, expanded: object) -> None:
        """Called for each value that `${…}` made. Raises InputError, without a place, when they are too much text."""
        self._text_left -= len(expanded) if isinstance(expanded, str) else sum(map(len, texts_in(expanded)))
        if self._text_left < 0:
            message = f"what `${{…}}` stand for comes to more than {_TEXT_LIMIT} characters"
            raise InputError(Diagnostic("too-much-text", message, hint="some variable holds another many times"))

    def origin(self, member: Member, name: str) -> str:
        """Where the value comes from: `--var`, `env NAME`, `profile`, `default`, or `` for nowhere."""
        variable = self.variable(member, name)
        env = self._from_environment(variable)
        if name in self._request.variables:
            return "--var"
        if env is not None:
            return f"env {variable.value('env')}"
        if "default" not in variable.keys:
            return ""
        own = member.file.variables[name].keys.get("default")
        return "default" if variable.keys["default"] is own else "profile"

    def check_request(self, report: Report) -> None:
        """Profiles and `--var` names that nothing declares."""
        known = tuple(dict.fromkeys(name for member in self._spec.members for name in member.file.variables))
        for name in self._request.variables:
            if name not in known:
                place = argument("--var", name, (0, len(name)))  # not the value, which may be secret
                message = f"--var: no variable is called `{name}`"
                report.add(Diagnostic("undefined-variable", message, place.span(), did_you_mean(name, known)))
        for name in self._request.profiles:
            if name not in self._spec.profiles:
                place = argument("--profile", name, (0, len(name)))
                message = f"--profile: no profile is called `{name}`"
                report.add(
                    Diagnostic("unknown-profile", message, place.span(), did_you_mean(name, self._spec.profiles))
                )

    def _variable(self, name: str, part: str, member: Member) -> Value:
        for owner in lineage(member):
            if name in owner.file.variables:
                return self.value_of(owner, name)
        known = tuple(dict.fromkeys(each for owner in lineage(member) for each in owner.file.variables))
        hint = did_you_mean(name, known)
        if name in self._request.environment:
            hint = f'declare it: [variable] {name} = {{ env = "{name}" }}, or write `${{env.{name}}}`'
        raise TemplateError(f"`{name}` is not defined", part, hint, code="undefined-variable")

    def _environment(self, name: str, part: str, plain: bool) -> Value:
        text = self._request.environment.get(name)
        if text is None and plain:
            hint = f"`${{env.{name}:-}}` is empty when it is not set"
            raise TemplateError(f"environment variable {name} is not set", part, hint, code="undefined-environment")
        return Value(text)

    def _git_fact(self, name: str, part: str, plain: bool) -> Value:
        if name not in GIT_FACTS:
            hint = did_you_mean(name, GIT_FACTS)
            raise TemplateError(f"`git.{name}` is not known", part, hint, code="undefined-name")
        if self._git is None:
            git = self._request.git
            self._git = git() if callable(git) else git
        text = self._git.get(name)
        if text is None and plain:
            reason = f"there is no git {name} here" if self._git else "this is no git repository"
            raise TemplateError(reason, part, f"`${{git.{name}:-}}` is empty without one", code="undefined-git-fact")
        return Value(text)

    def _evaluate(self, member: Member, variable: Variable) -> Value:
        text, secrets = self._text(member, variable)
        if text is None:
            if variable.value("required"):
                raise InputError(self._no_value(variable))
            return Value(None)
        pattern = variable.value("pattern")
        if pattern is not None and (trouble := _misfit(pattern, text)):
            shown = "the value" if variable.value("sensitive") or secrets else f"'{_cut(text)}'"
            origin = self.origin(member, variable.name)
            message = f"variable `{variable.name}`: {shown} (from {origin}) {trouble}"
            span = variable.keys["pattern"].place.span()
            about = variable.value("help")
            hint = f"{about} (the whole value must match)" if about else "the whole value must match"
            raise InputError(Diagnostic("pattern-mismatch", message, span, hint))
        if variable.value("sensitive") and text:
            secrets = secrets | {text}
        return Value(text, secrets)

    def _text(self, member: Member, variable: Variable) -> tuple[str | None, frozenset[str]]:
        given = self._request.variables.get(variable.name)
        if given is None:
            given = self._from_environment(variable)
        default = variable.keys.get("default")
        if given is not None or default is None:
            return given, frozenset()
        secrets: set[str] = set()
        text = str(default.evaluate(lambda name, part, plain: self.lookup(name, part, plain, member), secrets))
        if not default.constant:
            self.count(text)
        return text, frozenset(secrets)

    def _from_environment(self, variable: Variable) -> str | None:
        name = variable.value("env")
        text = self._request.environment.get(name) if name else None
        return text if text or variable.value("env-empty") else None

    def _no_value(self, variable: Variable) -> Diagnostic:
        name, env = variable.name, variable.value("env")
        hint = f"give --var {name}=…" + (f" or set the environment variable {env}" if env else "")
        return Diagnostic(
            "missing-value", f"variable `{name}` is required and has no value", variable.place.key_span(), hint
        )

    def _circle(self, slot: _Slot) -> Diagnostic:
        names = [name for _, name in self._open[self._open.index(slot) :]]
        message = f"variables stand for each other in a circle: {' → '.join([*names, names[0]])}"
        start = names.index(min(names))
        first = self._open[self._open.index(slot) + start]
        places = [self.variable(member, name).place for member, name in self._open[self._open.index(slot) :]]
        related = tuple((place.span(), "which uses the next") for place in places[1:])
        return Diagnostic("variable-cycle", message, self.variable(*first).place.span(), related=related)


def argument(option: str, text: str, key: tuple[int, int], value: tuple[int, int] | None = None) -> Place:
    """A place in an argument of the command line, shown as `<--set>:1:1`."""
    positions = Positions({("argument",): key}, {("argument",): value or key})
    return Place(Document(Source(f"<{option}>", text), None, known=positions), ("argument",))


def _profiled(spec: Spec, profiles: tuple[str, ...]) -> dict[_Slot, Variable]:
    changed: dict[_Slot, Variable] = {}
    for name in profiles:
        for member in spec.members:
            profile = member.file.profiles.get(name)
            for variable in profile.variables.values() if profile else ():
                for owner in lineage(member):
                    slot = (owner, variable.name)
                    if variable.name in owner.file.variables:
                        changed[slot] = (changed.get(slot) or owner.file.variables[variable.name]).over(variable)
                        break
    return changed


def _cut(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def _misfit(pattern: str, value: str) -> str:
    """What keeps a value from being of its pattern; "" where it is."""
    try:
        return "" if pattern_of(pattern).fits(value) else "does not match its pattern"
    except ValueError as error:
        return f"cannot be taken: {error}"
