# Measures side by side what programs that go on and on take of a processor: each on a terminal of its own or with its output dropped,
# all in the same seconds, after a warm-up that is left out.
#   processor-time.py <request.json   {"warmUp": seconds, "seconds": seconds, "programs": [{"command": [...], "terminal": true|false}]}
# Prints the processor seconds of each program per second, in their order, as JSON.
import ctypes
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

ROWS, COLUMNS = 40, 150
libc = ctypes.CDLL(None)


def family(pid):
    """A process and those under it: a shell that is a .NET tool is one under its starter."""
    found = [pid]
    for member in found:
        for task in os.listdir(f"/proc/{member}/task"):
            with open(f"/proc/{member}/task/{task}/children") as children:
                found += map(int, children.read().split())
    return found


def processor_seconds(pid):
    """The processor time of all threads of a process, in nanoseconds' resolution (clock_getcpuclockid(3)); /proc counts in 10 ms."""
    clock = ctypes.c_int()
    error = libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, f"process {pid}: {os.strerror(error)}")
    return time.clock_gettime(clock.value)


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass  # a terminal whose program has ended


def start(program):
    if not program["terminal"]:
        return subprocess.Popen(program["command"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        program["command"], stdin=its, stdout=its, stderr=its, start_new_session=True, env={**os.environ, "TERM": "xterm"},
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(its)
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    return process


request = json.load(sys.stdin)
processes = [start(program) for program in request["programs"]]
try:
    time.sleep(request["warmUp"])
    families = [family(process.pid) for process in processes]
    began, before = time.monotonic(), [sum(map(processor_seconds, members)) for members in families]
    time.sleep(request["seconds"])
    spent = [sum(map(processor_seconds, members)) - earlier for members, earlier in zip(families, before)]
    elapsed = time.monotonic() - began
    for process, program in zip(processes, request["programs"]):
        if process.poll() is not None:
            sys.exit(f"{program['command']} ended by itself, with exit code {process.returncode}.")
finally:
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
print(json.dumps([seconds / elapsed for seconds in spent]))
