"""Names in the rooms of pictures, data, prediction, evaluation and processes: one for one thing, and none twice."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import matting

PACKAGE = Path(matting.__file__).parent
MODULES = sorted(
    path
    for room in ("pictures", "datasets", "curation", "prediction", "evaluation", "system")
    for path in (PACKAGE / room).rglob("*.py")
    if path.name != "__init__.py"
)


def public(path: Path) -> list[str]:
    """Return the functions and classes that a module offers."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")]


def test_no_module_is_called_like_the_only_thing_in_it() -> None:
    assert len(MODULES) > 50
    assert [str(path) for path in MODULES if public(path) == [path.stem]] == []


def test_no_two_modules_are_called_alike() -> None:
    assert [name for name, count in Counter(path.stem for path in MODULES).items() if count > 1] == []


def test_no_two_classes_are_called_alike() -> None:
    names = Counter(name for path in MODULES for name in public(path) if name[0].isupper())
    assert [name for name, count in names.items() if count > 1] == []


def test_background_and_foreground_are_values_of_a_trimap_and_nothing_else() -> None:
    places = {
        f"{path.relative_to(PACKAGE).as_posix()}: {target.id}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in ast.walk(ast.Tuple(node.targets, ast.Load()))
        if isinstance(target, ast.Name) and target.id in ("BACKGROUND", "FOREGROUND")
    }
    assert places == {"sample.py: BACKGROUND", "sample.py: FOREGROUND"}
