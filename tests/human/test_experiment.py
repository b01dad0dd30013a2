"""An experiment from its raw files to events, maps and a verdict; and what is wrong with its data."""

import experiment as simulation
import numpy as np
import pandas as pd
import pytest
import recordings

from xai_compare.errors import InputError
from xai_compare.human import Screen, agreement, human_maps
from xai_compare.human.data_quality import assess_quality, overall_quality
from xai_compare.human.experiment import Reading, in_image_pixels, read_experiment, removals
from xai_compare.human.experiment_maps import MapSettings, classify_by_mean_map, maps_of, mean_maps, on_standard_face
from xai_compare.human.settings import GazeSettings

SCREEN = Screen(recordings.SCREEN, (38.0, 30.4), 60.0)
LENIENT = GazeSettings(max_lost=0.2)


def read(path, **changes):
    return read_experiment(path, Reading(screen=SCREEN, gaze=LENIENT, **changes))


def said(experiment, level):
    return [one.line for one in assess_quality(experiment) if one.level == level]


def test_gaze_to_maps(tmp_path):
    found = read(recordings.tobii_studio(tmp_path / "a.tsv"))
    assert found.yields == "samples"
    assert found.files["format"].tolist() == ["tobii"]
    assert found.shapes == dict.fromkeys(recordings.IMAGES, (500, 400))
    one = next(maps_of(found, MapSettings()))
    y, x = np.unravel_index(one.map.argmax(), one.map.shape)
    assert one.map[y, x] >= one.map[100, 140]
    assert found.sigma() == pytest.approx(35.3, abs=0.1)


def test_pictures_of_another_size_scale_the_points(tmp_path):
    """Shown at 400 x 500 pixels of the screen, but half as large themselves."""
    found = read(recordings.tobii_studio(tmp_path / "a.tsv"))
    half = in_image_pixels(found, {"anger.jpg": (250, 200), "faces/fear.jpg": (250, 200), "other.jpg": (9, 9)})
    assert sorted(half.points["image"].unique()) == ["anger.jpg", "faces/fear.jpg"]
    np.testing.assert_allclose(half.points["x"], (found.points["x"] + 0.5) / 2 - 0.5)
    assert half.sigma() == pytest.approx(found.sigma() / 2)
    assert half.shapes == {"anger.jpg": (250, 200), "faces/fear.jpg": (250, 200)}
    with pytest.raises(InputError, match="none of the pictures that people saw"):
        in_image_pixels(found, {"joy.jpg": (9, 9)})


def test_everything_removed_is_counted(tmp_path):
    found = read(recordings.tobii_studio(tmp_path / "a.tsv"))
    table = removals(found)
    assert table.groupby(["what", "reason"])["count"].sum().to_dict() == {
        ("fixation", "too short"): 2,
        ("run of samples", "blink"): 2,
    }
    strict = read_experiment(recordings.tobii_studio(tmp_path / "a.tsv"), Reading(screen=SCREEN))
    assert removals(strict)["reason"].value_counts()["more than 10% of samples lost"] == 2


def test_kinds_are_not_mixed(tmp_path):
    recordings.tobii_studio(tmp_path / "a.tsv")
    (tmp_path / "b.csv").write_text("participant,image,x,y\np,a,1,2\n")
    with pytest.raises(InputError, match="the files hold clicks and samples; give files of one kind"):
        read_experiment([tmp_path / "a.tsv", tmp_path / "b.csv"])


@pytest.mark.parametrize("kernel", ["gaussian", "dwell", "disc"])
def test_kernels(tmp_path, kernel):
    path = simulation.write_json(tmp_path / "a.json", n_observers=3, careless=False, skipped=False)
    found = read_experiment(path, Reading(simulated=True))
    found.shapes = dict.fromkeys(list(found.trials["image"].unique())[:3], simulation.SHAPE)
    found.points = found.points[found.points["image"].isin(found.shapes)]
    settings = MapSettings(kernel=kernel, sigma_px=8, radius_px=12)
    if kernel == "dwell":
        with pytest.raises(InputError, match="clicks have no dwell or duration"):
            next(maps_of(found, settings))
        return
    for one in maps_of(found, settings):
        assert one.map.sum() == pytest.approx(1, rel=1e-4)
        assert one.map[80, 70] > one.map[20, 20]


