"""What PaddleSeg publishes of its networks holds here: parameters, FLOPs (there: multiply-adds), names and scores."""

from __future__ import annotations

import pytest

from matting import builder, config
from matting.deployment.benchmark import count
from matting.weights.published import PUBLISHED

SIDE = 256
"""Of the picture counted on, in place of 512: multiply-adds go by the area, but for the few of pooled context."""


@pytest.mark.parametrize(
    ("name", "millions", "billions"),
    [
        ("ppmattingv2-stdc1-human_512", 8.95, 7.51),
        ("ppmatting-hrnet_w18-human_512", 24.5, 91.28),
        ("modnet-mobilenetv2", 6.5, 15.7),
        ("modnet-hrnet_w18", 10.2, 28.5),
    ],
)
def test_parameters_and_flops_are_those_of_paddlesegs_table(name: str, millions: float, billions: float) -> None:
    network = builder.model(config.load(PUBLISHED[name].config), pretrained=False)
    _, multiply_adds = count(network, (SIDE, SIDE))
    learnt = sum(parameter.size for parameter in network.parameters() if not parameter.stop_gradient)
    assert learnt / 1e6 == pytest.approx(millions, rel=0.01)
    assert multiply_adds * (512 / SIDE) ** 2 / 1e9 == pytest.approx(billions, rel=0.02)


@pytest.mark.parametrize(
    ("name", "sad"),
    [
        ("ppmattingv2-stdc1-human_512", "40.59"),
        ("ppmatting-hrnet_w18-human_512", "31.56"),
        ("ppmatting-hrnet_w18-human_1024", "66.22"),
        ("ppmatting-hrnet_w48-composition", "46.22"),
        ("ppmatting-hrnet_w48-distinctions", "40.69"),
    ],
)
def test_published_names_have_address_score_and_configuration(name: str, sad: str) -> None:
    entry = PUBLISHED[name]
    assert entry.url == f"https://paddleseg.bj.bcebos.com/matting/models/{name}.pdparams"
    assert f"SAD {sad}" in entry.score
    values = config.load(entry.config)
    builder.check(values)
    start = values["model"]["backbone"]["pretrained"]
    assert start in PUBLISHED and PUBLISHED[start].url.startswith("https://bj.bcebos.com/paddleseg/dygraph/")
