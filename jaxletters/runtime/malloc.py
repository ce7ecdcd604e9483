"""glibc's allocator, set to keep the memory that a training step frees for the next step."""

import ctypes
import os
import platform

# <malloc.h>: no allocation gets a mapping of its own, however large; the heap keeps up to 2 GiB at its end;
# all threads share one heap, because glibc unmaps the heap of a thread as soon as it is empty.
_PARAMETERS = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_ARENA_MAX": (-8, 1)}


def keep_freed_memory() -> dict[str, int] | None:
    """Makes glibc reuse freed memory instead of requesting fresh pages from the system.

    Returns:
        the parameters that were set; None without glibc, or where the user has set the allocator.
    """
    set_by_user = any(name.startswith("MALLOC_") for name in os.environ)
    set_by_user |= "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if set_by_user or platform.libc_ver()[0] != "glibc":
        return None
    mallopt = ctypes.CDLL(None).mallopt
    return {name: value for name, (code, value) in _PARAMETERS.items() if mallopt(code, value)}
