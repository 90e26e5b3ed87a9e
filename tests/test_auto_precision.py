"""What `--precision auto` stands for: bfloat16 where the processor has it and photographs show no harm; it says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matting.deployment import precision
from matting.engines.network import Interface
from matting.pictures.files import write_png
from matting.system import cpu
from tools import run_tool


class Export:
    """An export whose mattes in bfloat16 lie a fixed distance from those in float32."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.apart, self.opened, self.interface = 0.001, 0, Interface()
        self.photographs = [folder / f"{number}.png" for number in range(6)]
        for path in self.photographs:
            write_png(path, np.full((4, 5, 3), 90, np.uint8))
        patch.setenv("MATTING_CACHE", str(folder / "cache"))
        patch.setattr(cpu, "flags", lambda: frozenset({"avx512_bf16"}))
        patch.setattr(precision, "open_predictor", self.open)
        patch.setattr(precision.Deployment, "read", lambda _: self)
        self.files, self.transforms = {"model.onnx": "a"}, [{"type": "Normalize"}]

    def open(self, _: Path, engine: str, name: str = "fp32") -> object:
        assert engine == "openvino"
        self.opened += 1
        return lambda image: np.full(image.shape[:2], 0.5 + (self.apart if name == "bf16" else 0), np.float32)

    def choose(self, engine: str = "openvino") -> tuple[str, str]:
        return precision.choose(Path("export"), engine, self.photographs)


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Export:
    return Export(monkeypatch, tmp_path)


def test_bfloat16_is_taken_where_mattes_stay_and_refused_where_they_move(export: Export) -> None:
    assert export.choose() == ("bf16", "bfloat16 moves alpha by a MAD of 0.00100 on 4 photographs, 0.002 is allowed")
    export.apart, export.files = 0.003, {"model.onnx": "another network"}
    assert export.choose()[0] == "fp32"


def test_what_was_found_once_stands_for_later_photographs_and_is_not_computed_again(export: Export) -> None:
    first = export.choose()
    export.apart, export.photographs = 0.5, export.photographs[:1]
    assert export.choose() == first and export.opened == 2
    for kept in (precision.cache_dir() / "precisions").iterdir():
        kept.write_text("torn")
    assert export.choose()[0] == "fp32" and export.opened == 4


def test_one_odd_photograph_does_not_decide_for_good(export: Export) -> None:
    every, export.photographs, export.apart = export.photographs, export.photographs[:1], 0.5
    assert export.choose()[0] == "fp32"
    export.photographs, export.apart = every[1:4], 0.0001
    said = "bfloat16 moves alpha by a MAD of 0.12508 on 4 photographs, 0.002 is allowed"
    assert export.choose() == ("fp32", said)
    assert export.choose() == ("fp32", said) and export.opened == 4
    export.files, export.apart, export.photographs = {"model.onnx": "another"}, 0.0, every[:1]  # a blank page
    assert export.choose()[0] == "bf16"
    export.photographs, export.apart = every, 0.01
    assert export.choose() == ("fp32", "bfloat16 moves alpha by a MAD of 0.00750 on 4 photographs, 0.002 is allowed")


def test_float32_stays_where_nothing_else_can_be_had_or_judged(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert precision.choose(None, "dynamic", export.photographs)[0] == "fp32"
    assert export.choose("onnxruntime") == ("fp32", "ONNX Runtime computes in nothing lower")
    export.interface = Interface(("image", "trimap"))
    assert export.choose()[0] == "fp32"
    export.interface, export.photographs = Interface(), [tmp_path / "nowhere.png"]
    assert export.choose() == ("fp32", "there is no photograph to compare on")
    monkeypatch.setattr(cpu, "flags", lambda: frozenset({"avx512f"}))
    assert export.choose() == ("fp32", "this processor does not compute in bfloat16")


def test_evaluation_takes_no_precision_that_depends_on_the_machine() -> None:
    refused = run_tool("val", "--precision", "auto")
    assert refused.status == 2 and "invalid choice: 'auto'" in refused.error
    assert "auto" in run_tool("predict", "--help").output


def test_processors_say_what_they_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "processor\t: 0\nmodel name\t: X\nflags\t\t: fpu avx512_bf16 sse\n\nprocessor\t: 1\nflags\t\t: fpu\n"
    monkeypatch.setattr(cpu, "_described", lambda: text)
    assert cpu.flags() == {"fpu", "avx512_bf16", "sse"}
    monkeypatch.setattr(cpu, "_described", lambda: "Features\t: fp asimd bf16\n")
    assert "bf16" in cpu.flags()
    monkeypatch.setattr(cpu, "_described", lambda: "")
    assert cpu.flags() == frozenset()
