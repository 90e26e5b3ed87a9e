"""PaddleSeg Matting's five ymls of PP-Matting and PP-MattingV2 run as they are: trained, scored, used, exported.

They are written here with the same keys and values. Only how much is computed is less: few and small pictures by the
flags, and thinner HRNets. Where they name starting weights by address, a file lies in the cache under that address.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import paddle
import pytest

import drawn
import parity
from matting import builder, config, weights
from matting.deployment.description import Deployment, open_predictor
from matting.deployment.quantisation import calibrate
from matting.engines import open_engine
from matting.engines.trial import trial_inputs, trial_picture
from matting.errors import MattingError
from matting.models.backbones import HRNet_W18
from matting.models.base import MattingModel
from matting.prediction.jobs import find_jobs
from matting.weights.cache import cached
from tools import run_tool

ADDRESS = "https://bj.bcebos.com/paddleseg/dygraph"
AUGMENTED = [
    {"type": "RandomDistort"}, {"type": "RandomBlur", "prob": 0.1}, {"type": "RandomNoise", "prob": 0.5},
    {"type": "RandomReJpeg", "prob": 0.2}, {"type": "RandomHorizontalFlip"}, {"type": "Normalize"},
]  # fmt: skip


def photographs(side: int) -> dict[str, Any]:
    """Return the data sets of PP-Matting on portraits of that short side."""
    limit = [{"type": "LoadImages"}, {"type": "LimitShort", "max_short": side}]
    train = [*limit, {"type": "RandomCrop", "crop_size": [side, side]}, *AUGMENTED]
    val = [*limit, {"type": "ResizeToIntMult", "mult_int": 32}, {"type": "Normalize"}]
    return {"train_dataset": {"transforms": train}, "val_dataset": {"transforms": val}}


def sets(root: str, train: list, val: list, **more: Any) -> dict[str, Any]:
    common = {"type": "MattingDataset", "dataset_root": root, **more}
    return {
        "train_dataset": {**common, "train_file": "train.txt", "transforms": train, "mode": "train"},
        "val_dataset": {**common, "val_file": "val.txt", "transforms": val, "mode": "val", "get_trimap": False},
    }


POLYNOMIAL = {"type": "PolynomialDecay", "learning_rate": 0.01, "end_lr": 0, "power": 0.9}
PORTRAITS = photographs(512)
COMPOSED = sets(
    "data/matting/Distinctions-646",
    [
        {"type": "LoadImages"}, {"type": "Padding", "target_size": [512, 512]},
        {"type": "RandomCrop", "crop_size": [[512, 512], [640, 640], [800, 800]]},
        {"type": "Resize", "target_size": [512, 512]}, {"type": "RandomDistort"}, {"type": "RandomBlur", "prob": 0.1},
        {"type": "RandomHorizontalFlip"}, {"type": "Normalize"},
    ],
    [
        {"type": "LoadImages"}, {"type": "LimitShort", "max_short": 1536},
        {"type": "ResizeToIntMult", "mult_int": 32}, {"type": "Normalize"},
    ],
    separator="|",
)  # fmt: skip

SGD = {"type": "sgd", "momentum": 0.9}
V2, W18, W48 = "ppmattingv2-stdc1-human_512", "ppmatting-hrnet_w18-human", "ppmatting-hrnet_w48"
YMLS: dict[str, dict[str, Any]] = {
    V2: {
        "batch_size": 16,
        "iters": 100000,
        **sets(
            "data/PPM-100",
            [
                *PORTRAITS["train_dataset"]["transforms"][:3], {"type": "Padding", "target_size": [512, 512]},
                *AUGMENTED[:2], {"type": "RandomSharpen", "prob": 0.2}, *AUGMENTED[2:],
            ],
            PORTRAITS["val_dataset"]["transforms"],
        ),
        "model": {
            "type": "PPMattingV2",
            "backbone": {"type": "STDC1", "pretrained": f"{ADDRESS}/PP_STDCNet1.tar.gz"},
            "decoder_channels": [128, 96, 64, 32, 16],
            "head_channel": 8,
            "dpp_output_channel": 256,
            "dpp_merge_type": "add",
        },
        "optimizer": {**SGD, "weight_decay": 5.0e-4},
        "lr_scheduler": {**POLYNOMIAL, "warmup_iters": 1000, "warmup_start_lr": 1.0e-5},
    },
    f"{W48}-distinctions": {
        "batch_size": 4,
        "iters": 300000,
        **COMPOSED,
        "model": {
            "type": "PPMatting",
            "backbone": {"type": "HRNet_W48", "pretrained": f"{ADDRESS}/hrnet_w48_ssld.tar.gz"},
            "pretrained": None,
        },
        "optimizer": {**SGD, "weight_decay": 4.0e-5},
        "lr_scheduler": POLYNOMIAL,
    },
    f"{W48}-composition": {
        "_base_": f"{W48}-distinctions.yml",
        "train_dataset": {"dataset_root": "data/matting/Composition-1k"},
        "val_dataset": {"dataset_root": "data/matting/Composition-1k"},
    },
    f"{W18}_512": {
        "_base_": f"{W48}-distinctions.yml",
        "batch_size": 4,
        "iters": 200000,
        **sets("data/PPM-100", PORTRAITS["train_dataset"]["transforms"], PORTRAITS["val_dataset"]["transforms"]),
        "model": {"backbone": {"type": "HRNet_W18", "pretrained": f"{ADDRESS}/hrnet_w18_ssld.tar.gz"}},
    },
    f"{W18}_1024": {"_base_": f"{W18}_512.yml", **photographs(1024)},
}  # fmt: skip

SMALL = {
    V2: ["train_dataset.transforms.2.crop_size=[64,64]", "train_dataset.transforms.3.target_size=[64,64]"],
    W18: ["train_dataset.transforms.2.crop_size=[64,64]"],
    W48: [
        "train_dataset.transforms.1.target_size=[64,64]", "train_dataset.transforms.2.crop_size=[[64,64],[96,80]]",
        "train_dataset.transforms.3.target_size=[64,64]",
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A yml, the folder that its commands are typed in, and what they left there."""

    name: str
    home: Path
    outcome: Any


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ymls and the data that they name."""
    folder = tmp_path_factory.mktemp("paddleseg")
    for name, values in YMLS.items():
        (folder / f"{name}.yml").write_text(config.dump(values), encoding="utf-8")
    drawn.dataset(folder / "data/PPM-100", count=2, height=64, width=96)
    for name in ("Distinctions-646", "Composition-1k"):
        root = drawn.dataset(folder / "data/matting" / name, count=2, height=64, width=96, background=True)
        for listed in ("train.txt", "val.txt"):
            (root / listed).write_text((root / listed).read_text().replace(" bg/", "|bg/"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def thin() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HRNet_W18, "_WIDTH", 4)
        for backbone in HRNet_W18.__subclasses__():
            patch.setattr(backbone, "_WIDTH", 4)
        yield


@pytest.fixture(scope="module", params=YMLS)
def trained_by(request: pytest.FixtureRequest, home: Path) -> Trained:
    """Train two iterations, validating, by a yml as it is written."""
    name = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        spec = config.load(f"{name}.yml")["model"]["backbone"]
        put_in_place(spec)
        outcome = run_tool(
            "train", "--config", f"{name}.yml", "--iters", 2, "--batch_size", 2, "--save_interval", 2, "--do_eval",
            "--log_iters", 1, "--save_dir", f"output/{name}",
            "--opts", *next(small for start, small in SMALL.items() if name.startswith(start)),
        )  # fmt: skip
    return Trained(name, home, outcome)


def put_in_place(spec: dict[str, Any]) -> None:
    """Have starting weights for a backbone in the cache, as if its address had been asked."""
    file = cached(spec["pretrained"])
    paddle.seed(7)
    state = builder.build("backbone", {"type": spec["type"]}, "backbone").state_dict()
    file.parent.mkdir(parents=True, exist_ok=True)
    unpacked = file.with_name("model.pdparams")
    weights.write_weights(unpacked, {key: value.numpy() for key, value in state.items()})
    with tarfile.open(file, "w:gz", compresslevel=1) as archive:
        archive.add(unpacked, "backbone/model.pdparams")
    unpacked.unlink()


def test_it_trains_and_validates(trained_by: Trained) -> None:
    assert trained_by.outcome.status == 0, trained_by.outcome.error
    told = trained_by.outcome.output + trained_by.outcome.error
    assert "best SAD" in told and (trained_by.home / "output" / trained_by.name / "iter_2/model.pdparams").is_file()
    if trained_by.name.startswith(W48):
        assert "fusion_composition" in told


@dataclass(frozen=True)
class Exported:
    """A network of the parity tests' weights, and the folder that it was exported into."""

    network: MattingModel
    folder: Path


