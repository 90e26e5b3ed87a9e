"""Look for what is wrong with a data set: python tools/check_data.py data/PPM-100/train.txt data/PPM-100/val.txt"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system import cpu
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser(
        "Check pairs, sizes, mattes, trimaps, orientation, duplicates; exits with 1 if there is an error."
    )
    parser.add_argument(
        "lists",
        type=Path,
        nargs="+",
        metavar="LIST",
        help="a list a split; or a folder with fg and alpha, or of photos",
    )
    parser.add_argument("--dataset_root", type=Path, help="what the lists' paths start from, if not their own folder")
    parser.add_argument("--separator", default=" ", help="what stands between the columns of a list")
    parser.add_argument(
        "--save_dir", type=Path, default=Path("output/check_data"), help="for findings.csv and the sheet"
    )
    parser.add_argument("--most_rows", type=shared.positive, default=40, help="rows of the contact sheet at most")
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")
    parser.add_argument("--num_workers", type=shared.workers, default=cpu.cores(), help="pictures looked at at a time")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    import cv2

    from matting.curation.inspection.findings import ERROR, WARNING
    from matting.curation.inspection.subjects import find_subjects
    from matting.curation.inspection.summary import table, write_csv, write_sheet
    from matting.curation.inspection.survey import inspect
    from matting.system import log

    log.start()
    cv2.setNumThreads(1)  # pictures go side by side; threads within each would only be in the way
    subjects, alone = find_subjects(args.lists, args.dataset_root, args.separator)
    inspection = inspect(subjects, alone, args.num_workers)
    say(*table(inspection).split("\n"))
    write_csv(args.save_dir / "findings.csv", inspection.findings)
    suspicious = write_sheet(args.save_dir / "suspicious.png", inspection, args.most_rows)
    errors, warnings = inspection.count(ERROR), inspection.count(WARNING)
    sheet = f", and {suspicious} suspicious pictures in suspicious.png" if suspicious else ""
    say(f"{errors} errors, {warnings} warnings; all of them in {args.save_dir}/findings.csv{sheet}")
    return 1 if errors or (args.strict and warnings) else 0
