"""A guess of which network a file of weights belongs to, for the message that says it does not fit."""

from __future__ import annotations

from collections.abc import Collection

_NETWORKS: tuple[tuple[str, str], ...] = (
    # name fragment, what it shows; the first that is found counts
    ("lr_branch.backbone.", "the MODNet authors' PyTorch checkpoint: matting convert_weights modnet-torch"),
    ("t_net.", "a PyTorch checkpoint of SHM: matting convert_weights shm-torch"),
    ("head.f_branch.", "MODNet"),
    ("decoder.deconv6.", "DIM"),
    ("tnet.", "SHM"),
    ("features.18.1.", "torchvision's MobileNetV2: matting convert_weights torchvision-mobilenetv2"),
    ("features.28.", "torchvision's VGG16: matting convert_weights torchvision-vgg16"),
    ("layer4.2.conv3.", "torchvision's ResNet50: matting convert_weights torchvision-resnet50"),
)

_BACKBONES: tuple[tuple[str, str], ...] = (
    ("la1.bb_layer2_1.", "HRNet_W18"),
    ("bb_0_0.", "ResNet50_vd"),
    ("conv9._conv", "MobileNetV2"),
    ("_conv_block_5.", "VGG16"),
)


def guess(keys: Collection[str]) -> str:
    """Return a sentence on what a file with these keys seems to be, ending in a space; empty if nothing is known."""
    network = _found(keys, _NETWORKS)
    backbone = _found(keys, _BACKBONES)
    if not network:
        return f"They look like {backbone} alone, a backbone. " if backbone else ""
    if ":" in network or not backbone:
        return f"They look like {network}. "
    variant = ""
    if network == "MODNet" and not any(".inorm." in key for key in keys):
        variant = ", the authors' variant (modnet-mobilenetv2-authors.yml)"
    elif network == "DIM" and not any(key.startswith("refine.") for key in keys):
        variant = ", without refinement (dim-vgg16-encoder_decoder.yml)"
    return f"They look like {network} with {backbone}{variant}. "


def _found(keys: Collection[str], table: tuple[tuple[str, str], ...]) -> str:
    return next((meaning for fragment, meaning in table if any(fragment in key for key in keys)), "")
