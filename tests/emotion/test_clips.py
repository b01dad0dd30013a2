"""Clips: the neutral layout there and back, other layouts, and bad input in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import savemat

from xai_compare.emotion import LAYOUTS, Clip, Clips, Sizes, clip_arrays, read_clips, write_clips
from xai_compare.emotion.protocols import with_coarse
from xai_compare.emotion.sampling import Scaler, evenly_spaced, interpolated, shuffled
from xai_compare.errors import InputError


@pytest.fixture
def folder(clips: Clips, tmp_path: Path) -> Path:
    return write_clips(tmp_path / "clips", clips.table, list(clips), clips.eye_features)


def test_the_neutral_layout_comes_back_as_it_was(clips: Clips, folder: Path) -> None:
    back = read_clips(folder)
    pd.testing.assert_frame_equal(back.table.drop(columns="file"), clips.table.drop(columns="file"), check_dtype=False)
    assert back.eye_features == clips.eye_features
    for one, other in zip(back, clips, strict=True):
        assert one.name == other.name
        assert (one.face == other.face).all()  # type: ignore[union-attr]
        assert (one.eye == other.eye).all()  # type: ignore[union-attr]
        assert (one.fixation == other.fixation).all()  # type: ignore[union-attr]
    assert not back.simulated


def test_a_clip_may_be_a_parquet_file_beside_a_folder_of_frames(clips: Clips, folder: Path) -> None:
    clip = clips[0]
    assert clip.eye is not None
    table = pd.DataFrame(clip.eye, columns=list(clips.eye_features))
    table[["fixation_x", "fixation_y"]] = clip.fixation
    table["time"] = np.arange(len(table))
    table.to_parquet(folder / "clips" / "clip0.parquet")
    (folder / "clips" / "clip0").mkdir()
    for k, frame in enumerate(clip.face):  # type: ignore[arg-type]
        Image.fromarray(frame).save(folder / "clips" / "clip0" / f"{k}.png")
    labels = pd.read_csv(folder / "clips.csv")
    labels.loc[0, "file"] = "clips/clip0.parquet"
    labels.to_csv(folder / "clips.csv", index=False)
    found = read_clips(folder)[0]
    for name in ("face", "eye", "fixation"):
        assert (getattr(found, name) == getattr(clip, name)).all()


@pytest.mark.parametrize(("length", "count"), [(300, 8), (8, 8), (3, 8), (1, 4)])
def test_frames_are_taken_evenly_from_the_first_to_the_last(length: int, count: int) -> None:
    found = evenly_spaced(length, count)
    assert len(found) == count
    assert found[0] == 0
    assert found[-1] == length - 1
    assert np.ptp(np.diff(found)) <= 1


def test_gaps_are_bridged_by_straight_lines_and_ends_by_the_nearest() -> None:
    values = np.array([[np.nan, 1], [2, np.nan], [np.nan, 3], [4, np.nan]], np.float32)
    assert interpolated(values, "x").tolist() == [[2, 1], [2, 2], [3, 3], [4, 3]]


def test_standardization_is_of_the_training_clips_alone(clips: Clips, small: Sizes) -> None:
    data = clip_arrays(clips, sizes=small)
    training = data.part(np.arange(10))
    scaler = Scaler.fit(training)
    eye = scaler.tensors(training)["eye"]
    assert eye is not None
    np.testing.assert_allclose(eye.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(eye.std((0, 1), correction=0), 1, atol=1e-5)


def test_shuffling_deals_whole_clips_and_leaves_faces(clips: Clips, small: Sizes) -> None:
    data = clip_arrays(clips, sizes=small)
    mixed = shuffled(data, 0)
    assert mixed.face is data.face
    assert (mixed.eye != data.eye).any()  # type: ignore[union-attr]
    assert sorted(mixed.eye.sum((1, 2)).tolist()) == sorted(data.eye.sum((1, 2)).tolist())  # type: ignore[union-attr]


def test_surprise_is_as_positive_as_its_valence() -> None:
    table = pd.DataFrame(
        {"er": ["surprise", "surprise", "surprise", "fear", "happiness"], "er_valence": [0.2, -0.2, np.nan, 0.9, -0.9]}
    )
    found = with_coarse(table)["er_coarse"]
    assert found[[0, 1, 3, 4]].tolist() == ["positive", "negative", "negative", "positive"]
    assert pd.isna(found[2])


def broken(clips: Clips, index: int, **changes: object) -> Clips:
    held = list(clips)
    held[index] = replace(held[index], **changes)  # type: ignore[arg-type]
    return replace(clips, read=held.__getitem__)


def with_gap(length: int) -> np.ndarray:
    eye = np.zeros((9, 5), np.float32)
    eye[1 : 1 + length, 2] = np.nan
    return eye


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"face": None}, "clips, clip 'clip3': it has no face; leave it out, or leave face out"),
        ({"eye": np.zeros((9, 4), np.float32)}, "clip 'clip3': it has 4 eye features, the clips before it 5"),
        ({"eye": with_gap(6)}, "clip 'clip3', eye: feature 2 has no data in 6 of 9 samples in a row"),
        ({"eye": np.full((9, 5), np.nan, np.float32)}, "feature 0 has no data in 9 of 9 samples"),
    ],
    ids=["no face", "width", "NaN run", "all NaN"],
)
def test_clips_that_cannot_be_taken_are_named(
    clips: Clips, small: Sizes, changes: dict[str, object], line: str
) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*$") as problem:
        clip_arrays(broken(clips, 3, **changes), sizes=small)
    assert line in str(problem.value)


def test_a_short_gap_is_no_problem(clips: Clips, small: Sizes) -> None:
    found = clip_arrays(broken(clips, 3, eye=with_gap(4)), sizes=small)
    assert np.isfinite(found.eye).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "value", "line"),
    [
        ("er", "glee", "clips.csv: er of clip 'clip2': unknown expression 'glee'"),
        ("er_valence", "1.5", "er_valence of clip 'clip2', 1.5, lies outside [-1, 1]; rescale the ratings"),
        ("fer_intensity", "-1", "fer_intensity of clip 'clip2', -1.0, lies outside [0, 3]"),
        ("er_coarse", "good", "er_coarse of clip 'clip2', good, is none of the classes"),
        ("clip", "clip1", "clip 'clip1' is listed twice"),
        ("person", "", "clip 'clip2' has no person"),
        ("file", "clips/no.npz", "the file of clip 'clip2' is not there"),
        ("file", "clips.csv", "a clip is an npz or a parquet file"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_in_one_line(folder: Path, column: str, value: str, line: str) -> None:
    table = pd.read_csv(folder / "clips.csv", dtype=str)
    table.loc[2, column] = value
    table.to_csv(folder / "clips.csv", index=False)
    with pytest.raises(InputError, match=r"^[^\n]*$") as problem:
        read_clips(folder)[2]
    assert line in str(problem.value)


def test_a_file_that_is_no_plain_array_is_not_unpickled(folder: Path) -> None:
    np.savez(folder / "clips" / "clip0.npz", eye=np.array([object()], object))
    with pytest.raises(InputError, match="is not a readable npz file"):
        read_clips(folder)[0]


@pytest.mark.parametrize(
    ("clip", "line"),
    [
        (Clip("a", "p", face=np.zeros((2, 8, 8), np.uint8)), "face must be uint8 (t, h, w, 3), not uint8 (2, 8, 8)"),
        (Clip("a", "p", eye=np.zeros(4, np.float32)), "eye must be (n, features)"),
        (Clip("a", "p", fixation=np.zeros((4, 3), np.float32)), "fixation must be (n, 2)"),
    ],
)
def test_arrays_of_other_shapes_are_refused(tmp_path: Path, clip: Clip, line: str) -> None:
    write_clips(tmp_path, pd.DataFrame({"er": ["fear"]}), [clip])
    with pytest.raises(InputError) as problem:
        read_clips(tmp_path)[0]
    assert line in str(problem.value)


def test_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    for layout in LAYOUTS:
        with pytest.raises(InputError, match=r"^[^\n]*$"):
            read_clips(tmp_path, layout)
    with pytest.raises(InputError, match="unknown layout of clips 'seed_v'; did you mean 'seed_iv'"):
        read_clips(tmp_path, "seed_v")


def test_seed_iv_and_seed_vii_are_eyes_without_faces(tmp_path: Path) -> None:
    (tmp_path / "eye_feature_smooth" / "1").mkdir(parents=True)
    savemat(tmp_path / "eye_feature_smooth" / "1" / "3_20150101.mat", {f"eye_{k}": np.full((31, 6), k) for k in (2, 4)})
    found = read_clips(tmp_path, "seed_iv")
    assert found.table["clip"].tolist() == ["3_1_2", "3_1_4"]
    assert found.table["stimulus_class"].tolist() == ["fear", "neutral"]
    assert found[1].eye.shape == (6, 31)  # type: ignore[union-attr]
    assert found[1].eye[0, 0] == 4  # type: ignore[index]
    (tmp_path / "EYE_features").mkdir()
    savemat(tmp_path / "EYE_features" / "7.mat", {"1": np.ones((5, 33)), "12": np.ones((3, 33))})
    found = read_clips(tmp_path, "seed_vii", labels={1: "anger", 12: "neutral"})
    assert found.table["er"].tolist() == ["anger", "neutral"]
    assert found[1].eye.shape == (3, 33)  # type: ignore[union-attr]
    assert found[1].face is None


def test_mahnobs_tobii_export_is_read_with_its_session(tmp_path: Path) -> None:
    session = tmp_path / "Sessions" / "10"
    session.mkdir(parents=True)
    (session / "session.xml").write_text('<session feltEmo="4" feltVlnc="9" feltArsl="3"><subject id="2"/></session>')
    columns = [
        "Timestamp",
        "GazePointXLeft",
        "GazePointYLeft",
        "DistanceLeft",
        "PupilLeft",
        "ValidityLeft",
        "DistanceRight",
        "PupilRight",
        "ValidityRight",
    ]
    rows = [
        ["0", "640", "400", "600", "3.5", "0", "601", "3.6", "0"],
        ["16", "-1", "-1", "-1", "-1", "4", "-1", "-1", "4"],
    ]
    lines = ["Export of:\tx", "", "\t".join(columns), *("\t".join(row) for row in rows)]
    (session / "P2-Rec1-All-Data-New_Section_4.tsv").write_text("\n".join(lines))
    found = read_clips(tmp_path, "mahnob")
    assert found.table[["person", "er", "er_valence", "er_arousal"]].iloc[0].tolist() == ["2", "happiness", 1, -0.5]
    clip = found[0]
    assert clip.fixation[0].tolist() == [0.5, 0.5]  # type: ignore[index]
    assert np.isnan(clip.fixation[1]).all()  # type: ignore[index]
    assert np.isnan(clip.eye[1, :4]).all()  # type: ignore[index]
    assert clip.eye[0, :2] == pytest.approx([3.5, 3.6])  # type: ignore[index]
