"""The documents: true of the repository, and the same in both languages."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from matting import config
from matting.__main__ import GROUPS
from tools import ROOT, tool_parser

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "data/README.md"])
ENGLISH = {path: ROOT / "docs/zh_CN" / path.name for path in sorted((ROOT / "docs").glob("*.md"))}
ENGLISH[ROOT / "README.md"] = ROOT / "README_CN.md"
"""Every page in English, and where the same page in Chinese is."""

CHINESE = re.compile(r"[\u3400-\u9fff]")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
FOLDERS = ("matting", "tools", "configs", "docs", "tests", "benchmarks", "demo", ".ci")
PLACEHOLDER = re.compile(r"NAME|\*")
NOT_OF_THE_TOOLS = {"--no-deps", "--no-build-isolation", "--nproc_per_node", "--nnodes", "--max_restart"}
"""Flags of pip and of Paddle's launcher that sentences name."""
PADDLESEGS = {"--for_fd", "--cpu_threads", "--enable_mkldnn", "--use_trt", "--print_detail", "--enable_auto_tune"}
PADDLESEGS |= {"--auto_tuned_shape_file", "--benchmark", "--model_name"}
"""Flags of PaddleSeg's tools that docs/from_paddleseg.md says the counterparts of."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose_of(path: Path) -> str:
    """Return a page without its blocks of code and its line of languages."""
    lines = FENCE.sub("\n", text_of(path)).split("\n")
    return "\n".join(line for line in lines if "English" not in line or "简体中文" not in line)


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+(?= )", FENCE.sub("", text_of(path)), re.M)


def blocks(path: Path) -> list[tuple[str, list[str]]]:
    """Return language and lines of every block of code, without comments, which each language has its own of."""
    shown = []
    for language, code in FENCE.findall(text_of(path)):
        lines = (re.sub(r"(^|\s+)#\s.*", "", line) for line in code.split("\n"))
        shown.append((language, [line.rstrip() for line in lines if line.strip()]))
    return shown


def tables(path: Path) -> list[list[int]]:
    """Return the number of cells in every row of every table."""
    shapes: list[list[int]] = [[]]
    for line in prose_of(path).split("\n"):
        if line.startswith("|"):
            shapes[-1].append(len(re.findall(r"(?<!\\)\|", line)) - 1)
        elif shapes[-1]:
            shapes.append([])
    return [shape for shape in shapes if shape]


def links(path: Path) -> list[str]:
    """Return what a page links to, in the names of the English pages."""
    english = {chinese: page for page, chinese in ENGLISH.items()}
    targets = []
    for target in LINK.findall(prose_of(path)):
        if not target.startswith("http"):
            place = (path.parent / target).resolve()
            target = name(english.get(place, place))
        targets.append(target.replace(".cn/en/", ".cn/"))
    return sorted(targets)


def spans(path: Path) -> list[set[str]]:
    """Return the names of files, flags and keys under every heading."""
    return [set(CODE.findall(part)) for part in re.split(r"^#+ .*$", prose_of(path), flags=re.M)]


def measures(path: Path) -> list[set[str]]:
    """Return the numbers with a decimal point under every heading: what was measured, and limits."""
    return [set(re.findall(r"\d+\.\d+", part)) for part in re.split(r"^#+ .*$", prose_of(path), flags=re.M)]


@pytest.mark.parametrize("english", ENGLISH, ids=name)
def test_both_languages_say_the_same(english: Path) -> None:
    chinese = ENGLISH[english]
    assert chinese.is_file(), f"{name(english)} has no {name(chinese)}"
    for same in (headings, blocks, tables, links, spans, measures):
        assert same(english) == same(chinese), f"{same.__name__} of {name(english)} and {name(chinese)} differ"


def test_a_page_in_chinese_belongs_to_one_in_english() -> None:
    assert set((ROOT / "docs/zh_CN").glob("*.md")) == {page for page in ENGLISH.values() if page.parent.name == "zh_CN"}


@pytest.mark.parametrize("english", ENGLISH, ids=name)
def test_each_language_keeps_to_itself_and_links_the_other(english: Path) -> None:
    chinese = ENGLISH[english]
    to_chinese = chinese.relative_to(english.parent).as_posix()
    to_english = "README.md" if english.parent == ROOT else f"../{english.name}"
    assert text_of(english).split("\n")[2] == f"English | [简体中文]({to_chinese})"
    assert text_of(chinese).split("\n")[2] == f"[English]({to_english}) | 简体中文"
    assert not CHINESE.search(text_of(english).replace("简体中文", "", 1)), f"{name(english)} is not English alone"
    for part in re.split(r"\n\s*\n", prose_of(chinese)):
        words = re.sub(r"`[^`]*`|\W", "", part)
        assert not words or part.startswith("|") or CHINESE.search(part), f"{name(chinese)}: {part}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(text_of(page)):
        file, _, heading = target.partition("#")
        if not target.startswith("http"):
            assert (page.parent / file).exists(), f"{name(page)} links to {target}"
            assert not heading, f"{name(page)}: {target}: headings are translated; link to the page"


def words(page: Path) -> Iterator[str]:
    """Yield what stands in code: in blocks, and within a line."""
    text = text_of(page)
    for code in [*(code for _, code in FENCE.findall(text)), *CODE.findall(FENCE.sub("", text))]:
        yield from re.findall(r"[^\s`\"'(),;|=]+", code)


def exists(path: str) -> bool:
    """Whether a path of the repository exists; of one with a placeholder, its folder."""
    parts = path.split("/")
    while any(PLACEHOLDER.search(part) for part in parts):
        parts.pop()
    return (ROOT / "/".join(parts)).exists()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page: Path) -> None:
    shipped = {path.name for path in (ROOT / "configs").rglob("*.yml")}
    for word in words(page):
        path = word.partition(":")[0].rstrip(".")
        if path.split("/")[0] in FOLDERS and "/" in path:
            assert exists(path), f"{name(page)} names {path}"
        elif re.fullmatch(r"(modnet|dim|shm)-.*\.yml", path):
            assert path in shipped, f"{name(page)} names {path}"
        assert not re.match(r"/(work|tmp|root|home|Users)/", path), f"{name(page)} names a place of one machine: {path}"


def defines(module: Path, attribute: str) -> bool:
    """Whether a module defines or offers a name."""
    for node in ast.walk(ast.parse(text_of(module))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == attribute:
            return True
        if isinstance(node, ast.Name | ast.alias) and attribute in (getattr(node, "id", ""), getattr(node, "name", "")):
            return True
    return False


def resolves(dotted: str) -> bool:
    """Whether `matting.X.Y` is a room, a module, or a name in one."""
    place = ROOT
    for part in dotted.split("."):
        module = place / "__init__.py" if place.is_dir() else place
        if place.is_dir() and ((place / part).is_dir() or (place / f"{part}.py").is_file()):
            place = place / part if (place / part).is_dir() else place / f"{part}.py"
        else:
            return module.is_file() and defines(module, part)
    return True


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_modules_that_are_named_exist(page: Path) -> None:
    for dotted in re.findall(r"\bmatting(?:\.\w+)+", "\n".join(words(page))):
        assert resolves(dotted), f"{name(page)} names {dotted}"
    for language, code in FENCE.findall(text_of(page)):
        for node in ast.walk(ast.parse(code)) if language == "python" else ():
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("matting"):
                for alias in node.names:
                    assert resolves(f"{node.module}.{alias.name}"), f"{name(page)} imports {alias.name}"


@cache
def known_flags() -> set[str]:
    tools = [path.stem for path in (ROOT / "tools").glob("[!_]*.py")]
    return {flag for tool in tools for action in tool_parser(tool)._actions for flag in action.option_strings}


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield tool and arguments of every command in the blocks of a page."""
    for language, code in FENCE.findall(text_of(page)):
        for line in code.replace("\\\n", " ").split("\n") if language == "shell" else ():
            parts = shlex.split(line, comments=True)
            start = next((n for n, part in enumerate(parts) if re.fullmatch(r"tools/\w+\.py", part)), None)
            if start is not None:
                yield Path(parts[start]).stem, parts[start + 1 :]
            elif parts[:1] == ["matting"]:
                yield called(parts[1:])


