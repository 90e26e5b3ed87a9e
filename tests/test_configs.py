"""Every configuration under configs/ is found, checked and built, as are PaddleSeg Matting's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from matting import builder, config
from matting.errors import MattingError
from matting.training.freezing import learn_only
from matting.training.optimizers import make_optimizer

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.yml") if not {"_base_", "phases"} & set(path.parts))

STOCK = """
batch_size: 16
iters: 100000
train_dataset:
  type: MattingDataset
  dataset_root: {root}
  train_file: train.txt
  transforms:
    - type: LoadImages
    - type: RandomCrop
      crop_size: [512, 512]
    - type: RandomDistort
    - type: RandomBlur
    - type: RandomHorizontalFlip
    - type: Normalize
  mode: train
val_dataset:
  type: MattingDataset
  dataset_root: {root}
  val_file: val.txt
  transforms:
    - type: LoadImages
    - type: ResizeByShort
      short_size: 512
    - type: ResizeToIntMult
      mult_int: 32
    - type: Normalize
  mode: val
  get_trimap: False
model:
  type: MODNet
  backbone:
    type: MobileNetV2
    pretrained: Null
  pretrained: Null
optimizer:
  type: sgd
  momentum: 0.9
  weight_decay: 4.0e-5
lr_scheduler:
  type: PiecewiseDecay
  boundaries: [40000, 80000]
  values: [0.02, 0.002, 0.0002]
"""


@pytest.mark.parametrize("path", CONFIGS, ids=[str(path.relative_to(ROOT)) for path in CONFIGS])
def test_a_configuration_builds(path: Path) -> None:
    values = config.load(path)
    builder.check(values)
    network = builder.model(values, pretrained=False)
    assert builder.val_transforms(values)
    if network.default_loss is None:
        with pytest.raises(MattingError, match="cannot be trained"):
            builder.check_training(values)
        return
    learn_only(network, values.get("trainable"))
    builder.criterion(values, network)
    assert make_optimizer(values, network).get_lr() > 0


def test_there_are_configurations() -> None:
    assert len(CONFIGS) >= 5


def test_paddleseg_mattings_own_configuration_builds_and_reads(tmp_path: Path) -> None:
    import drawn

    drawn.dataset(tmp_path / "data")
    (tmp_path / "stock.yml").write_text(STOCK.format(root=tmp_path / "data"), encoding="utf-8")
    values = config.load(tmp_path / "stock.yml")
    builder.check(values)
    network = builder.model(values)
    assert type(builder.criterion(values, network)).__name__ == "MODNetLoss"
    assert make_optimizer(values, network).get_lr() == 0.02
    sample = builder.dataset(values, "train_dataset")[0, 0]
    assert sample["image"].shape == (512, 512, 3) and sample["image"].dtype == "float32"
    assert "trimap" not in builder.dataset(values, "val_dataset").read(0)


def test_paddleseg_mattings_dim_configuration_builds(tmp_path: Path) -> None:
    stock = STOCK[: STOCK.index("model:")].replace(
        "ResizeByShort\n      short_size: 512", "LimitLong\n      max_long: 3840"
    )
    stock += "model:\n  type: DIM\n  backbone:\n    type: VGG16\n    input_channels: 4\n    pretrained: Null\n"
    stock += "  pretrained: Null\noptimizer:\n  type: adam\nlearning_rate:\n  value: 0.001\n"
    (tmp_path / "stock.yml").write_text(stock, encoding="utf-8")
    values = config.load(tmp_path / "stock.yml")
    builder.check(values)
    network = builder.model(values)
    assert type(builder.criterion(values, network)).__name__ == "DIMLoss"
    assert make_optimizer(values, network).get_lr() == 0.001


DIM_STOCK = """
batch_size: 16
iters: 100000
train_dataset:
  type: MattingDataset
  dataset_root: {root}
  train_file: train.txt
  transforms:
    - type: LoadImages
    - type: RandomCropByAlpha
      crop_size: [[320, 320], [480, 480], [640, 640]]
    - type: Resize
      target_size: [320, 320]
    - type: RandomDistort
    - type: RandomBlur
    - type: RandomHorizontalFlip
    - type: Normalize
  mode: train
  get_trimap: True
val_dataset:
  type: MattingDataset
  dataset_root: {root}
  val_file: val.txt
  transforms:
    - type: LoadImages
    - type: LimitLong
      max_long: 3840
    - type: Normalize
  mode: val
  get_trimap: True
model:
  type: DIM
  backbone:
    type: VGG16
    input_channels: 4
    pretrained: Null
  pretrained: Null
optimizer:
  type: adam
learning_rate:
  value: 0.001
"""
"""PaddleSeg Matting's dim_vgg16.yml, but for the weights that it downloads."""


def test_paddlesegs_dim_configuration_trains_on_lists_of_one_column(tmp_path: Path) -> None:
    import paddle

    import drawn
    from matting import weights
    from matting.training.options import Options
    from matting.training.run import run_training

    drawn.dataset(tmp_path / "data")
    (tmp_path / "stock.yml").write_text(DIM_STOCK.format(root=tmp_path / "data"), encoding="utf-8")
    small = ["train_dataset.transforms.2.target_size=[64, 64]"]  # 320 takes a minute on one core
    values = config.load(tmp_path / "stock.yml", small, iters=2, batch_size=2)
    run_training(values, Options(tmp_path / "run", log_iters=1))
    log = (tmp_path / "run/train.log").read_text(encoding="utf-8")
    assert log.count("composition term is idle") == 1 and "list a background" in log
    assert "composition=0.0000" in log and "refined=" in log
    paddle.seed(0)
    before, after = builder.model(values).state_dict(), weights.read_weights(tmp_path / "run/iter_2")
    learnt = [key for key in before if key.startswith("decoder") and key.endswith("weight")]
    assert learnt and all((before[key].numpy() != after[key]).any() for key in learnt)


def test_warm_up_ends_at_the_schedules_first_rate() -> None:
    values = config.load(ROOT / "configs/modnet/modnet-mobilenetv2.yml")
    values["lr_scheduler"] |= {"warmup_iters": 4, "warmup_start_lr": 0.0}
    schedule = make_optimizer(values, builder.model(values, pretrained=False))._learning_rate
    rates = []
    for _ in range(6):
        rates.append(schedule())
        schedule.step()
    assert rates == pytest.approx([0, 0.005, 0.01, 0.015, 0.02, 0.02])


def test_a_component_without_a_type_is_named() -> None:
    with pytest.raises(MattingError, match=r"train_dataset\.transforms\.0 is 'Normalize'"):
        builder.check({"train_dataset": {"type": "MattingDataset", "dataset_root": ".", "transforms": ["Normalize"]}})
