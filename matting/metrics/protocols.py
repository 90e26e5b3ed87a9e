"""Evaluation protocols: which numbers a published table holds, over which region, in which unit, rounded how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from matting.errors import MattingError
from matting.metrics.catalogue import METRICS, OF_CLIPS, OF_MATTES, Metric
from matting.metrics.connectivity import THRESHOLDS
from matting.metrics.gradient import DerivativeFilter, unit_norm_filter, unit_sum_filter

WHOLE, UNKNOWN, KNOWN_FOREGROUND, KNOWN_BACKGROUND = "whole", "unknown", "foreground", "background"
"""Regions: the picture, and what its trimap calls unknown, foreground and background."""

REGION_TITLES = {
    WHOLE: "whole image",
    UNKNOWN: "unknown region",
    KNOWN_FOREGROUND: "known foreground",
    KNOWN_BACKGROUND: "known background",
}


@dataclass(frozen=True)
class Column:
    """One number of an image: a metric over a region."""

    metric: Metric
    region: str

    @property
    def name(self) -> str:
        """The column's name in files: `SAD` over the whole image, `SAD_unknown` over the unknown region."""
        return self.metric.name if self.region == WHOLE else f"{self.metric.name}_{self.region}"

    @property
    def heading(self) -> str:
        """The heading with region and unit: `SAD, unknown region [sum of |error| / 1000]`."""
        return f"{self.title} [{self.metric.unit}]"

    @property
    def title(self) -> str:
        """Name and region for people: `SAD, unknown region`."""
        return f"{self.metric.name}, {REGION_TITLES[self.region]}"


def columns(metrics: Iterable[Metric | str], region: str) -> tuple[Column, ...]:
    """Return columns over one region; a `Metric` of one's own departs from the usual scale and unit."""
    return tuple(Column(METRICS[metric] if isinstance(metric, str) else metric, region) for metric in metrics)


@dataclass(frozen=True)
class Protocol:
    """All that must be fixed for a number to mean something.

    Attributes:
        name: what `--protocol` takes.
        source: where the rules are taken from.
        columns: the numbers of an image, in the order of tables.
        eight_bits: the prediction is rounded to 8 bits, to the nearest level, before it is scored.
        needs_trimap: the set must come with trimaps; otherwise those that are missing are made from the true alpha by
            the 25-px rule (`matting.trimap.for_evaluation`).
        sums_beyond_unknown: the columns of the unknown region sum over the whole picture, its known pixels imposed, and
            divide by the number of unknown pixels: where the trimap contradicts the truth, that counts.
        derivative: the filter of Grad.
        thresholds, skip_empty: of Conn, see `matting.metrics.connectivity_error`.
        size: at which size mattes are compared.
    """

    name: str
    source: str
    columns: tuple[Column, ...]
    eight_bits: bool = True
    needs_trimap: bool = False
    sums_beyond_unknown: bool = False
    derivative: DerivativeFilter = field(default_factory=unit_norm_filter)
    thresholds: tuple[float, ...] = THRESHOLDS
    skip_empty: bool = False
    size: str = "original"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that occur, in order."""
        return tuple(dict.fromkeys(column.metric.name for column in self.columns))

    @property
    def uses_trimap(self) -> bool:
        return any(column.region != WHOLE for column in self.columns)

    @property
    def uses_frame_before(self) -> bool:
        return any(column.metric in OF_CLIPS for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of a name such as `SAD_unknown`."""
        return next(column for column in self.columns if column.name == name)

    def describe(self) -> str:
        """Return the rules as one line for tables and reports."""
        rounding = "mattes rounded to 8 bits" if self.eight_bits else "mattes in floating point"
        return f"protocol {self.name}: {self.size} size, {rounding}"


DEFAULT = Protocol(
    "default",
    "every metric, whole image and unknown region side by side",
    columns(OF_MATTES, WHOLE) + columns(OF_MATTES, UNKNOWN),
)

PADDLESEG = Protocol(
    "paddleseg",
    "PaddleSeg Matting's evaluation: the whole image for MODNet, the unknown region where a trimap is used",
    columns(("SAD", "MSE", "Grad", "Conn"), WHOLE) + columns(("SAD", "MSE", "Grad", "Conn"), UNKNOWN),
)