def test_discs_need_a_radius():
    with pytest.raises(InputError, match="discs have no radius"):
        MapSettings(kernel="disc")


def test_first_points_and_windows(tmp_path):
    path = simulation.write_json(tmp_path / "a.json", n_observers=4, careless=False, skipped=False)
    found = read_experiment(path)
    image = found.trials["image"].iloc[0]
    found.shapes = {image: simulation.SHAPE}
    found.points = found.points[found.points["image"] == image]
    first = next(maps_of(found, MapSettings(sigma_px=6, first=1)))
    assert first.n_points == 4
    assert np.unravel_index(first.map.argmax(), first.map.shape) == pytest.approx((80, 70), abs=9)
    early = next(maps_of(found, MapSettings(sigma_px=6, between_ms=(0, 750))))
    np.testing.assert_allclose(early.map, first.map)


def test_every_face_weighs_alike_on_the_standard_face():
    from xai_compare.faces import CANONICAL

    rng = np.random.default_rng(0)
    means = []
    for scale in (1.0, 2.5):
        landmarks = CANONICAL[:68] * scale + 30
        points = pd.DataFrame(
            {"participant": "p", "image": "a", "x": 112 * scale + 30 + rng.normal(0, 1, 40), "y": 150 * scale + 30}
        )
        shape = (round(275 * scale) + 60, round(224 * scale) + 60)
        one = next(human_maps(points, {"a": shape}, 10 * scale))
        means.append(on_standard_face(one.map, landmarks))
    assert all(one.sum() == pytest.approx(1, rel=1e-4) for one in means)
    assert np.abs(means[0] - means[1]).sum() < 0.1
    mean = mean_maps({"a": means[0], "b": means[1]}, {"a": "fear", "b": "fear"})["fear"]
    np.testing.assert_allclose(mean, (means[0] + means[1]) / 2)
    assert np.isnan(on_standard_face(np.full((300, 300), np.nan), CANONICAL[:68])).all()


def noisy_maps(strength, n=8, seed=0):
    rng = np.random.default_rng(seed)
    bases = rng.normal(size=(3, 20, 20))
    names = ("anger", "fear", "neutral")
    maps = {
        f"{name}{k}": strength * bases[at] + rng.normal(size=(20, 20))
        for at, name in enumerate(names)
        for k in range(n)
    }
    return maps, {image: image.rstrip("0123456789") for image in maps}


def test_told_apart_where_they_differ_and_only_there():
    assert classify_by_mean_map(*noisy_maps(1.0), n_permutations=199).p == pytest.approx(1 / 200)
    assert classify_by_mean_map(*noisy_maps(1.0), n_permutations=9).accuracy == 1
    chance = [classify_by_mean_map(*noisy_maps(0.0, seed=seed), n_permutations=99).p for seed in range(12)]
    assert np.mean(chance) > 0.25


def test_told_apart_agrees_with_the_plain_way():
    maps, expressions = noisy_maps(0.15)
    found = classify_by_mean_map(maps, expressions, n_permutations=1)
    hits = 0
    for image, own in maps.items():
        r = {}
        for name in set(expressions.values()):
            others = [maps[other] for other in maps if other != image and expressions[other] == name]
            r[name] = np.corrcoef(own.ravel(), np.mean(others, axis=0).ravel())[0, 1]
        hits += max(r, key=r.get) == expressions[image]
    assert found.accuracy == pytest.approx(hits / len(maps))


def test_told_apart_needs_two_of_two():
    with pytest.raises(InputError, match="two of them have two pictures"):
        classify_by_mean_map({"a": np.ones((3, 3))}, {"a": "fear"})


