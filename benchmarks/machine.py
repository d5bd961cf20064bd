"""What the figures were taken on: processor, memory, kernel, Python, and how busy the machine was."""

import datetime as dt
import os
import platform
import resource
import shutil
import subprocess
from pathlib import Path

TOOLS = (("wrk", "-v"), ("redis-server", "--version"), ("node", "--version"), ("go", "version"), ("rustc", "--version"))


def processor() -> str:
    """The name of the processor, and its clock where the machine tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.replace("\t", "").split(":", 1) for line in lines if ":" in line)
    return f"{fields.get('model name', platform.machine()).strip()}, {fields.get('cpu MHz', '?').strip()} MHz"


class Others:
    """What everybody else took of the processors from now until `share`: other programs, and the host of a guest."""

    def __init__(self) -> None:
        self._begun = self._read()

    def share(self) -> str:
        """The shares of all processor time, in words; what this process and its ended children used is not in it."""
        (spent, stolen, every, ours), ticks = self._read(), os.sysconf("SC_CLK_TCK")
        spent, stolen, every = spent - self._begun[0], stolen - self._begun[1], every - self._begun[2]
        programs = max(0.0, spent - (ours - self._begun[3]) * ticks)
        whole = max(every, 1)
        return f"other programs {programs / whole:.0%}, the host of this machine {stolen / whole:.0%}"

    @staticmethod
    def _read() -> tuple[int, int, int, float]:
        """Ticks spent, stolen and in all; the seconds that are ours."""
        user, nice, system, idle, waiting, hard, soft, stolen = map(
            int, Path("/proc/stat").read_text("utf-8").splitlines()[0].split()[1:9]
        )
        spent = user + nice + system + hard + soft
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ours = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))
        return spent, stolen, spent + stolen + idle + waiting, ours


def tool(name: str, question: str) -> str:
    """What a program says of its version, in short."""
    if shutil.which(name) is None:
        return "not installed"
    done = subprocess.run([name, question], capture_output=True, text=True, check=False)  # wrk says it with status 1
    lines = (done.stdout + done.stderr).strip().splitlines() or ["?"]
    return " ".join(lines[0].split()[:4])


def describe() -> dict[str, str]:
    """Every fact, by name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        **{name: tool(name, question) for name, question in TOOLS},
    }
