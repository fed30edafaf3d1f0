"""How long eight people wait for the demo, beside the time that the network itself takes.

python -m benchmarks.demo runs/solve-faces-1

Each asks for one image again and again: at once (``closed``), or every second, as one who looks
at each picture does (``paced``).
"""

import statistics
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.browser import served
from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of

CLIENTS = 8
HEADERS = {"x-gancompress": "1"}


def waits(address: str, clients: int, requests: int, pause: float) -> list[float]:
    """Seconds that each request took, of all clients."""
    found: list[float] = []

    def one(number: int) -> None:
        with httpx.Client(base_url=address, headers=HEADERS, timeout=120) as client:
            time.sleep(pause * number / clients)
            for seed in range(requests):
                start = time.perf_counter()
                answer = client.post("api/generate", json={"count": 1, "seed": seed})
                answer.raise_for_status()
                found.append(time.perf_counter() - start)
                time.sleep(max(0.0, pause - found[-1]))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def row(name: str, seconds: list[float], model: float) -> dict[str, Any]:
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return {
        "clients": name,
        "requests": len(seconds),
        "median_ms": round(1e3 * statistics.median(seconds), 2),
        "p95_ms": round(1e3 * p95, 2),
        "p95_over_model": round(1e3 * p95 / model, 2),
    }


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--requests", type=int, default=60, help="of each client")
    parser.add_argument("--note", default="")
    options = arguments_of(parser, requests=5)
    with served(options.run) as address:
        with httpx.Client(base_url=address, headers=HEADERS, timeout=120) as client:
            asked = [client.post("api/generate", json={"count": 1}).json() for _ in range(20)]
        # Of one sample by teacher and student, which one request asks for.
        model = statistics.median(
            a["student"]["ms"] + (a["teacher"] or {"ms": 0})["ms"] for a in asked
        )
        rows = [
            row("1", waits(address, 1, options.requests, 0.0), model),
            row(f"{CLIENTS} paced", waits(address, CLIENTS, options.requests // 4, 1.0), model),
            row(f"{CLIENTS} closed", waits(address, CLIENTS, options.requests, 0.0), model),
        ]
    record("demo", rows, model_ms=round(model, 2), note=options.note)


if __name__ == "__main__":
    main()
