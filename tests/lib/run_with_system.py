"""Runs a command against a Kongsi of its own with the example company, and stops it afterwards.

    var/venv/bin/python -m tests.lib.run_with_system COMMAND [ARGUMENT…]

The command finds in its environment KONGSI_URL (the gateway), KONGSI_SOCKET_URL (the WebSocket) and KONGSI_PASSWORD (of every person of
the example company). KONGSI_MODE, KONGSI_EVENTS and KONGSI_BUILD choose as in the tests; single and embedded unless they say otherwise.
The exit status is the command's; 1 when a program did not stop as it should or logged a fault.
"""
import os
import signal
import subprocess
import sys

from tests.lib.system import PASSWORD, System

ALLOWED_ORIGINS_VARIABLE = "KONGSI_ALLOWED_ORIGINS"  # of pages that another server serves, such as Vite's; with commas


def settings():
    origins = [origin for origin in os.environ.get(ALLOWED_ORIGINS_VARIABLE, "").split(",") if origin]
    return {"realtime": {"allowed_origins": origins}} if origins else {}


def main(command):
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    # A command that is told to end lets us stop what we started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    system, faults = System(settings=settings()), []
    try:
        system.start()
        system.import_company("harbour-retail", "Harbour Retail Limited")
        environment = {**os.environ, "KONGSI_URL": system.url, "KONGSI_SOCKET_URL": system.socket_url, "KONGSI_PASSWORD": PASSWORD}
        status = subprocess.run(command, env=environment).returncode
    finally:
        faults = system.faults() + system.stop()
    for fault in faults:
        print(f"run_with_system: {fault}", file=sys.stderr)
    return status or (1 if faults else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
