"""The server under load: throughput beside `matting cut`, waiting times, memory, and 400 requests at once."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import http.client
import io
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image
from skimage import data

ROOT = Path(__file__).resolve().parents[1]

_SIDES = (256, 384, 512, 640, 800, 1024, 1280)
"""Of the square pictures, in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--pictures", type=int, default=140, help="for `matting cut`, to compare; 0 is none")
    parser.add_argument("--parallel", type=int, default=400, help="requests at once")
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="of the server, as the last")
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    pictures = [picture(side) for side in _SIDES]
    process = subprocess.Popen(
        [sys.executable, ROOT / "tools/serve.py", "--port", "0", "--per_client", "0", "--queue", "64", *args.flags],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        address = re.search(r"http://([^;\s]+)", process.stdout.readline())
        assert address, "the server did not start"
        load(address[1], process.pid, pictures, args.clients, args.requests)
        at_once(address[1], pictures, args.parallel)
        print(f"RSS at the end {resident(process.pid):.0f} MB")
    finally:
        process.terminate()
        process.wait()
    if args.pictures:
        compare(pictures, args.pictures)


def picture(side: int) -> bytes:
    """Return the astronaut of scikit-image as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def ask(address: str, content: bytes) -> int:
    """Return the status of one request; 0 where nothing came."""
    connection = http.client.HTTPConnection(address, timeout=300)
    try:
        connection.request("POST", "/cutout", content, {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    finally:
        connection.close()


def load(address: str, pid: int, pictures: list[bytes], clients: int, requests: int) -> None:
    """Ask from several clients at once, each for the next as soon as it has the last."""
    seconds, statuses, lock = [], collections.Counter(), threading.Lock()
    sizes = [resident(pid)]
    numbers = iter(range(requests))

    def client() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            started = time.perf_counter()
            status = ask(address, pictures[number % len(pictures)])
            with lock:
                seconds.append(time.perf_counter() - started)
                statuses[status] += 1
                if len(seconds) % max(1, requests // 10) == 0:
                    sizes.append(resident(pid))

    started = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = time.perf_counter() - started
    cuts = statistics.quantiles(seconds, n=100)
    print(f"{requests} requests from {clients} clients: {dict(statuses)}, {requests / total:.2f} a second")
    print(f"seconds: p50 {cuts[49]:.2f}, p95 {cuts[94]:.2f}, p99 {cuts[98]:.2f}")
    print("RSS in MB, at the start and after every tenth:", " ".join(f"{size:.0f}" for size in sizes))


def at_once(address: str, pictures: list[bytes], parallel: int) -> None:
    """Send many requests together, and count what becomes of them."""
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        answers = pool.map(lambda number: ask(address, pictures[number % len(pictures)]), range(parallel))
        print(f"{parallel} at once: {dict(collections.Counter(answers))}")


def compare(pictures: list[bytes], count: int) -> None:
    """Cut out the same pictures from files."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        photos.mkdir()
        for number in range(count):
            (photos / f"{number:04}.jpg").write_bytes(pictures[number % len(pictures)])
        command = [sys.executable, ROOT / "tools/cut.py", photos, "-o", Path(folder, "cutouts")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    print("matting cut:", done.stdout.strip().replace("\n", "; "))


def resident(pid: int) -> float:
    """Return how many megabytes of memory a process holds."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
