"""The stages of dvc.yaml, one file each, run as `python -m stages.<stage> [name]`.

Importing this package pins, by environment variables, the CPU instructions that are used, so that a stage writes the
same bytes on every x86-64 CPU with AVX2. The library `orbweaver` pins nothing: to rank one's own data, speed counts.
"""

import os
import sys

# Set here, before torch, numpy and OpenMP are loaded: they read these variables only then.
PINS = {
    # the instructions that kernels are chosen for: torch's own, oneDNN's, MKL's, and OpenBLAS' under numpy and scipy
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    # numpy's own functions, such as exp: names of numpy 2.4 and later, then of earlier ones
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL",
    # Threads that wait for one another sleep. Spinning, OpenMP's default, makes a computation up to thirty times slower
    # as soon as another process wants one of the cores.
    "OMP_WAIT_POLICY": "PASSIVE",
}
for _name, _value in PINS.items():
    os.environ.setdefault(_name, _value)


def _hand_over(place: str) -> None:
    """Asks the process that listens at the socket `place` to fork this stage (`orbweaver.pipeline.warm`), and exits
    with the fork's status.

    Returns if no process listens there or it cannot fork the stage, which then runs in this process.
    """
    import json
    import signal
    import socket

    job = {
        "argv": sys.orig_argv[sys.orig_argv.index("-m") + 1 :],
        "cwd": os.getcwd(),  # noqa: PTH109 (pathlib takes time)
        "environment": {**os.environ},
    }
    passed_on = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    with socket.socket(socket.AF_UNIX) as server, server.makefile() as told:
        signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)  # until it is known who is to get them
        try:
            server.connect(place)
            socket.send_fds(server, [b"\0"], [0, 1, 2])
            server.sendall(json.dumps(job).encode() + b"\n")
            child = told.readline()
        except OSError:
            child = ""
        for number in passed_on if child else ():
            signal.signal(number, lambda number, _: server.sendall(bytes([number])))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
        if not child:
            return
        if not (ended := told.readline()):  # nobody waits for the child any more
            os.killpg(int(child), signal.SIGKILL)
            os._exit(1)
        if (status := int(ended)) < 0:
            if -status != signal.SIGKILL:
                signal.signal(-status, signal.SIG_DFL)
            os.kill(os.getpid(), -status)
        os._exit(status)


if sys.argv[:1] == ["-m"] and "ORBWEAVER_WARM" in os.environ:  # started to run a stage, not imported by a test
    _hand_over(os.environ.pop("ORBWEAVER_WARM"))