ADOBE = Protocol(
    "adobe",
    "Composition-1k, Xu et al. 2017: the unknown region of the set's own trimaps",
    columns(("SAD", "MSE", "Grad", "Conn"), UNKNOWN),
    needs_trimap=True,
)

_P3M_GRAD = replace(METRICS["Grad"], scale=0.1, unit="sum / 10, derivatives of unit-sum Gaussian")

P3M = Protocol(
    "p3m",
    "Li et al. 2021 (P3M-10k): unrounded mattes, Grad by true derivatives, the trimap's known pixels imposed",
    columns(("SAD", "MSE", "MAD", _P3M_GRAD, "Conn"), WHOLE)
    + columns(("SAD", "MSE", "MAD"), UNKNOWN)
    + columns(("SAD",), KNOWN_FOREGROUND)
    + columns(("SAD",), KNOWN_BACKGROUND),
    eight_bits=False,
    sums_beyond_unknown=True,
    derivative=unit_sum_filter(),
    # As computed there: not all of them are the doubles nearest to k / 10, and 8-bit values lie on them.
    thresholds=tuple(float(step) for step in np.arange(0, 1.1, 0.1)),
    skip_empty=True,
)


def _times_1000(name: str) -> Metric:
    return replace(METRICS[name], scale=1e3, unit=f"{METRICS[name].unit} x 1000")


MODNET = Protocol(
    "modnet",
    "Ke et al. 2022 and the authors' answers on PPM-100: whole image, original size, values in [0, 1]",
    columns(("MSE", "MAD"), WHOLE),
    eight_bits=False,
)

SHM = Protocol(
    "shm",
    "MindSpore's description of its SHM on AISegment: whole image, original size",
    columns(("SAD",), WHOLE),
    eight_bits=False,
)

RVM = Protocol(
    "rvm",
    "Lin et al. 2022 (RVM): frames of clips, whole image, in 8 bits; a first frame's dtSSD counts as 0",
    columns((_times_1000("MAD"), _times_1000("MSE"), "Grad", "Conn", "dtSSD"), WHOLE),
)

PROTOCOLS = {protocol.name: protocol for protocol in (DEFAULT, PADDLESEG, ADOBE, P3M, MODNET, SHM, RVM)}
"""What `--protocol` may name."""

SCORED = tuple(metric.name for metric in (*OF_MATTES, *OF_CLIPS))
"""What `--metrics` may name, if the protocol holds it."""


def spelt(name: str) -> str:
    """Return a metric's name as tables spell it, given in any case; PaddleSeg's `sad` is SAD. Other names stay."""
    return {metric.casefold(): metric for metric in SCORED}.get(name.casefold(), name)


def select(protocol: str | Protocol = DEFAULT, metrics: Iterable[str] | None = None) -> Protocol:
    """Return a protocol, by name or as it is, cut down to some of its metrics; the first asked for comes first.

    Args:
        metrics: their names in any case; None for all.

    Raises:
        MattingError: there is no such protocol or metric, or the protocol does not hold it.
    """
    if isinstance(protocol, str):
        if protocol not in PROTOCOLS:
            raise MattingError(f"there is no protocol {protocol!r}; give one of {', '.join(PROTOCOLS)}")
        protocol = PROTOCOLS[protocol]
    if metrics is None:
        return protocol
    wanted = [spelt(name) for name in metrics]
    for name in wanted:
        if name not in SCORED:
            raise MattingError(f"there is no metric {name!r}; give some of {', '.join(SCORED)}")
        if name not in protocol.metrics:
            raise MattingError(
                f"the protocol {protocol.name} has no {name}; it holds {', '.join(protocol.metrics)}: choose among them"
            )
    kept = sorted((c for c in protocol.columns if c.metric.name in wanted), key=lambda c: _order(c, wanted))
    return replace(protocol, columns=tuple(kept))


def _order(column: Column, wanted: list[str]) -> tuple[int, int]:
    return list(REGION_TITLES).index(column.region), wanted.index(column.metric.name)
