"""Deep Image Matting: parity with PaddleSeg Matting's, its options, stages, losses, tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle.nn import functional as F

import drawn
import parity
from matting import builder, config, weights
from matting.engines.dynamic import DynamicNetwork
from matting.engines.network import Interface
from matting.engines.tiles import Tiled
from matting.errors import MattingError
from matting.losses import DIMLoss, terms
from matting.models import DIM, MODNet
from matting.models.backbones import VGG16, HRNet_W18, MobileNetV2, ResNet50_vd
from matting.models.layers import unpool
from matting.pictures.files import read_alpha, write_png
from matting.predictor import Predictor
from matting.training.freezing import learn_only, set_training
from matting.training.options import Options
from matting.training.run import run_training
from tools import run_tool


def tensors() -> dict[str, paddle.Tensor]:
    return {key: paddle.to_tensor(value) for key, value in parity.batch().items()}


@pytest.fixture(scope="module")
def filled() -> DIM:
    network = DIM(VGG16())
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    network.set_state_dict({key: parity.weight(key, shape) for key, shape in shapes.items()})
    return network


def test_it_computes_what_paddlesegs_does(filled: DIM) -> None:
    golden, batch = parity.golden("dim-vgg16"), tensors()
    assert sorted(parity.key_list(filled.state_dict())) == sorted(golden["keys"])
    filled.eval()
    with paddle.no_grad():
        alpha = filled(batch["image"], batch["trimap"])["alpha"].numpy()
    np.testing.assert_allclose(parity.sampled(alpha), golden["eval_alpha"], atol=1e-4)

    filled.train()
    output = filled(batch["image"], batch["trimap"])
    for ours, theirs in (("raw_alpha", "alpha_raw"), ("refined_alpha", "alpha_pred")):
        np.testing.assert_allclose(parity.sampled(output[ours].numpy()), golden[f"train_{theirs}"], atol=1e-4)
    values = DIMLoss(composition=1.5)(output, batch)  # PaddleSeg's composition term is a sum over three channels
    for ours, theirs in (("raw", "alpha_raw"), ("composition", "comp"), ("refined", "alpha_pred")):
        assert float(values[ours]) == pytest.approx(float(golden[f"loss_{theirs}"]), abs=1e-4)
    sum(values.values()).backward()
    expected = dict(zip(golden["grad_names"].tolist(), golden["grad_norms"].tolist(), strict=True))
    gradients = {name: p.grad for name, p in filled.named_parameters() if p.grad is not None}
    assert set(gradients) == set(expected)
    floor = 1e-3 * max(expected.values())
    for name, value in expected.items():
        assert float(paddle.linalg.norm(gradients[name])) == pytest.approx(value, rel=1e-3, abs=1e-3 * floor), name


@pytest.mark.parametrize("backbone", [HRNet_W18, MobileNetV2, ResNet50_vd])
def test_other_encoders_serve(backbone: type) -> None:
    network = DIM(backbone(in_channels=4))
    network.eval()
    with paddle.no_grad():
        alpha = network(paddle.rand([1, 3, 64, 96]), paddle.full([1, 1, 64, 96], 128.0))["alpha"]
    assert tuple(alpha.shape) == (1, 1, 64, 96)
    assert float(alpha.min()) >= 0 and float(alpha.max()) <= 1


def test_the_papers_options_train_every_parameter() -> None:
    network, batch = DIM(VGG16(), upsampling="unpool", refine_end="plain"), tensors()
    sum(DIMLoss()(network(batch["image"], batch["trimap"]), batch).values()).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None and not p.stop_gradient] == []


def test_a_plain_refinement_starts_by_changing_nothing() -> None:
    network, batch = DIM(VGG16(), refine_end="plain"), tensors()
    output = network(batch["image"], batch["trimap"])
    np.testing.assert_array_equal(output["refined_alpha"].numpy(), output["raw_alpha"].numpy())


@pytest.mark.parametrize("upsampling", ["bilinear", "unpool"])
def test_pictures_of_any_size_are_taken(upsampling: str) -> None:
    network = DIM(VGG16(), upsampling=upsampling, refine=False)
    network.eval()
    with pytest.raises(MattingError, match="no side may be below 32"):
        network(paddle.rand([1, 3, 31, 71]), paddle.full([1, 1, 31, 71], 128.0))
    predictor = Predictor(DynamicNetwork(network), [])
    for height, width in ((5, 40), (45, 71)):
        trimap = np.full((height, width), 128, np.uint8)
        assert predictor(np.zeros((height, width, 3), np.uint8), trimap).shape == (height, width)


def test_unpooling_is_unpooling_by_indices() -> None:
    """Values and gradients, ties included: half of the map is zero, as behind a ReLU."""
    values = np.maximum(np.random.default_rng(0).integers(-3, 4, (2, 3, 8, 12)), 0).astype(np.float32)
    results = []
    for ours in (True, False):
        before = paddle.to_tensor(values, stop_gradient=False)
        pooled, indices = F.max_pool2d(before, 2, 2, return_mask=True)
        back = unpool(pooled + 1, before) if ours else F.max_unpool2d(pooled + 1, indices, 2, 2)
        (back * paddle.arange(96, dtype="float32").reshape([8, 12])).sum().backward()
        results.append((back.numpy(), before.grad.numpy()))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"upsampling": "nearest"}, "bilinear, unpool"),
        ({"refine_end": "relu"}, "norm_relu, plain"),
        ({"backbone": "MobileNetV2", "upsampling": "unpool"}, "use VGG16"),
        ({"channels": 3}, "in_channels to 4"),
    ],
)
def test_wrong_options_are_refused(options: dict, said: str) -> None:
    backbone = {"MobileNetV2": MobileNetV2}.get(options.pop("backbone", ""), VGG16)(options.pop("channels", 4))
    with pytest.raises(MattingError, match=said):
        DIM(backbone, **options)


def test_imagenet_weights_of_three_channels_start_the_fourth_at_zero(tmp_path: Path) -> None:
    state = {key: np.full(tuple(value.shape), 0.5, np.float32) for key, value in VGG16(3).state_dict().items()}
    weights.write_weights(tmp_path / "vgg.pdparams", state)
    stem = VGG16(4, pretrained=str(tmp_path / "vgg.pdparams")).state_dict()["_conv_block_1._conv_1.weight"].numpy()
    assert (stem[:, :3] == 0.5).all() and (stem[:, 3] == 0).all()


def test_charbonnier_by_hand() -> None:
    def tensor(values: object) -> paddle.Tensor:
        return paddle.to_tensor(np.asarray(values, np.float32).reshape(1, 1, 1, -1))

    value = terms.charbonnier(tensor([0.5, 1.0, 0.0]), tensor([0.2, 1.0, 1.0]), tensor([1, 1, 0]))
    assert float(value) == pytest.approx((np.sqrt(0.09 + 1e-6) + 1e-3) / 2, rel=1e-5)


def test_the_composition_term_is_idle_without_a_background_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    batch = tensors()
    alpha = batch["alpha"] * 0.5
    alpha.stop_gradient = False
    output = {"raw_alpha": alpha}
    same = {**batch, "foreground": batch["image"], "background": batch["image"]}  # as PaddleSeg fills them in
    missing = {key: value for key, value in batch.items() if key not in ("foreground", "background")}
    for target, said in ((same, "the same picture"), (missing, "no foreground")):
        caplog.clear()
        criterion = DIMLoss()
        for _ in range(2):
            values = criterion(output, target)
            assert float(values["composition"]) == 0 and float(values["raw"]) > 0.1
        assert caplog.text.count("term is idle") == 1 and said in caplog.text and "list a background" in caplog.text
        sum(values.values()).backward(retain_graph=True)
        assert float(alpha.grad.abs().sum()) > 0
    assert float(criterion(output, batch)["composition"]) > 0  # a later batch that has both
    assert set(DIMLoss(composition=0)(output, missing)) == {"raw"}
    with pytest.raises(MattingError, match="no term left"):
        DIMLoss(raw=0, composition=0)(output, missing)
    with pytest.raises(MattingError, match="nothing to learn from.*no foreground.*list a background"):
        DIMLoss(raw=0)(output, missing)


def test_only_what_is_trainable_learns_and_norms_of_the_rest_stand_still() -> None:
    network, batch = DIM(VGG16()), tensors()
    learn_only(network, ["refine"])
    set_training(network, ["refine"])
    before = {key: value.numpy().copy() for key, value in network.state_dict().items()}
    optimizer = paddle.optimizer.Momentum(0.1, parameters=network.parameters())
    sum(DIMLoss(raw=0, composition=0)(network(batch["image"], batch["trimap"]), batch).values()).backward()
    optimizer.step()
    changed = {key for key, value in network.state_dict().items() if (value.numpy() != before[key]).any()}
    assert changed and all(key.startswith("refine.") for key in changed)
    assert "refine.conv1._batch_norm._mean" in changed
    with pytest.raises(MattingError, match="did you mean refine"):
        learn_only(network, ["refin"])


def test_freezing_works_for_modnet_too() -> None:
    network = MODNet(MobileNetV2())
    learn_only(network, ["head.f_branch"])
    set_training(network, ["head.f_branch"])
    assert set(network(paddle.rand([1, 3, 32, 32]))) == {"alpha", "semantic", "detail"}


class Neighbourhood:
    """A stand-in whose alpha depends on the 31 x 31 pixels around, and that notes the sizes it is asked for."""

    interface = Interface(("image", "trimap"), 1, 32)

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        import cv2

        self.sizes.append(inputs[0].shape[2:])
        means = [cv2.blur(image[0], (31, 31), borderType=cv2.BORDER_REPLICATE) for image in inputs[0]]
        return {"alpha": np.stack(means)[:, None] / 255}


@pytest.mark.parametrize("size", [(200, 300), (96, 97), (129, 64), (64, 400)])
def test_tiles_equal_the_whole_where_the_margin_covers_the_neighbourhood(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 3, *size)).astype(np.float32)
    trimap = np.full((1, 1, *size), 128, np.float32)
    network = Neighbourhood()
    whole = network(image, trimap)["alpha"]
    np.testing.assert_allclose(Tiled(network, 64, 32)(image, trimap)["alpha"], whole, atol=1e-6)
    assert all(max(seen) <= 64 + 3 * 32 for seen in network.sizes[1:])


def test_tiles_of_known_pixels_are_skipped() -> None:
    trimap = np.zeros((1, 1, 256, 256), np.float32)
    trimap[..., :64, :64], trimap[..., 128:, :] = 128, 255
    network = Neighbourhood()
    alpha = Tiled(network, 64, 32)(np.zeros((1, 3, 256, 256), np.float32), trimap)["alpha"]
    assert len(network.sizes) == 1 and (alpha[..., 128:, :] == 1).all()
    with pytest.raises(MattingError, match="multiple of 32"):
        Tiled(network, 100)


DIM_CONFIG = """
batch_size: 2
iters: 2
train_dataset:
  type: MattingDataset
  dataset_root: {root}
  train_file: train.txt
  transforms:
    - {{type: RandomCropByAlpha, crop_size: [[48, 48]], prob: 1.0}}
    - {{type: Resize, target_size: [32, 32]}}
    - {{type: Normalize}}
