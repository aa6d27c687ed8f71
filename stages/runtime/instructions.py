"""The instruction set of all results: by default the same on every x86-64 processor with AVX2.

NumPy, SciPy and torch choose kernels by the processor, and kernels round differently. Training
magnifies that until correlations differ in the second decimal place. Held to AVX2 and, for matrix
products in torch, to MKL's compatible mode (its kernels for AVX2 differ between processors of Intel
and AMD), they make the same bytes on all of these processors.
"""

import os
import platform
import sys
from pathlib import Path

import yaml

PORTABLE = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own loops
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch's convolutions
    "MKL_CBWR": "COMPATIBLE",  # torch's matrix products and exponentials
    "OPENBLAS_CORETYPE": "Haswell",  # linear algebra of NumPy and SciPy
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # NumPy's own loops
}
"""What these libraries read from the environment, once, as they are loaded."""


def settle() -> str:
    """Set the environment before these libraries are loaded; returns the instructions that hold.

    They are `native`, the processor's own, where params.yaml asks for it (compute.instructions),
    on a processor without AVX2, and where NumPy was loaded before, without these variables; then
    they are set for processes that this one starts.
    """
    ready = all(os.environ.get(name) == value for name, value in PORTABLE.items())
    if _asked() == "native":
        for name in PORTABLE if ready else ():
            del os.environ[name]  # a process of this project has started this one
        return "native"
    if not _has_avx2():
        return "native"
    os.environ.update(PORTABLE)
    return "portable" if ready or "numpy" not in sys.modules else "native"


def _asked() -> str:
    try:
        content = yaml.safe_load(Path("params.yaml").read_bytes())
        return str(content["compute"]["instructions"])
    except (OSError, yaml.YAMLError, LookupError, TypeError):
        return "portable"  # `load` says what is wrong with the file


def _has_avx2() -> bool:
    flags = Path("/proc/cpuinfo")  # elsewhere every processor that runs these libraries has it
    x86 = platform.machine() in ("x86_64", "AMD64")
    return x86 and (not flags.is_file() or " avx2 " in flags.read_text(encoding="utf-8"))


INSTRUCTIONS = settle()
"""Those of this process: `portable` or `native`."""
