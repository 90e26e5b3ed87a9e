"""Converting checkpoints: the authors' MODNet to the fourth decimal, and backbones by name and shape."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from demo.drawn_people import draw_portrait
from matting import builder, config, weights
from matting.conversion import modnet, torchvision
from matting.deployment.conversion import KINDS
from matting.engines.dynamic import DynamicNetwork
from matting.pictures.files import read_alpha, write_png
from matting.registry import BACKBONES
from parity import batch, golden, sampled, weight
from tools import ROOT, run_tool
from torch_files import View, views, write_zip

AUTHORS = ROOT / "configs" / "modnet" / "modnet-mobilenetv2-authors.yml"


@cache
def authors_checkpoint() -> dict[str, np.ndarray]:
    """Return the recipe's values under the authors' names and in their shapes."""
    shapes = {key: tuple(value.shape) for key, value in network().layer.state_dict().items()}
    arrays = {}
    for ours, theirs in modnet.names():
        arrays[theirs] = weight(theirs, shapes[ours][:2] if ".fc." in theirs else shapes[ours])
        if theirs.endswith("running_var"):
            arrays[theirs.replace("running_var", "num_batches_tracked")] = np.array(5)
    return arrays


def network() -> DynamicNetwork:
    return DynamicNetwork(builder.model(config.load(AUTHORS), pretrained=False))


def write_checkpoint(path: Path) -> None:
    """Write the arrays as the authors' training script leaves them: a wrapper's prefix, the encoder under two names."""
    tensors: dict[str, View] = {}
    for name, view in views(authors_checkpoint()).items():
        if name.startswith("lr_branch.backbone."):
            tensors["module." + name.removeprefix("lr_branch.")] = view
        tensors["module." + name] = view
    write_zip(path, tensors)


def test_the_authors_modnet_converts_and_computes_what_theirs_does(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "modnet.ckpt")
    target, reference = tmp_path / "modnet.safetensors", golden("modnet-torch")
    outcome = run_tool("convert_weights", "modnet-torch", tmp_path / "modnet.ckpt", target)
    assert outcome.status == 0, outcome.error
    ours = network()
    weights.load_weights(ours.layer, target)
    alpha = ours(batch()["image"])["alpha"]
    np.testing.assert_allclose(sampled(alpha), reference["eval_alpha"], atol=1e-4)

    compared = tmp_path / "reference.npz"
    np.savez(compared, image=batch()["image"], alpha=alpha)
    outcome = run_tool("convert_weights", "modnet-torch", tmp_path / "modnet.ckpt", target, "--compare", compared)
    assert outcome.status == 0 and "differs from the reference by at most 0.00e+00" in outcome.output
    np.savez(compared, image=batch()["image"], alpha=np.clip(alpha + 2e-4, 0, 1))
    refused = tmp_path / "refused.safetensors"
    outcome = run_tool("convert_weights", "modnet-torch", tmp_path / "modnet.ckpt", refused, "--compare", compared)
    assert outcome.status == 1 and "alpha differs" in outcome.error and not refused.exists()


def test_converted_weights_predict_and_refuse_another_normalisation(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "modnet.ckpt")
    target = tmp_path / "modnet.safetensors"
    assert run_tool("convert_weights", "modnet-torch", tmp_path / "modnet.ckpt", target).status == 0
    image, _ = draw_portrait(np.random.default_rng(1), 64, 96)
    write_png(tmp_path / "photo.png", image)
    common = ("predict", "--model_path", target, "--image_path", tmp_path / "photo.png", "--save_dir", tmp_path / "out")
    small = ("--opts", "val_dataset.transforms.0.ref_size=64")
    outcome = run_tool(*common, "--config", AUTHORS, *small)
    assert outcome.status == 0, outcome.error
    assert read_alpha(tmp_path / "out" / "photo_alpha.png").shape == (64, 96)

    outcome = run_tool(*common, "--config", AUTHORS, *small, "val_dataset.transforms.1.mean=[0.4,0.4,0.4]")
    assert outcome.status == 1 and "was trained with normalisation" in outcome.error
    other = ROOT / "configs" / "modnet" / "modnet-mobilenetv2.yml"
    small = ("--opts", "val_dataset.transforms.0.short_size=64")
    outcome = run_tool(*common, "--config", other, *small)
    assert outcome.status == 1 and "authors' variant (modnet-mobilenetv2-authors.yml)" in outcome.error
    outcome = run_tool(*common, "--config", other, *small, "--partial")
    assert outcome.status == 0 and "only a part of" in outcome.error


def test_an_unconverted_checkpoint_says_how_to_convert_it(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "modnet.ckpt")
    outcome = run_tool(
        "predict", "--config", AUTHORS, "--model_path", tmp_path / "modnet.ckpt", "--image_path", ROOT / "docs/images"
    )
    assert outcome.status == 1 and "matting convert_weights modnet-torch" in outcome.error


def test_another_checkpoint_is_refused_with_its_names(tmp_path: Path) -> None:
    write_zip(tmp_path / "w.pth", views({"layer4.weight": np.zeros(3, np.float32)}))
    outcome = run_tool("convert_weights", "modnet-torch", tmp_path / "w.pth", tmp_path / "w.pdparams")
    assert outcome.status == 1 and "begin with layer4" in outcome.error
    left = {**authors_checkpoint(), "extra.weight": np.zeros(3, np.float32)}
    write_zip(tmp_path / "w.pth", views(left))
    outcome = run_tool("convert_weights", "modnet-torch", tmp_path / "w.pth", tmp_path / "w.pdparams")
    assert outcome.status == 1 and "extra.weight" in outcome.error
    assert not (tmp_path / "w.pdparams").exists()


def torchvision_layout(kind: str) -> dict[str, np.ndarray]:
    """Return zeros but for a mark, under torchvision's names and in the shapes of our backbone."""
    spec = dict(KINDS[f"torchvision-{kind}"].backbone or {})
    shapes = {key: tuple(value.shape) for key, value in BACKBONES[spec.pop("type")](**spec).state_dict().items()}
    pairs = {
        "vgg16": lambda: [
            (f"_conv_block_{block}._conv_{index}.weight", f"features.{number}.weight")
            for block, numbers in torchvision._VGG16.items()
            for index, number in enumerate(numbers, start=1)
        ],
        "mobilenetv2": lambda: list(torchvision._mobilenetv2_names()),
        "resnet50": lambda: list(torchvision._resnet50_names()),
    }[kind]()
    return {theirs: weight(theirs, shapes[ours]) for ours, theirs in pairs}


