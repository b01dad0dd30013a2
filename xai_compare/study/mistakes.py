"""What is wrong with a study, in one line: the key, the value, and how to fix it."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from xai_compare.errors import InputError, nearest
from xai_compare.study.comparisons import Compare, Statistics, Thresholds
from xai_compare.study.images import Images
from xai_compare.study.networks import ExplainerSpec, ModelInput, ModelSpec, UnknownKeyError
from xai_compare.study.people import HumanSpec, Screen


def explained(error: ValidationError, where: object, whole: type[BaseModel], at: tuple[str, ...] = ()) -> InputError:
    """The first thing that is wrong, and how many more there are.

    Args:
        error: what pydantic found.
        where: the file.
        whole: what was validated.
        at: where in the study it stands, if it is not the study.
    """
    problems = error.errors(include_url=False)
    for problem in problems:
        told = problem.get("ctx", {}).get("error")
        if isinstance(told, InputError):
            loc = [str(part) for part in problem["loc"]]
            what = f"unknown key {'.'.join([*loc, told.key])!r}" if isinstance(told, UnknownKeyError) else told.what
            return InputError(what, where=where, hint=told.hint)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    key = ".".join(str(part) for part in (*at, *first["loc"]) if not str(part).startswith("function-"))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = list(whole.model_fields) if at else _fields(first["loc"][:-1], whole)
        return InputError(f"unknown key {key!r}{more}", where=where, hint=nearest(str(first["loc"][-1]), known))
    if first["type"] == "missing":
        return InputError(f"key {key!r} is missing{more}", where=where, hint="add it")
    value = "" if isinstance(first["input"], dict | list) else f" = {first['input']!r}"
    message = first["msg"].removeprefix("Value error, ")
    return InputError(f"{f'key {key!r}' if key else 'the study'}{value}{more}", where=where, hint=message)


def _fields(loc: tuple[int | str, ...], whole: type[BaseModel]) -> list[str]:
    """The known keys at a place in the study."""
    rooms: dict[str, type[BaseModel]] = {
        "images": Images,
        "models": ModelSpec,
        "explainers": ExplainerSpec,
        "human": HumanSpec,
        "compare": Compare,
        "input": ModelInput,
        "screen": Screen,
        "thresholds": Thresholds,
        "statistics": Statistics,
    }
    names = [str(part) for part in loc if str(part) in rooms]
    return list((rooms[names[-1]] if names else whole).model_fields)