QUICK = {V2: [], f"{W48}-distinctions": ["model.backbone={type: STDC1}"]}
"""The ymls whose networks are exported, and what lets that take seconds."""


@pytest.fixture(scope="module", params=QUICK)
def exported(request: pytest.FixtureRequest, home: Path) -> Exported:
    """Score, export and use both networks by their ymls, PP-Matting with a backbone that is traced in seconds.

    Trained for two iterations they would not do: norms have no statistics yet, and what they let through grows beyond
    float32.
    """
    name, opts = request.param, QUICK[request.param]
    folder, values = Path(f"output/{name}-filled"), config.load(home / f"{name}.yml", opts)
    network = builder.model(values, pretrained=False)
    state = {key: parity.weight(key, tuple(value.shape)) for key, value in network.state_dict().items()}
    for key in ("scb.scb_stages.5.2.weight", "scb.scb_stages.5.2.bias"):
        if key in state:  # so that transition wins wherever foreground would, and the detail is seen
            state[key][1] = 2 * state[key][0] - state[key][2]
    network.set_state_dict(state)
    common = ("--config", f"{name}.yml", "--model_path", folder / "w.pdparams", *(("--opts", *opts) if opts else ()))
    photographs = ("--image_path", "data/PPM-100/train/fg", "--save_dir", folder / "cutouts", "--fg_estimate", "True")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        weights.write_weights(folder / "w.pdparams", state)
        for call in (
            ("val", *common, "--save_dir", folder / "results", "--save_results"),
            ("export", *common, "--save_dir", folder / "export"),
            ("predict", "--config", folder / "export/deploy.yaml", *photographs),
        ):
            outcome = run_tool(*call)
            assert outcome.status == 0, outcome.error
        assert len(os.listdir(folder / "cutouts")) == 5
    return Exported(network, home / folder / "export")


