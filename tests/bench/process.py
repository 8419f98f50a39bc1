"""What a process costs, from /proc: CPU by thread, memory; and how busy the machine was."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds run, of the threads that forward and of all others."""

    workers_s: float
    rest_s: float

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.workers_s - earlier.workers_s, self.rest_s - earlier.rest_s)

    @property
    def total_s(self) -> float:
        return self.workers_s + self.rest_s


def cpu(pid: int) -> Cpu:
    """The scheduler's own account, in nanoseconds, where /proc/PID/stat counts in hundredths of a second."""
    workers = rest = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        ran = int((task / "schedstat").read_text().split()[0])
        if (task / "comm").read_text().startswith("packets"):
            workers += ran
        else:
            rest += ran
    return Cpu(workers / 1e9, rest / 1e9)


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def idle_s() -> float:
    """Seconds that cores had nothing to do, summed over them."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(fields[4]) / TICKS