val_dataset:
  type: MattingDataset
  dataset_root: {root}
  val_file: val.txt
  transforms: [{{type: Normalize}}]
  mode: val
model:
  type: DIM
  backbone: {{type: MobileNetV2, in_channels: 4}}
  refine_end: plain
optimizer: {{type: Adam}}
lr_scheduler: {{type: PolynomialDecay, learning_rate: 0.001}}
"""


def test_stages_follow_each_other_by_one_key(tmp_path: Path) -> None:
    drawn.dataset(tmp_path / "data", background=True)
    (tmp_path / "config.yml").write_text(DIM_CONFIG.format(root=tmp_path / "data"), encoding="utf-8")
    first = config.load(tmp_path / "config.yml", ["model.refine=False"])
    run_training(first, Options(tmp_path / "first"), validate=True)
    changes = ["loss={type: DIMLoss, raw: 0, composition: 0}", "trainable=[refine]"]
    second = config.load(tmp_path / "config.yml", [*changes, f"model.pretrained={tmp_path / 'first/best_model'}"])
    run_training(second, Options(tmp_path / "second"), validate=True)
    one, two = (weights.read_weights(tmp_path / stage / "best_model") for stage in ("first", "second"))
    assert set(one) < set(two) and any(key.startswith("refine.") for key in two)
    for key, value in one.items():
        np.testing.assert_array_equal(value, two[key], err_msg=key)


@pytest.fixture(scope="module")
def predicting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, trimaps, a configuration of DIM and weights for it."""
    folder = tmp_path_factory.mktemp("dim")
    drawn.dataset(folder / "data", count=2, background=True)
    (folder / "config.yml").write_text(DIM_CONFIG.format(root=folder / "data"), encoding="utf-8")
    network = builder.model(config.load(folder / "config.yml"))
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    weights.write_weights(folder / "dim.pdparams", state)
    return folder


