"""The service under load, beside a plain loop; too much of it; and damaged uploads.

    python benchmarks/serve.py [--seconds 60] [--clients 16] [--rounds 4] [--longest-px 1600]
    python benchmarks/serve.py --mutated 2000 [--seed 1]

A loop in a process of its own colors real photographs, one after the other with all threads;
clients on loopback then send the same to `tintype serve`; and so in turn, round after round. Both
take the same cores, the clients too. Processor time a photograph is told beside the photographs a
second: other work on the machine changes it less. After that twice as many clients as there are
places ask at once: what is over must be refused with 429 and nothing else, and the server must
answer as before when they are gone.

`--mutated` sends files of every kind, damaged as by `fuzz.py`: each must be colored or refused with
a 4xx and a reason, and the server must live. Exits with 1 where that, or a request, failed.
"""

from __future__ import annotations

import argparse
import http.client
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import fuzz
import numpy as np
import psutil
from PIL import Image
from skimage import data

PHOTOGRAPHS = ("camera", "coffee", "astronaut", "chelsea", "rocket")
QUALITY = 90
PAUSE_S = 0.5  # of a client that was refused
SAMPLE_S = 1.0


def photographs(longest_px: int) -> list[bytes]:
    """Real photographs, gray, as JPEG."""
    encoded = []
    for name in PHOTOGRAPHS:
        gray = Image.fromarray(getattr(data, name)()).convert("L")
        scale = longest_px / max(gray.size)
        file = io.BytesIO()
        gray.resize([round(side * scale) for side in gray.size]).save(file, "JPEG", quality=QUALITY)
        encoded.append(file.getvalue())
    return encoded


def loop(longest_px: int, seconds: float) -> None:
    """In a process of its own: photographs a second and processor seconds each, as JSON."""
    from tintype import Colorizer

    colorizer, photos = Colorizer(), photographs(longest_px)
    colorizer(photos[0])
    start_s, start_cpu_s, count = time.monotonic(), time.process_time(), 0
    for photo in itertools.cycle(photos):
        colorizer(photo)
        count += 1
        if (spent_s := time.monotonic() - start_s) > seconds:
            break
    print(json.dumps([count / spent_s, (time.process_time() - start_cpu_s) / count]))


