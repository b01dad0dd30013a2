"""What a head sees: a frame as a model, on which explainers work unchanged; what each modality contributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import xai_compare as xc
from xai_compare.emotion import (
    CLASSES,
    EMERT,
    ClipArrays,
    Clips,
    Scaler,
    Sizes,
    clip_arrays,
    frame_view,
    load_network,
    modality_drops,
    modality_share,
    predict,
    read_faces,
    save_network,
    still_view,
)
from xai_compare.errors import InputError
from xai_compare.synthetic.unit_reader import UnitReader


@pytest.fixture
def data(clips: Clips, small: Sizes) -> ClipArrays:
    return clip_arrays(clips, sizes=small)


@pytest.fixture
def net(backbone: Callable[[], nn.Module]) -> EMERT:
    torch.manual_seed(0)
    return EMERT("paper", backbone=backbone(), eye_features=5, frames=2, steps=4, layers=1).eval()


@pytest.mark.parametrize("head", ["er", "fer"])
@pytest.mark.parametrize("read", [False, True], ids=["frames", "features"])
def test_a_frame_in_its_place_gives_the_clips_own_answer(data: ClipArrays, net: EMERT, head: str, read: bool) -> None:
    scaler = Scaler.fit(data)
    wanted = predict(net, data, scaler)[head][3]
    assert data.face is not None
    held = read_faces(net.subnet.f_extractor, data) if read else data  # type: ignore[arg-type]
    for frame in range(2):
        model = frame_view(net, held, scaler, 3, head, frame=frame)
        assert model.name == f"emert-{head}"
        assert model.classes == CLASSES
        np.testing.assert_allclose(model.predict(data.face[3, frame][None])[0], wanted, atol=1e-6)


def test_the_face_that_stands_still_is_every_frame(data: ClipArrays, net: EMERT) -> None:
    scaler = Scaler.fit(data)
    assert data.face is not None
    still = replace(data, face=np.repeat(data.face[:, :1], 2, axis=1))
    wanted = predict(net, still, scaler)["er"][5]
    model = frame_view(net, data, scaler, 5, "er")
    np.testing.assert_allclose(model.predict(data.face[5, :1])[0], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("grad_cam", {}),
        ("lime", {"n_segments": 4, "n_samples": 20}),
        ("score_cam", {}),
        ("rise", {"n_samples": 20}),
        ("random", {}),
    ],
)
def test_explainers_work_on_a_view_unchanged(
    data: ClipArrays, net: EMERT, name: str, options: dict[str, object]
) -> None:
    scaler = Scaler.fit(data)
    assert data.face is not None
    # Noise of so few pixels is one superpixel, so the picture has halves.
    picture = data.face[2, 1][None].copy() // 8
    picture[:, :, 8:] += 150
    one, other = (
        xc.explainers.create(name, **options)(frame_view(net, data, scaler, clip, "er", frame=1), picture, "fear")
        for clip in (2, 3)
    )
    assert one.shape == (1, 16, 16)
    assert np.isfinite(one).all()
    if name == "grad_cam":
        # The other clip's eyes are another context, in which the same picture is explained otherwise.
        assert not np.allclose(one, other)


def test_grad_cam_of_a_view_is_the_gradient_of_the_head_by_hand(data: ClipArrays, net: EMERT) -> None:
    scaler = Scaler.fit(data)
    assert data.face is not None
    model = frame_view(net, data, scaler, 2, "fer", frame=1)
    maps = xc.explainers.create("grad_cam", relu=False)(model, data.face[2, 1][None], "anger")
    inputs = scaler.tensors(data.part(np.array([2])))
    trunk: nn.Module = net.subnet.f_extractor  # type: ignore[assignment]
    kept = trunk.maps(inputs["face"][0]).detach().requires_grad_()  # type: ignore[index, operator]
    face = kept.mean((2, 3))[None]
    logit = net.outputs(face, inputs["eye"], inputs["fixation"]).heads["fer"][0, CLASSES.index("anger")]
    gradient = torch.autograd.grad(logit, kept)[0][1]
    coarse = (gradient.mean((1, 2))[:, None, None] * kept[1]).sum(0)
    by_hand = nn.functional.interpolate(coarse[None, None], (16, 16), mode="bilinear")[0, 0].detach().numpy()
    np.testing.assert_allclose(maps[0], by_hand, atol=1e-6)


def test_a_still_view_is_a_source_for_any_picture(data: ClipArrays, net: EMERT) -> None:
    model = still_view(net, data, Scaler.fit(data), "er")
    pictures = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), dtype=np.uint8)
    assert model.predict(pictures).shape == (3, 7)
    assert xc.explainers.create("grad_cam")(model, pictures).shape == (3, 20, 24)


def test_an_explainer_leaves_the_network_as_it_was(data: ClipArrays, net: EMERT) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model = frame_view(net, data, Scaler.fit(data), 0, "er", frame=0)
    assert data.face is not None
    xc.explainers.create("grad_cam")(model, data.face[0, :1])
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_the_share_of_a_modality_is_what_its_absence_costs(data: ClipArrays, net: EMERT, clips: Clips) -> None:
    # Of this network only the eye reaches the heads.
    with torch.no_grad():
        for name in ("specific_projection_v", "specific_projection_l"):
            for parameter in getattr(net, name).parameters():
                parameter.zero_()
        net.proj_v1.weight.zero_()
        net.subnet.v_lstm.weight_ih_l0.zero_()  # type: ignore[union-attr, operator]
    labels = predict(net, data, Scaler.fit(data))["er"].argmax(1)
    falls = modality_drops(net, data, data, Scaler.fit(data), labels, "er")
    table = modality_share(falls, clips.people.tolist(), n=200).set_index("modality")
    assert table.loc[["face", "fixation"], "fall"].abs().max() == pytest.approx(0, abs=1e-6)
    assert table.loc["eye", "fall_low"] > 0
    assert table["share"].sum() == pytest.approx(1)
    assert table.loc["eye", "share"] > 0.99


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"head": "mood"}, "the network has no head 'mood' of 7 classes; it has er (7), fer (7)"),
        ({"frame": 2}, "there is no frame 2 among 2"),
        ({"clip": 99}, "there is no clip 99 among 42"),
        ({"classes": ("fear", "anger")}, "no head 'er' of 2 classes"),
    ],
)
def test_views_that_cannot_be_are_refused_in_one_line(
    data: ClipArrays, net: EMERT, changes: dict[str, object], line: str
) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*$") as problem:
        frame_view(net, data, Scaler.fit(data), **{"clip": 0, **changes})  # type: ignore[arg-type]
    assert line in str(problem.value)


def test_a_network_without_a_face_sees_none(data: ClipArrays, backbone: Callable[[], nn.Module]) -> None:
    net = EMERT("paper", backbone=backbone(), eye_features=5, frames=2, steps=4, modalities=("eye",))
    with pytest.raises(InputError, match="the network reads no face"):
        frame_view(net, data, Scaler.fit(data), 0)


def test_a_saved_network_comes_back_and_its_heads_are_sources(
    data: ClipArrays, backbone: Callable[[], nn.Module], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    reader = UnitReader()
    net = EMERT("paper", backbone=reader, eye_features=5, frames=2, steps=4, layers=1).eval()
    scaler = Scaler.fit(data)
    save_network(tmp_path, net, scaler, data, backbone="xai_compare.synthetic.unit_reader:UnitReader", simulated=True)
    again, moments, _ = load_network(tmp_path)
    wanted, found = predict(net, data, scaler), predict(again, data, moments)
    assert (wanted["er"] == found["er"]).all()
    factory = {
        "factory": "xai_compare.emotion.saving:saved_head",
        "options": {"folder": str(tmp_path), "head": "fer"},
        "name": "emert-fer",
    }
    model = xc.models.load(factory)
    assert (model.name, model.classes) == ("emert-fer", CLASSES)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    still = still_view(net, read_faces(reader, data), scaler, "fer")
    np.testing.assert_allclose(model.predict(pictures), still.predict(pictures), atol=1e-5)
    (tmp_path / "card.json").write_text((tmp_path / "card.json").read_text().replace("xai_compare.", "os."))
    with pytest.raises(InputError, match="names a backbone outside this package"):
        load_network(tmp_path)
    with pytest.raises(InputError, match=r"there is no card\.json"):
        load_network(tmp_path / "no")
