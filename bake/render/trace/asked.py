"""What the variables of OpenTelemetry ask for; those that the exporter reads itself are left to it.

opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables: an empty variable is as one that is not set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bake.errors import Diagnostic

Way = Literal["http/protobuf", "grpc", "console"]
_PREFIX = "OTEL_EXPORTER_OTLP_"
_ENDPOINTS = (f"{_PREFIX}TRACES_ENDPOINT", f"{_PREFIX}ENDPOINT")
_PROTOCOLS = (f"{_PREFIX}TRACES_PROTOCOL", f"{_PREFIX}PROTOCOL")
_OTLP: dict[str, Way] = {"http/protobuf": "http/protobuf", "grpc": "grpc"}
_EXPORTER = "OTEL_TRACES_EXPORTER"


@dataclass(frozen=True)
class Asked:
    """`ways` to send the trace, perhaps none; `problems` are warnings about what is asked for and cannot be done."""

    variable: str
    ways: tuple[Way, ...]
    problems: tuple[Diagnostic, ...] = ()


def asked(environment: Mapping[str, str]) -> Asked | None:
    """None: no trace is wanted."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    names = [name for each in environment.get(_EXPORTER, "").split(",") if (name := each.strip().lower())]
    if not names:
        variable = _first(environment, _ENDPOINTS)
        return _asked(environment, variable, ["otlp"]) if variable else None
    return _asked(environment, _EXPORTER, names) if names != ["none"] else None


def _asked(environment: Mapping[str, str], variable: str, names: list[str]) -> Asked:
    ways: list[Way] = []
    problems: list[Diagnostic] = []
    for name in dict.fromkeys(names):
        if name == "console":
            ways.append("console")
        elif name == "otlp":
            protocol = _first(environment, _PROTOCOLS)
            value = environment[protocol].strip().lower() if protocol else "http/protobuf"
            if value in _OTLP:
                ways.append(_OTLP[value])
            else:
                problems.append(_unusable(protocol, value, "http/protobuf and grpc"))
        elif name != "none":
            problems.append(_unusable(_EXPORTER, name, "otlp, console and none"))
    return Asked(variable, tuple(ways), tuple(problems))


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((name for name in names if environment.get(name, "").strip()), "")


def _unusable(variable: str, value: str, known: str) -> Diagnostic:
    message = f"{variable} is '{value}', which bake does not have: no trace is sent that way"
    return Diagnostic("telemetry-setting", message, hint=f"there are {known}", severity="warning")
