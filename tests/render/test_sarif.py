"""Diagnostics as SARIF."""

from __future__ import annotations

from inline_snapshot import snapshot

from bake.errors import Diagnostic, Source
from bake.render.sarif import sarif


def test_log() -> None:
    source = Source("services/a b/Dockerfile", "FROM x\nRUN y\n")
    found = [
        Diagnostic("b-rule", "wrong", source.span(7, 12), "do so", related=((source.span(0, 4), "here"),)),
        Diagnostic("a-rule", "worth a look", severity="info"),
    ]
    assert sarif(found, "1.0") == snapshot(
        {
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {
                        "driver": {"name": "bake", "version": "1.0", "rules": [{"id": "a-rule"}, {"id": "b-rule"}]}
                    },
                    "columnKind": "unicodeCodePoints",
                    "results": [
                        {
                            "ruleId": "b-rule",
                            "ruleIndex": 1,
                            "level": "error",
                            "message": {
                                "text": """\
wrong
do so\
"""
                            },
                            "locations": [
                                {
                                    "physicalLocation": {
                                        "artifactLocation": {"uri": "services/a%20b/Dockerfile"},
                                        "region": {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 6},
                                    }
                                }
                            ],
                            "relatedLocations": [
                                {
                                    "id": 0,
                                    "message": {"text": "here"},
                                    "physicalLocation": {
                                        "artifactLocation": {"uri": "services/a%20b/Dockerfile"},
                                        "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 5},
                                    },
                                }
                            ],
                        },
                        {"ruleId": "a-rule", "ruleIndex": 0, "level": "note", "message": {"text": "worth a look"}},
                    ],
                }
            ],
        }
    )