def predict(folder: Path, *arguments: object):
    common = ("--config", folder / "config.yml", "--model_path", folder / "dim.pdparams")
    return run_tool("predict", *common, "--image_path", folder / "data/train/fg", *arguments)


def test_trimaps_are_made_from_mattes_and_used(predicting: Path, tmp_path: Path) -> None:
    made = run_tool("make_trimap", "--alpha_path", predicting / "data/train/alpha", "--save_dir", tmp_path / "trimaps")
    assert made.status == 0 and "2 of 2" in made.output
    trimap = read_alpha(tmp_path / "trimaps/0.png")
    assert {round(value * 255) for value in np.unique(trimap).tolist()} == {0, 128, 255}
    done = predict(predicting, "--trimap_path", tmp_path / "trimaps", "--save_dir", tmp_path / "out")
    assert done.status == 0, done.error
    alpha = read_alpha(tmp_path / "out/0_alpha.png")
    np.testing.assert_array_equal(alpha[trimap == 1], 1)
    np.testing.assert_array_equal(alpha[trimap == 0], 0)
    small = run_tool(
        "make_trimap",
        "--alpha_path",
        predicting / "data/train/alpha",
        "--save_dir",
        tmp_path / "small",
        "--relative",
        0.05,
    )
    assert small.status == 0
    assert (read_alpha(tmp_path / "small/0.png") % 1 > 0).sum() < (trimap % 1 > 0).sum()