def table(tmp_path, rows, columns="participant,image,x,y,duration,order"):
    path = tmp_path / "fixations.csv"
    path.write_text("\n".join([columns, *rows]) + "\n")
    return path


def test_fixations_of_no_duration_are_removed_and_counted(tmp_path):
    rows = [f"p{person},a,{x},50,{ms},{x}" for person in range(12) for x, ms in ((10, 200), (20, 0), (30, 300))]
    found = read_experiment(table(tmp_path, rows))
    assert found.points["duration"].min() == 200
    table_of = removals(found).set_index("reason")["count"]
    assert table_of["a duration of 0"] == 12


def test_coordinates_of_another_resolution_are_doubted(tmp_path):
    rows = [f"p{person},a,{x},{x},250,{k}" for person in range(12) for k, x in enumerate((10, 300, 400))]
    found = read_experiment(table(tmp_path, rows))
    found.shapes = {"a": (100, 100)}
    assert "coordinates those of another resolution" in said(found, "bad")[0]
    assert overall_quality(assess_quality(found)).line.startswith(
        "These data should not be used as they are: 1 serious problem"
    )


def test_people_of_one_trial_and_pictures_never_looked_at_are_told(tmp_path):
    rows = [f"p{person},a,{x},50,250,{x}" for person in range(12) for x in (10, 20)]
    rows += ["p0,b,10,50,250,1", "p1,b,10,50,20,1"]
    found = read_experiment(table(tmp_path, rows))
    found.shapes = {"a": (100, 100), "b": (100, 100), "c": (100, 100)}
    lines = said(found, "care")
    assert any("10 participants have a single trial" in line for line in lines)
    assert any("1 picture never looked at" in line and "c" in line for line in lines)


def test_good_data_are_said_to_be_good(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        f"p{person},{image},{rng.normal(50, 9):.1f},{rng.normal(50, 9):.1f},{rng.uniform(150, 400):.0f},{k}"
        for person in range(14)
        for image in "abc"
        for k in range(6)
    ]
    found = read_experiment(table(tmp_path, rows))
    found.shapes = dict.fromkeys("abc", (100, 100))
    assert overall_quality(assess_quality(found)).line == "These data can be used."


def test_agreement_grows_with_people():
    rng = np.random.default_rng(0)
    rows = [(str(person), "a", *rng.normal((60, 40), 12)) for person in range(16) for _ in range(4)]
    points = pd.DataFrame(rows, columns=["participant", "image", "x", "y"])
    found = agreement.agreement_curve(points, None, {"a": (80, 120)}, 6.0)
    assert found["people"].tolist() == [1, 2, 3, 4, 6, 8]
    assert found["value"].iloc[-1] > found["value"].iloc[0] + 0.1
    other = agreement.agreement_curve(points, points, {"a": (80, 120)}, 6.0, sizes=(16,))
    assert other["value"].iloc[0] == pytest.approx(1)


def test_clicks_against_fixations_on_real_pictures(shared):
    """OSIE: the more people click, the more their maps are like those of gaze; 20 come close to all 60."""
    from xai_compare.human import read_clicks, read_fixations

    folder = shared / "osie_bubbleview"
    clicks = read_clicks(folder / "osie30x30.mat", format="bubbleview")
    gaze = read_fixations(folder / "osie-eye-official.mat", format="osie")
    some = dict.fromkeys(sorted(gaze["image"].unique())[:10], (480, 640))
    clicks, gaze = (frame[frame["image"].isin(some)] for frame in (clicks, gaze))
    found = agreement.agreement_curve(clicks, gaze, some, 24.0, draws=3, sizes=(1, 5, 20, 50)).set_index("people")[
        "value"
    ]
    assert found.is_monotonic_increasing
    assert 0.7 < found[50] < 0.95
    assert found[20] > 0.95 * found[50]
