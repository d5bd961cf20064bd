"""A program between a client and an MCP server on stdio: `stdio_tap.py FOLDER COMMAND...`.

It starts the server, hands lines on in both directions and writes each down in a file of this process in
FOLDER, named by the time of the start. A request is written down before the server sees it and an answer
before the client does, so the file is in causal order. Standard library only; nothing but what the server
wrote reaches stdout.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from types import FrameType


class Recording:
    """The file; both directions write to it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def write(self, **entry: object) -> None:
        """Write one entry on a line of its own."""
        with self._lock:
            self._file.write(json.dumps(entry) + "\n")


def relay(sender: str, source: BinaryIO, target: BinaryIO, recording: Recording) -> None:
    """Hand lines on until the source ends; a last line without its end is recorded as unfinished."""
    while line := source.readline():
        text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        recording.write(sender=sender, text=text, **({} if line.endswith(b"\n") else {"unfinished": True}))
        try:
            target.write(line)
            target.flush()
        except OSError:
            break  # the other side is gone; its exit status is recorded
    try:
        target.close()
    except OSError:
        recording.write(lost=f"what {sender} sent last")


def main() -> int:
    """Start the server, relay, and end with its status."""
    folder, *command = sys.argv[1:]
    recording = Recording(Path(folder) / f"{time.time_ns()}-{os.getpid()}.jsonl")
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    signals: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        server.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    if server.stdin is None or server.stdout is None:
        raise RuntimeError("Popen was asked for pipes and gave none.")
    source = os.fdopen(0, "rb")
    inward = threading.Thread(target=relay, args=("client", source, server.stdin, recording), daemon=True)
    outward = threading.Thread(
        target=relay,
        args=("server", os.fdopen(server.stdout.fileno(), "rb", closefd=False), sys.stdout.buffer, recording),
    )
    inward.start()
    outward.start()
    status = server.wait()
    outward.join()
    recording.write(exit=status, signals=signals)
    # The client may keep its end open: a daemon thread that waits for it must not hold this process.
    os._exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    sys.exit(main())