def called(words: list[str]) -> tuple[str, list[str]]:
    """Return tool and arguments of what follows `matting`, in one word or two."""
    name, *rest = words
    door = GROUPS[name][rest[0]] if name in GROUPS and rest else None
    return (door.command, [*door.first, *rest[1:]]) if door else (name, rest)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_what_the_tools_take(page: Path) -> None:
    for tool, arguments in commands(page):
        if not {"--help", "COMMAND"} & {tool, *arguments}:
            parser = tool_parser(tool)
            parser.error = lambda message, tool=tool: pytest.fail(f"{name(page)}: {tool}: {message}")  # type: ignore[method-assign]
            parsed = argparse.ArgumentParser.parse_args(parser, arguments)
            given = str(getattr(parsed, "config", None) or "my.yml")
            assert given == "my.yml" or config.load(given), f"{name(page)}: {given}"
    for flag in re.findall(r"(?<!\S)--\w[\w-]*", "\n".join(CODE.findall(prose_of(page)))):
        assert flag in known_flags() | NOT_OF_THE_TOOLS | PADDLESEGS, f"{name(page)} names the flag {flag}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_sentences_name_exist(page: Path) -> None:
    for span in CODE.findall(prose_of(page)):
        command = re.match(r"matting (\w+)|(?:python )?(?:tools/)?(\w+)\.py --", span)
        named = command and (command[1] or command[2])
        is_there = named in ("NAME", *GROUPS) or (ROOT / "tools" / f"{named}.py").is_file()
        assert not named or is_there, f"{name(page)}: {span}"


def test_the_house_is_drawn_as_its_contract_has_it() -> None:
    contract = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]
    assert blocks(ROOT / "CONTRIBUTING.md")[0] == ("text", contract)


def test_the_rooms_are_drawn_as_they_are() -> None:
    tree = next(lines for _, lines in blocks(ROOT / "docs/architecture.md") if lines[0] == "matting/")
    drawn = {word for line in tree[1:] for word in line.split()}
    there = [path for path in (ROOT / "matting").iterdir() if not path.name.startswith("_")]
    assert drawn == {f"{path.name}/" if path.is_dir() else path.name for path in there if is_package(path)}


def is_package(path: Path) -> bool:
    """Whether a path is part of the package: a module, or a folder with one."""
    return path.suffix == ".py" or (path / "__init__.py").is_file()