# torchvision's names and shapes, at the ends of each network and where a table could slip by one.
KNOWN = {
    "vgg16": {"features.0.weight": (64, 3, 3, 3), "features.10.weight": (256, 128, 3, 3),
              "features.28.weight": (512, 512, 3, 3)},
    "mobilenetv2": {"features.0.0.weight": (32, 3, 3, 3), "features.1.conv.0.0.weight": (32, 1, 3, 3),
                    "features.1.conv.1.weight": (16, 32, 1, 1), "features.2.conv.0.0.weight": (96, 16, 1, 1),
                    "features.2.conv.3.running_var": (24,), "features.17.conv.2.weight": (320, 960, 1, 1),
                    "features.18.0.weight": (1280, 320, 1, 1), "features.18.1.bias": (1280,)},
    "resnet50": {"layer1.0.conv1.weight": (64, 64, 1, 1), "layer1.0.downsample.0.weight": (256, 64, 1, 1),
                 "layer2.0.conv2.weight": (128, 128, 3, 3), "layer3.5.bn3.running_mean": (1024,),
                 "layer4.2.conv3.weight": (2048, 512, 1, 1)},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "count"), [("vgg16", 13), ("mobilenetv2", 52 * 5), ("resnet50", 52 * 5)])
def test_torchvisions_backbones_take_their_places(tmp_path: Path, kind: str, count: int) -> None:
    arrays = torchvision_layout(kind)
    for name, shape in KNOWN[kind].items():
        assert arrays[name].shape == shape
    write_zip(tmp_path / "w.pth", views({**arrays, "classifier.1.weight": np.zeros((10, 4), np.float32)}))
    target = tmp_path / "w.pdparams"
    outcome = run_tool("convert_weights", f"torchvision-{kind}", tmp_path / "w.pth", target)
    assert outcome.status == 0, outcome.error
    assert "left behind, without a place in ours: classifier.1.weight" in outcome.output
    read = weights.read_weights(target)
    assert len(read) == len(arrays) == count
    spec = dict(KINDS[f"torchvision-{kind}"].backbone or {})
    backbone = BACKBONES[spec.pop("type")](**spec, pretrained=str(target))
    own = backbone.state_dict()
    assert all(np.array_equal(own[key].numpy(), value) for key, value in read.items())


def test_the_tool_offers_every_kind() -> None:
    listed = run_tool("convert_weights", "--help").output
    assert all(kind in listed for kind in KINDS)