def looped(longest_px: int, seconds: float) -> list[float]:
    command = [sys.executable, __file__, "--loop", "--longest-px", str(longest_px)]
    done = subprocess.run(
        [*command, "--seconds", str(seconds)], check=True, capture_output=True, text=True
    )
    told: list[float] = json.loads(done.stdout)
    return told


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[int, psutil.Process]]:
    """Port and process of a server."""
    command = [sys.executable, "-m", "tintype", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        try:
            yield int(url.rstrip("/").rpartition(":")[2]), psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


class Client:
    """One connection, kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def colorize(self, photo: bytes) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer."""
        headers = {"Content-Type": "image/jpeg"}
        try:
            self._connection.request("POST", "/v1/colorize", photo, headers)
            with self._connection.getresponse() as answer:
                return answer.status, answer.getheader("Content-Type", ""), answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, "", f"{type(error).__name__}: {error}".encode()

    def close(self) -> None:
        self._connection.close()


def rss_mb(process: psutil.Process) -> float:
    """Memory of a server and its children."""
    total = 0
    for each in [process, *process.children()]:
        total += each.memory_info().rss
    return total / 1e6


def cpu_s(process: psutil.Process) -> float:
    """Processor time of a server and its children, and of this process, which is the clients."""
    each = [process, *process.children(), psutil.Process()]
    return sum(sum(one.cpu_times()[:2]) for one in each)


def load(
    port: int, process: psutil.Process, photos: list[bytes], clients: int, seconds: float
) -> dict[str, Any]:
    """What became of as many requests as can be sent."""
    statuses: Counter[int] = Counter()
    took_s: list[float] = []
    failures: list[str] = []
    lock = threading.Lock()
    start_s, start_cpu_s = time.monotonic(), cpu_s(process)

    def ask(number: int) -> None:
        with closing(Client(port)) as client:
            for photo in itertools.islice(itertools.cycle(photos), number, None):
                begun_s = time.monotonic()
                if begun_s - start_s > seconds:
                    return
                status, _, body = client.colorize(photo)
                ended_s = time.monotonic()
                with lock:
                    statuses[status] += 1
                    if status == 200:
                        took_s.append(ended_s - begun_s)
                    elif status != 429:
                        failures.append(body.decode(errors="replace")[:200])
                if status != 200:
                    time.sleep(PAUSE_S)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    memory = []
    while any(thread.is_alive() for thread in threads):
        memory.append(rss_mb(process))
        time.sleep(SAMPLE_S)
    spent_s = time.monotonic() - start_s
    return {
        "seconds": spent_s,
        "cpu_s": cpu_s(process) - start_cpu_s,
        "statuses": statuses,
        "took_s": took_s,
        "memory_mb": memory,
        "failures": failures,
    }


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Rounds of load as one."""
    statuses = sum((each["statuses"] for each in rounds), Counter())
    took_s = [s for each in rounds for s in each["took_s"]]
    p50, p99 = np.percentile(took_s, (50, 99)) if took_s else (np.nan, np.nan)
    return {
        "seconds": round(sum(each["seconds"] for each in rounds), 1),
        "photos_per_s": [round(each["statuses"][200] / each["seconds"], 2) for each in rounds],
        "cpu_s_per_photo": round(sum(each["cpu_s"] for each in rounds) / statuses[200], 3),
        "statuses": dict(statuses),
        "p50_s": round(float(p50), 3),
        "p99_s": round(float(p99), 3),
        "memory_mb": [round(float(np.mean(each["memory_mb"]))) for each in rounds],
        "failures": [failure for each in rounds for failure in each["failures"]],
    }


def measure(seconds: float, clients: int, longest_px: int, rounds: int) -> dict[str, Any]:
    """The loop and the service in turn, and too much."""
    photos = photographs(longest_px)
    loops, loads = [], []
    with serving() as (port, process):
        load(port, process, photos, clients, 2)  # its first photographs
        for _ in range(rounds):
            loops.append(looped(longest_px, seconds / rounds / 2))
            loads.append(load(port, process, photos, clients, seconds / rounds))
        limits = json.loads(http_get(port, "/v1/limits"))
        places = limits["workers"] + limits["queue"]
        before = [timed(port, photos[0]) for _ in range(3)]
        overload = summary([load(port, process, photos, 2 * places, max(seconds / 4, 5))])
        after = [timed(port, photos[0]) for _ in range(3)]
    service = summary(loads)
    plain = [photos_per_s for photos_per_s, _ in loops]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "photographs": {"longest_px": longest_px, "kilobytes": [len(p) // 1000 for p in photos]},
        "loop": {
            "photos_per_s": [round(each, 2) for each in plain],
            "cpu_s_per_photo": round(float(np.mean([each for _, each in loops])), 3),
        },
        "service": {"clients": clients} | service,
        "ratio": round(float(np.mean(service["photos_per_s"]) / np.mean(plain)), 2),
        "overload": {"places": places, "clients": 2 * places} | overload,
        "alone_s": {"before": min(before), "after": min(after)},
    }


def timed(port: int, photo: bytes) -> float:
    """Seconds that one photograph takes, which must succeed."""
    start_s = time.monotonic()
    with closing(Client(port)) as client:
        status, _, body = client.colorize(photo)
    assert status == 200, body
    return round(time.monotonic() - start_s, 3)


def http_get(port: int, path: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def mutated(port: int, count: int, seed: int, clients: int = 4) -> dict[str, Any]:
    """What became of damaged uploads; in `bad` those neither colored nor refused with a reason."""

    def send(case: tuple[str, bytes]) -> tuple[str, int, str]:
        with closing(Client(port)) as client:
            status, kind, body = client.colorize(case[1])
        if status == 200:
            whole = kind.startswith("image/") and len(body) > 0
            return case[0], status, "" if whole else f"{kind}, {len(body)} bytes"
        is_told = kind == "application/problem+json" and json.loads(body)["detail"]
        return case[0], status, "" if 400 <= status < 500 and is_told else body.decode()[:300]

    statuses: Counter[int] = Counter()
    bad = []
    with ThreadPoolExecutor(clients) as pool:
        for name, status, wrong in pool.map(send, fuzz.damaged(seed, count)):
            statuses[status] += 1
            if wrong:
                bad.append(f"{name}: {status} {wrong}")
    lines = http_get(port, "/metrics").decode().splitlines()
    crashes = next(float(s.split()[1]) for s in lines if s.startswith("tintype_crashes_total "))
    told = {"seed": seed, "uploads": count, "statuses": dict(statuses), "crashes": crashes}
    return told | {"bad": bad}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long clients ask")
    parser.add_argument("--clients", type=int, default=16, help="how many at a time")
    parser.add_argument("--rounds", type=int, default=4, help="of loop and service in turn")
    parser.add_argument("--longest-px", type=int, default=1600, help="of each photograph")
    parser.add_argument("--mutated", type=int, help="send so many damaged files instead")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other damage")
    parser.add_argument("--loop", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.loop:
        loop(given.longest_px, given.seconds)
        return
    if given.mutated:
        with serving() as (port, _):
            report = mutated(port, given.mutated, given.seed)
        failed = bool(report["bad"])
    else:
        report = measure(given.seconds, given.clients, given.longest_px, given.rounds)
        failed = bool(report["service"]["failures"] or report["overload"]["failures"])
    print(json.dumps(report, indent=2))
    sys.exit(failed)


if __name__ == "__main__":
    main()
