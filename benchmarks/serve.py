"""The server under load: throughput beside `matting cut` and `rembg s`, waiting times, memory, and 400 at once."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import http.client
import io
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from skimage import data

ROOT = Path(__file__).resolve().parents[1]

_SIDES = (256, 384, 512, 640, 800, 1024, 1280)
"""Of the square pictures, in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=140, help="for `matting cut`, to compare; 0 is none")
    parser.add_argument("--parallel", type=int, default=400, help="requests at once")
    parser.add_argument("--rembg", help="its command, such as venv/bin/rembg, to compare; its model lies in its cache")
    parser.add_argument("--rembg_model", default="u2netp")
    parser.add_argument("--rembg_requests", type=int, default=700, help="of each of both servers, one after the other")
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="of the server, as the last")
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    pictures = [picture(side) for side in _SIDES]
    command = [sys.executable, ROOT / "tools/serve.py", "--per_client", "0", "--queue", "64", *args.flags]
    with started([*command, "--port"], "/ready") as (address, pid):
        ours = Asked(address, "/cutout", pid)
        rate = load(ours, pictures, args.clients, args.requests)
        at_once(ours, pictures, args.parallel)
        print(f"RSS at the end {resident(pid):.0f} MB")
        if args.rembg:
            print("matting serve, as many requests as rembg:")
            load(ours, pictures, args.clients, args.rembg_requests)
    if args.rembg:
        with started([args.rembg, "s", "--host", "127.0.0.1", "--port"], "/") as (address, pid):
            theirs = Asked(address, "/api/remove", pid, args.rembg_model)
            ask(theirs, pictures[0])  # which loads the model
            print(f"rembg s, {args.rembg_model}:")
            load(theirs, pictures, args.clients, args.rembg_requests)
    if args.pictures:
        compare(pictures, args.pictures, rate)


@contextlib.contextmanager
def started(command: Sequence[str | Path], path: str) -> Iterator[tuple[str, int]]:
    """Yield the address of a server, to whose command its port is added, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    port = address.partition(":")[2]
    process = subprocess.Popen([*command, port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            connection = http.client.HTTPConnection(address, timeout=10)
            with contextlib.suppress(OSError):
                connection.request("GET", path)
                connection.getresponse()
                break
            assert process.poll() is None, f"{command[0]} ended"
            time.sleep(0.5)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class Asked:
    """A server's route, its process, and the model that is named in a form where it wants one."""

    address: str
    path: str
    pid: int
    model: str = ""

    def message(self, content: bytes) -> tuple[bytes, str]:
        """Return a body and its type."""
        if not self.model:
            return content, "image/jpeg"
        part = "--cut\r\nContent-Disposition: form-data; name="
        head = f'{part}"model"\r\n\r\n{self.model}\r\n{part}"file"; filename="a.jpg"\r\n\r\n'
        return head.encode() + content + b"\r\n--cut--\r\n", "multipart/form-data; boundary=cut"


def picture(side: int) -> bytes:
    """Return the astronaut of scikit-image as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def ask(asked: Asked, content: bytes) -> int:
    """Return the status of one request; 0 where nothing came."""
    body, kind = asked.message(content)
    connection = http.client.HTTPConnection(asked.address, timeout=300)
    try:
        connection.request("POST", asked.path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def load(asked: Asked, pictures: list[bytes], clients: int, requests: int) -> float:
    """Ask from several clients at once, each for the next as soon as it has the last; return how many a second."""
    seconds: list[float] = []
    statuses: collections.Counter[int] = collections.Counter()
    lock, numbers, sizes = threading.Lock(), iter(range(requests)), {0: resident(asked.pid)}
    step = 1000 if requests >= 2000 else max(1, requests // 10)

    def client() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            started = time.perf_counter()
            status = ask(asked, pictures[number % len(pictures)])
            with lock:
                seconds.append(time.perf_counter() - started)
                statuses[status] += 1
                if len(seconds) % step == 0:
                    sizes[len(seconds)] = resident(asked.pid)

    started = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = requests / (time.perf_counter() - started)
    cuts = statistics.quantiles(seconds, n=100)
    print(f"{requests} requests from {clients} clients: {dict(statuses)}, {rate:.2f} a second")
    print(f"seconds: p50 {cuts[49]:.2f}, p95 {cuts[94]:.2f}, p99 {cuts[98]:.2f}")
    print("RSS in MB:", ", ".join(f"{size:.0f} after {count}" for count, size in sizes.items()))
    print(f"a rise of {resident(asked.pid) - sizes.get(step, sizes[0]):.0f} MB after the first {step}")
    return rate


def at_once(asked: Asked, pictures: list[bytes], parallel: int) -> None:
    """Send many requests together, and count what becomes of them."""
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        answers = pool.map(lambda number: ask(asked, pictures[number % len(pictures)]), range(parallel))
        print(f"{parallel} at once: {dict(collections.Counter(answers))}")


def compare(pictures: list[bytes], count: int, rate: float) -> None:
    """Cut out the same pictures from files, and tell what share of that the server's rate is."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        photos.mkdir()
        for number in range(count):
            (photos / f"{number:04}.jpg").write_bytes(pictures[number % len(pictures)])
        command = [sys.executable, ROOT / "tools/cut.py", photos, "-o", Path(folder, "cutouts")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    print("matting cut:", done.stdout.strip().replace("\n", "; "))
    told = re.search(r"(\d+) ms a picture", done.stdout)
    assert told, done.stdout
    print(f"matting serve does {rate * int(told[1]) / 1000:.2f} of that")


def resident(pid: int) -> float:
    """Return how many megabytes of memory a process holds."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
