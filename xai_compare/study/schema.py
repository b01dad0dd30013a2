"""The JSON schema of a study, with which editors complete and check it."""

from __future__ import annotations

from typing import Any

from xai_compare.models.sources import COMMON, SOURCES
from xai_compare.registry import STAGES
from xai_compare.study.study import Study


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a study file, with the keys of every stage and source of networks.

    >>> sorted(schema()["required"])
    ['images', 'name']
    """
    made: dict[str, Any] = Study.model_json_schema()
    definitions, keys = made["$defs"], made["properties"]
    for name, stage in STAGES.all().items():
        if stage.Options is not None:
            options = stage.Options.model_json_schema(ref_template="#/$defs/{model}")
            definitions.update(options.pop("$defs", {}))
            keys[name] = {"anyOf": [{"type": ["boolean", "null"]}, options], "description": options.get("description")}
    made["additionalProperties"] = False
    for source in SOURCES.names():
        for key in (source, *SOURCES.get(source).KEYS):
            definitions["ModelSpec"]["properties"].setdefault(
                key, {"description": f"see docs/study.md, source {source}"}
            )
    for key in COMMON:
        definitions["ModelSpec"]["properties"].setdefault(key, {})
    definitions["ModelSpec"]["additionalProperties"] = False
    # A study may write these in short: a bundled network's name, and {explainer: options}.
    keys["models"]["items"] = {"anyOf": [{"type": "string"}, keys["models"]["items"]]}
    keys["explainers"]["items"] = {"anyOf": [{"type": "string"}, {"type": "object", "maxProperties": 3}]}
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return made
