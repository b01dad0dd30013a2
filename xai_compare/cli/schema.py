"""`xai-compare schema`: the JSON schema of a study, for editors."""

from __future__ import annotations

from xai_compare.cli.app import app


@app.command()
def schema() -> None:
    """Print the JSON schema of a study file, with which editors complete and check it."""
    import json

    from xai_compare.study.schema import schema as study_schema

    print(json.dumps(study_schema(), indent=1))
