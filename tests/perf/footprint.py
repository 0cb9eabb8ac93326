"""How soon Kongsi is ready and how much memory it holds, with the example company and nobody connected.

The one-process program with the embedded transport on a migrated database, as one machine runs it.
"""
import sys
import time

import requests

from tests.lib.system import System

STARTS = 5
READY_MAX_S = 1.0
RESIDENT_MAX_MIB = 64.0
POLL_S = 0.005
SETTLED_S = 5  # resident memory did not grow for so long
SETTLE_TIMEOUT_S = 60


def time_to_ready(system, program):
    started = time.monotonic()
    program.start()
    while True:
        assert program.process.poll() is None, program.log_path.read_text()[-2000:]
        try:
            if requests.get(f"{system.url}/readyz", timeout=1).status_code == 200:
                return time.monotonic() - started
        except requests.RequestException:
            pass
        time.sleep(POLL_S)


def memory_mib(pid):
    """Resident memory: VmRSS counts shared pages of libraries whole, Pss in proportion to their users."""
    def field(path, name):
        with open(path) as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name + ":"))

    return {"VmRSS": field(f"/proc/{pid}/status", "VmRSS"), "VmHWM": field(f"/proc/{pid}/status", "VmHWM"),
            "Pss": field(f"/proc/{pid}/smaps_rollup", "Pss")}


def settle(pid):
    """Waits until the memory has stopped growing; the highest figures seen on the way."""
    most, last_growth, deadline = memory_mib(pid), time.monotonic(), time.monotonic() + SETTLE_TIMEOUT_S
    while time.monotonic() - last_growth < SETTLED_S and time.monotonic() < deadline:
        time.sleep(0.2)
        now = memory_mib(pid)
        if now["VmRSS"] > most["VmRSS"]:
            last_growth = time.monotonic()
        most = {name: max(most[name], now[name]) for name in most}
    return most


def measure(system):
    system.start()
    system.import_company("harbour-retail", "Harbour Retail Limited")
    (program,) = system.programs.values()
    imported = settle(program.process.pid)  # the process that did the migrations and the import
    times = []
    for _ in range(STARTS):
        assert program.stop() == 0
        times.append(time_to_ready(system, program))
    return times, settle(program.process.pid), imported


def line(name, value, limit, unit):
    kept = value <= limit
    print(f"{name:<44}{value:8.2f} {unit:<4} limit {limit:g} {unit}  {'kept' if kept else 'BROKEN'}")
    return kept


def main():
    system = System(mode="single", events="embedded")
    try:
        times, memory, imported = measure(system)
    finally:
        system.stop()
    print(f"{STARTS} starts: {', '.join(f'{seconds:.3f} s' for seconds in times)}")
    print(f"memory after a start: VmRSS {memory['VmRSS']:.1f} MiB, highest {memory['VmHWM']:.1f} MiB, Pss {memory['Pss']:.1f} MiB")
    print(f"memory of the process that was migrated: VmRSS {imported['VmRSS']:.1f} MiB, Pss {imported['Pss']:.1f} MiB")
    kept = [line("time to ready, the slowest start", max(times), READY_MAX_S, "s"),
            line("resident memory, example company, nobody there", memory["VmRSS"], RESIDENT_MAX_MIB, "MiB")]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