def test_trimaps_that_are_missing_or_ill_sized_are_named_before_anything_runs(predicting: Path, tmp_path: Path) -> None:
    none = predict(predicting, "--save_dir", tmp_path / "out")
    assert none.status == 1 and "--trimap_from" in none.error and "matting make_trimap" in none.error
    write_png(tmp_path / "trimaps/0.png", np.zeros((60, 80), np.uint8))
    missing = predict(predicting, "--trimap_path", tmp_path / "trimaps", "--save_dir", tmp_path / "out")
    assert missing.status == 1 and "1 of 2 images have no trimap" in missing.error
    write_png(tmp_path / "trimaps/1.png", np.zeros((50, 80), np.uint8))
    ill = predict(predicting, "--trimap_path", tmp_path / "trimaps", "--save_dir", tmp_path / "out")
    assert ill.status == 1 and "1.png is 80x50 but" in ill.error
    write_png(tmp_path / "trimaps/1.png", np.tile(np.arange(80, dtype=np.uint8) * 3, (60, 1)))
    many = predict(predicting, "--trimap_path", tmp_path / "trimaps", "--save_dir", tmp_path / "out")
    assert many.status == 0 and "hold many values" in many.error
    assert not (tmp_path / "out/2_alpha.png").exists()


def test_modnet_draws_the_trimap_in_one_command(predicting: Path, tmp_path: Path) -> None:
    (tmp_path / "modnet.yml").write_text(
        "model: {type: MODNet, hr_channels: 8, backbone: {type: MobileNetV2}}\n"
        "val_dataset: {type: MattingDataset, dataset_root: ., transforms: [{type: ResizeToIntMult}]}\n"
    )
    network = builder.model(config.load(tmp_path / "modnet.yml"))
    weights.write_weights(tmp_path / "m.pdparams", {key: value.numpy() for key, value in network.state_dict().items()})
    drawn_by = f"{tmp_path / 'modnet.yml'}:{tmp_path / 'm.pdparams'}"
    done = predict(predicting, "--trimap_from", drawn_by, "--save_dir", tmp_path / "out")
    assert done.status == 0, done.error
    assert (tmp_path / "out/0_alpha.png").is_file()
    itself = f"{predicting / 'config.yml'}:{predicting / 'dim.pdparams'}"
    assert "needs a trimap itself" in predict(predicting, "--trimap_from", itself).error
