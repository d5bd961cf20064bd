"""Times a client that calls `add` in its own process, for so many seconds: `calls`, `seconds`, `cpu` as JSON."""

import json
import sys
import time
from collections.abc import Awaitable, Callable

WARM = 200


async def measure(call: Callable[[int, int], Awaitable[int]]) -> None:
    """Call one after another; every answer is checked."""
    for number in range(WARM):
        if await call(number, 2) != number + 2:
            sys.exit(f"{number} + 2 was answered wrongly")
    calls, start, cpu = 0, time.perf_counter(), time.process_time()
    end = start + float(sys.argv[1])
    while time.perf_counter() < end:
        if await call(calls, 2) != calls + 2:
            sys.exit(f"{calls} + 2 was answered wrongly")
        calls += 1
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"calls": calls, "seconds": seconds, "cpu": used}))