def test_engines_agree_at_free_sizes(exported: Exported) -> None:
    """With float64, at sizes that the export was not tried at: alpha, and of PP-Matting classes and detail.

    Where two classes are level, PP-Matting's alpha jumps between the detail and 0 or 1: there the mean counts.
    """
    exported.network.to(dtype="float64")
    exported.network.eval()
    interface = Deployment.read(exported.folder).interface
    for size in ((160, 96), (96, 192)):
        image = trial_inputs(replace(interface, size=size))[1][0]
        with paddle.no_grad():
            output = exported.network(paddle.to_tensor(image, "float64"))
        truth = {name: value.numpy() for name, value in output.items()}
        for engine in ("onnxruntime", "openvino", "paddle"):
            found = open_engine(exported.folder, interface, engine)(image)
            assert set(found) == set(truth) and found["alpha"].shape == (1, 1, *size)
            apart = np.abs(found["alpha"] - truth["alpha"])
            if "trimap" not in truth:
                assert apart.max() < 1e-4, engine
                continue
            assert np.abs(found["trimap"] - truth["trimap"]).max() < 1e-4, engine
            same = found["trimap"].argmax(1) == truth["trimap"].argmax(1)
            assert apart[:, 0][same].max() < 1e-4 and apart.mean() < 1e-4, engine
            assert (truth["trimap"].argmax(1)[same] == 1).any()  # there alpha is the detail


def test_the_onnx_file_leaves_sizes_free(exported: Exported) -> None:
    graph = onnx.load(exported.folder / "model.onnx").graph
    for value in (*graph.input, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        assert [bool(side.dim_value) for side in dimensions] == [False, True, False, False], value.name


def test_lower_precisions_keep_the_matte(exported: Exported, home: Path) -> None:
    """At a size of its own: bfloat16 where the processor has it, eight bits tuned on photographs (one network)."""
    picture = trial_picture(90, 130)[0]
    exact = open_predictor(exported.folder)(picture)
    precisions = ["bf16"]
    if type(exported.network).__name__ == "PPMattingV2":
        calibrate(exported.folder, find_jobs(home / "data/PPM-100/train/fg"))
        precisions.append("int8")
    for precision in precisions:
        try:
            lower = open_predictor(exported.folder, precision=precision)
        except MattingError as error:
            assert precision == "bf16" and "this processor does not compute in bfloat16" in str(error)
            continue
        assert 0 < np.abs(lower(picture) - exact).mean() < 0.2 * exact.std(), precision
