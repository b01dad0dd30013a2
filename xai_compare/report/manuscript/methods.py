"""The paragraph for the methods section: what was shown to whom, and how maps became scores."""

from __future__ import annotations

from typing import Any

from xai_compare.errors import InputError
from xai_compare.explainers import REGISTRY
from xai_compare.report.data import pretty
from xai_compare.report.manuscript import bibliography
from xai_compare.report.manuscript.sentences import Facts, Sentence

_SCALING = {
    "min_max": "scaled from its own least to its greatest value",
    "positive": "set to 0 where it was negative and divided by its greatest value",
    "positive_part": "set to 0 where it was negative",
    "none": "left unscaled",
}
_PACKAGES = {
    "torch": "PyTorch",
    "keras": "Keras",
    "captum": "Captum",
    "torchray": "TorchRay",
    "lime": "lime",
    "scikit-image": "scikit-image",
    "numpy": "NumPy",
    "scipy": "SciPy",
}


def listed(parts: list[str]) -> str:
    """Names in a row: ``"a, b and c"``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def methods(facts: Facts, simulated: set[str]) -> list[Sentence]:
    """The sentences of the methods section.

    Args:
        facts: the run's; without a study they are of ready-made heatmaps.
        simulated: names of the sources whose data are simulated.
    """
    if facts.study is None:
        made = [_ready_made(facts)]
    else:
        made = [*_pictures(facts, simulated), *_networks(facts), *_explainers(facts), *_people(facts)]
        made += [_standard_face(facts)]
    return [sentence for sentence in [*made, *_scores(facts), _software(facts)] if sentence.text]


def _ready_made(facts: Facts) -> Sentence:
    scores = facts.table("scores")
    names = list(dict.fromkeys(scores["a"]))
    return facts.say(
        f"We compared ready-made mean heatmaps of {listed(names)}; how they were computed, and from which pictures, is "
        "not recorded in the comparison."
    )


def _pictures(facts: Facts, simulated: set[str]) -> list[Sentence]:
    images, maps = facts.table("images"), facts.table("maps")
    used = images[images["image"].isin(set(maps["image"]))] if len(maps) and "image" in images else images
    number = facts.count("images", used, "pictures with a map")
    labels = used["expression"].dropna() if "expression" in used else used.iloc[:, 0][:0]
    groups = [f"{count} {name}" for name, count in labels.value_counts(sort=False).items() if str(name)]
    drawn = used[used["dataset"].astype(str) == "simulated"] if "dataset" in used else used.iloc[:0]
    text = f"The material was {number:,} picture{'' if number == 1 else 's'} of faces"
    text += f" ({listed(groups)})" if groups else ""
    if len(drawn):
        some = f"{facts.count('images', drawn, 'simulated')} of them" if len(drawn) < number else "all of them"
        text += f"; {some} are simulated faces, drawn by a program, and show no real person"
    sentences = [facts.say(f"{text}.")]
    if number_skipped := len(facts.table("skipped")):
        facts.count("skipped", facts.table("skipped"), "skipped")
        sentences.append(facts.say(f"Pictures that could not be used and were skipped: {number_skipped:,}."))
    if facts.study.images.per_expression is not None:
        most = facts.key("images.per_expression")
        sentences.append(facts.say(f"At most {most} pictures of each expression were explained for each network."))
    return sentences


def _networks(facts: Facts) -> list[Sentence]:
    if not facts.study.models:
        return [facts.say("No network was studied.")]
    parts = []
    for spec in facts.study.models:
        about = [facts.fact("models", spec.label, "parameters", form=lambda value: f"{int(value):,} parameters")]
        about.append(facts.fact("models", spec.label, "trained_on", form=lambda value: f"trained on {value}"))
        about.append(
            facts.fact(
                "models", spec.label, "input", "size", form=lambda size: f"input of {size[0]} × {size[1]} pixels"
            )
        )
        known = ", ".join(part for part in about if part)
        parts.append(f"{spec.label} ({known})" if known else str(spec.label))
    return [facts.say(f"Networks: {'; '.join(parts)}.")]


def _explainers(facts: Facts) -> list[Sentence]:
    if not facts.study.models or not facts.study.explainers:
        return []
    parts = []
    for place, spec in enumerate(facts.study.explainers):
        chosen = _differing(spec)
        values = [f"{key} = {_plain(value)}" for key, value in chosen.items()]
        for key in chosen:
            facts.key(f"explainers.{place}.options.{key}")
        cited = bibliography.EXPLAINERS.get(spec.name.partition(":")[0])
        parts.append(
            pretty(str(spec.name))
            + (f" [named {spec.label}]" if spec.label != spec.name else "")
            + (f" {{@{cited}}}" if cited else "")
            + (f" ({', '.join(values)})" if values else "")
        )
    plural = "Their" if len(facts.study.models) > 1 else "Its"
    text = f"{plural} answers were explained by {listed(parts)}; settings not given are the defaults of xai-compare."
    return [facts.say(text)]


def _differing(spec: Any) -> dict[str, Any]:
    """The options of an explainer that are not its defaults."""
    try:
        options = REGISTRY.get(spec.name).Options.model_fields
    except (InputError, AttributeError):
        return dict(spec.options)
    return {key: value for key, value in spec.options.items() if key not in options or value != options[key].default}


def _plain(value: Any) -> str:
    return ", ".join(f"{one:g}" for one in value) if isinstance(value, (list, tuple)) else str(value)


def _people(facts: Facts) -> list[Sentence]:
    if not facts.study.human:
        return [facts.say("No data of people were compared.")]
    sentences = []
    for place, one in enumerate(facts.study.human):
        number = facts.fact("people", one.name, "participants", default="an unknown number of")
        maps = facts.table("maps")
        mine = maps[maps["source"] == f"human/{one.name}"] if "points" in maps else maps.iloc[:0]
        pictures = f"{facts.count('maps', mine, 'pictures'):,}"
        # Only points on pictures of the study: the file may hold many more.
        points = facts.total("maps", mine, "points", lambda value: f"{value:,.0f}")
        whose = f"{'simulated ' if one.simulated else ''}{'participant' if number == '1' else 'participants'}"
        if one.kernel == "disc" and one.radius_px:
            shape = f"a disc of {facts.key(f'human.{place}.radius_px')} pixels"
        else:
            degrees = facts.key(f"human.{place}.sigma_degrees", lambda value: f"{value:g}")
            sigma = facts.fact("people", one.name, "sigma_px", form=lambda value: f" = {value:.1f} pixels")
            shape = f"a Gaussian with a standard deviation of {degrees}° of visual angle{sigma}"
        cited = "".join(f" {{@{key}}}" for key in [bibliography.FORMATS.get(str(one.format))] if key)
        weights = "; each point counts by its duration" if one.weights == "duration" else ""
        sentences.append(
            facts.say(
                f"People ({one.name}): {points} points on {pictures} pictures, from the data of {number} {whose}{cited}"
                f", each point turned into {shape}{weights}."
            )
        )
    return sentences


def _standard_face(facts: Facts) -> Sentence:
    scaled = facts.key("compare.scaling", lambda value: _SCALING.get(value, str(value)))
    averaged = (
        f"each network's map was {scaled} before maps were averaged." if facts.study.models else "maps were averaged."
    )
    return facts.say(
        f"By the 68 landmarks of the face in each picture, every map was moved onto one standard face "
        f"{{@gaya_morey_2024}}; {averaged}"
    )


def _scores(facts: Facts) -> list[Sentence]:
    scores = facts.table("scores")
    metrics = set(scores["metric"])
    parts = []
    masks = facts.study is None or facts.study.masks is not None
    if "iou" in metrics and masks:
        ekman = facts.study is None or facts.study.masks == "ekman"
        parts.append(
            "the intersection over union (IoU) of the mean map, cut at Otsu's threshold {@otsu_1979}, with the mask of "
            + ("the expression's action units {@ekman_2002}" if ekman else "its expression")
        )
    if "dice" in metrics:
        level = facts.key("compare.thresholds.dice", lambda value: f"{value:g}") if facts.study is not None else "50"
        parts.append(f"the Dice coefficient {{@dice_1945}} of mean maps scaled to 0–255 and cut at {level}")
    if "pearson" in metrics:
        parts.append("Pearson's r of mean maps")
    if "known_auc" in metrics:
        parts.append("the area under the ROC curve (AUC) with which a map finds the region known to differ")
    sentences = [facts.say(f"Scores are {listed(parts)}.")] if parts else []
    if facts.study is not None and facts.study.compare.bootstrap:
        number = facts.key("compare.bootstrap", lambda value: f"{value:,}")
        sentences.append(
            facts.say(
                f"95% confidence intervals rest on {number} bootstrap samples of the pictures {{@efron_1993}}; "
                "networks and participants were held fixed."
            )
        )
    if "floor" in scores and scores["floor"].notna().any():
        ceiling = "ceiling_low" in scores and scores["ceiling_low"].notna().any()
        sentences.append(
            facts.say(
                "Each score stands beside its floor, the best mean score among maps that ignore the picture or the "
                "expression (the whole face, a blob over the face, the mean map of all pictures, other expressions' "
                "masks or maps)"
                + (", and the noise ceiling that people's own agreement sets {@nili_2014}." if ceiling else ".")
            )
        )
    if "p_adjusted" in scores and scores["p_adjusted"].notna().any():
        known = ", for known regions by a paired t test against the blob" if "known_auc" in metrics else ""
        sentences.append(
            facts.say(
                f"Scores were tested against random maps of the same smoothness{known}; p is corrected for the false "
                "discovery rate over all scores of a metric {@benjamini_1995}. These tests do not compare a score with "
                "its floor."
            )
        )
    if len(facts.table("differences")):
        sentences.append(
            facts.say(
                "Differences between sources were tested by swapping their maps, for known regions by a paired t test, "
                "with Holm's correction {@holm_1979} over all pairs."
            )
        )
    return sentences


def _software(facts: Facts) -> Sentence:
    versions = facts.provenance.get("versions", {})
    parts = [f"Python {facts.fact('versions', 'python')}"] if "python" in versions else []
    networks = facts.study is not None and facts.study.models
    used = [name for name in _PACKAGES if name in versions and (networks or name in ("numpy", "scipy"))]
    parts += [f"{_PACKAGES[name]} {facts.fact('versions', name)}" for name in used]
    ours = facts.fact("versions", "xai-compare", default="of an unknown version")
    return facts.say(f"Everything was computed with xai-compare {ours} {{@xai_compare}}, on {listed(parts)}.")
