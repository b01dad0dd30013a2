"""Protocols and settings in one directory: kept, gone on with, refused; the page that is made of them; the command."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18
from typer.testing import CliRunner

from xai_compare import cli
from xai_compare.cli.app import app
from xai_compare.emotion import (
    ABLATIONS,
    BASELINES,
    PROTOCOLS,
    Clip,
    Clips,
    Noise,
    Recipe,
    Sizes,
    read_clips,
    write_clips,
)
from xai_compare.emotion.plan import Plan, run_plan
from xai_compare.emotion.saving import saved_head
from xai_compare.errors import InputError
from xai_compare.report.emotion import write

RECIPE = Recipe(epochs=1, batch=16, rate=1e-3)
SIZES = Sizes(frames=1, steps=4, side=16)


def plan(*settings: str, **others: object) -> Plan:
    return Plan(settings=settings, recipe=RECIPE, n_folds=2, sizes=SIZES, **others)  # type: ignore[arg-type]


def test_what_is_trained_is_kept_and_more_can_join(clips: Clips, tmp_path: Path) -> None:
    first = run_plan(clips, plan("eye"), tmp_path)
    file = tmp_path / "trained" / "er_7" / "eye" / "predictions.parquet"
    made = file.stat().st_mtime_ns
    both = run_plan(clips, plan("eye", "fixation"), tmp_path)
    assert file.stat().st_mtime_ns == made
    assert both.predictions["setting"].unique().tolist() == ["eye", "fixation"]
    pd.testing.assert_frame_equal(both.predictions[both.predictions["setting"] == "eye"], first.predictions)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_run_that_stopped_goes_on_to_the_same_end(clips: Clips, tmp_path: Path) -> None:
    whole = run_plan(clips, plan("eye"), tmp_path / "whole")

    class Stopping:
        def __call__(self, title: str, total: int) -> Stopping:
            return self

        def __enter__(self) -> object:
            return self.tick

        def __exit__(self, *problem: object) -> None:
            pass

        def tick(self, epochs: int) -> None:
            self.left -= epochs
            if self.left < 0:
                raise KeyboardInterrupt

        left = 1

    with pytest.raises(KeyboardInterrupt):
        run_plan(clips, plan("eye"), tmp_path / "stopped", Stopping())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert list((tmp_path / "stopped").rglob("*.ckpt"))
    again = run_plan(clips, plan("eye"), tmp_path / "stopped")
    pd.testing.assert_frame_equal(again.predictions, whole.predictions, check_exact=True)


def test_another_plan_is_refused_and_nothing_is_lost(clips: Clips, tmp_path: Path) -> None:
    run_plan(clips, plan("eye"), tmp_path)
    with pytest.raises(InputError, match="differ in: n_folds"):
        run_plan(clips, Plan(settings=("eye",), recipe=RECIPE, n_folds=3, sizes=SIZES), tmp_path)
    assert (tmp_path / "trained" / "er_7" / "eye" / "predictions.parquet").is_file()


def test_clips_that_were_replaced_are_refused(clips: Clips, tmp_path: Path) -> None:
    run_plan(clips, plan("eye"), tmp_path)

    def read(index: int) -> Clip:
        clip = clips.read(index)
        return dataclasses.replace(clip, eye=clip.eye[::-1].copy()) if index == 3 else clip

    with pytest.raises(InputError, match=r"differ in: clips \(eye\)"):
        run_plan(dataclasses.replace(clips, read=read), plan("eye"), tmp_path)


def test_damaged_predictions_are_made_anew(clips: Clips, tmp_path: Path) -> None:
    first = run_plan(clips, plan("eye"), tmp_path)
    file = tmp_path / "trained" / "er_7" / "eye" / "predictions.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + b"x" + whole[-8:])
    again = run_plan(clips, plan("eye"), tmp_path)
    pd.testing.assert_frame_equal(again.predictions, first.predictions)


def test_a_call_that_failed_before_training_binds_nobody(clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="6 people cannot be split into 9 folds"):
        run_plan(clips, Plan(settings=("eye",), recipe=RECIPE, n_folds=9, sizes=SIZES), tmp_path)
    assert len(run_plan(clips, plan("eye"), tmp_path).predictions) == len(clips)


def test_clips_of_which_some_are_simulated_say_so(clips: Clips, tmp_path: Path) -> None:
    clips.table["simulated"] = clips.people == "p0"
    write(clips, tmp_path)
    assert "Some of these clips are simulated" in (tmp_path / "summary.html").read_text("utf-8")
    for file in (tmp_path / "tables").iterdir():
        assert pd.read_csv(file)["data"].unique().tolist() == ["partly simulated"], file


def test_a_run_is_not_written_over(clips: Clips, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("name: mine")
    with pytest.raises(InputError, match=r"holds 'study\.yaml', which is not of ours"):
        write(clips, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"protocols": ("er_8",)}, "unknown protocol 'er_8'"),
        ({"settings": ("faces",)}, "unknown setting 'faces'"),
        ({"freeze": True}, "learns nothing"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_line(changes: dict[str, object], line: str) -> None:
    with pytest.raises(InputError, match=line):
        Plan(**changes)  # type: ignore[arg-type]


def test_a_frozen_backbone_keeps_its_weights_and_heads_become_sources(clips: Clips, tmp_path: Path) -> None:
    torch.manual_seed(3)
    weights = resnet18().state_dict()
    save_file(weights, tmp_path / "trunk.safetensors")
    asked = plan("all", backbone=tmp_path / "trunk.safetensors", freeze=True, test_noise=(Noise(0.1, "face"),))
    done = run_plan(clips, asked, tmp_path / "out")
    assert [folder.name for folder in done.networks] == ["fold_0", "fold_1"]
    assert done.predictions["setting"].unique().tolist() == ["all", "all, noise 0.1 on face in testing"]
    assert set(done.shares["head"]) == {"er", "fer"}
    model = saved_head(str(done.networks[0]), "fer")
    held = dict(model.module.named_parameters())
    trunk = next(value for name, value in held.items() if name.endswith("layer4.1.conv2.weight"))
    torch.testing.assert_close(trunk.detach(), weights["layer4.1.conv2.weight"])


def test_other_weights_than_a_resnets_are_refused(clips: Clips, tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="not the weights of a ResNet-18"):
        run_plan(clips, plan("all", backbone=tmp_path / "other.safetensors"), tmp_path / "out")


def test_the_page_says_what_it_must(clips: Clips, tmp_path: Path) -> None:
    clips.simulated = True
    found = write(clips, tmp_path, plan("eye", "fixation"))
    assert set(found["protocol"]) == {"er_7", "fer_7"}
    page = (tmp_path / "summary.html").read_text("utf-8")
    assert "simulated data" in page
    assert "neither is the person&#39;s emotion" in page
    assert "true emotion" not in page
    for name in ("gap", "scores_er_7", "scores_fer_7"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 5000
    for file in (tmp_path / "tables").iterdir():
        assert pd.read_csv(file)["data"].unique().tolist() == ["simulated"], file
    differences = pd.read_csv(tmp_path / "tables" / "differences.csv")
    assert differences[["a", "b"]].to_numpy().tolist() == [["eye", "fixation"]] * 2


def test_the_command_from_a_folder_to_a_page(clips: Clips, tmp_path: Path) -> None:
    cli.commands()
    folder = write_clips(tmp_path / "clips", clips.table, list(clips), clips.eye_features)
    out = tmp_path / "out"
    asked = ["emotion", str(folder), "--out", str(out), "--setting", "eye", "--folds", "2", "--epochs", "1"]
    said = CliRunner().invoke(app, [*asked, "--steps", "4", "--train-noise", "0.05:eye"], catch_exceptions=False)
    assert said.exit_code == 0
    assert "On people not seen in training" in said.output
    assert (out / "summary.html").is_file()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--train-noise", "much"], "'much' is not VARIANCE:ON"),
        (["--protocol", "er7"], "unknown protocol 'er7'"),
        (["--folds", "9"], "6 people cannot be split into 9 folds"),
        (["--layout", "emre"], "unknown layout of clips 'emre'"),
    ],
)
def test_the_command_refuses_in_one_line(clips: Clips, tmp_path: Path, options: list[str], line: str) -> None:
    cli.commands()
    folder = write_clips(tmp_path / "clips", clips.table, list(clips), clips.eye_features)
    with pytest.raises(InputError, match=line):
        CliRunner().invoke(
            app,
            ["emotion", str(folder), "--out", str(tmp_path / "out"), "--setting", "eye", *options],
            catch_exceptions=False,
        )


def test_the_gap_alone_needs_both_labels(clips: Clips, tmp_path: Path) -> None:
    cli.commands()
    folder = write_clips(tmp_path / "clips", clips.table.drop(columns=["fer", "fer_coarse"]), list(clips))
    with pytest.raises(InputError, match="the gap needs both labels"):
        CliRunner().invoke(
            app, ["emotion", str(folder), "--out", str(tmp_path / "o"), "--only-gap"], catch_exceptions=False
        )


def test_the_document_names_every_setting_and_protocol() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs" / "emotion.md").read_text("utf-8").split())
    for name in [*(setting.name for setting in ABLATIONS), *BASELINES.names(), *PROTOCOLS]:
        assert f"`{name}`" in text or f"`{name.replace('fer_', 'er_', 1)}`" in text, name


def test_one_label_of_four_classes_and_no_faces_is_enough(clips: Clips, tmp_path: Path) -> None:
    few = clips.table[clips.table["er"].isin(["happiness", "sadness", "fear", "neutral"])]
    held = [dataclasses.replace(clips[int(k)], face=None) for k in few.index]
    folder = write_clips(tmp_path / "clips", few.drop(columns=["fer", "fer_coarse"]), held, clips.eye_features)
    done = run_plan(read_clips(folder), plan("eye + fixation", alone=True), tmp_path / "out")
    assert set(done.predictions["label"]) == {0, 1, 2, 6}
    assert not any(str(column).startswith("fer_") for column in done.predictions)
    assert not done.networks
