"""What a helper gives up before it sees a stranger's bytes. Standard library only.

Each step is one an unprivileged process may take about itself; those the kernel refuses are reported, not hidden
(`Pool.confinement`). The engine's decoder confines itself the same way: kyc and ml are strangers, and either side
must stand without the other.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct

NOBODY = 65_534
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER = 2
KILL, EPERM, ALLOW = 0x8000_0000, 0x0005_0001, 0x7FFF_0000
LOAD_WORD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
X32_BIT = 0x4000_0000  # the x32 system calls would alias the allowed numbers

# All a decoder needs: talk over the socket it holds, manage memory, read clocks, set its alarm, end.
# (getcwd is Pillow's: it compares file names before it saves, also when there are none.)
# Not there: open, socket, connect, execve, clone, fork, ptrace, kill.
SYSCALLS: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (0xC000_003E, {
        "read": 0, "write": 1, "close": 3, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
        "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28,
        "setitimer": 38, "getpid": 39, "sendto": 44, "recvfrom": 45, "exit": 60, "getcwd": 79, "getrusage": 98,
        "sigaltstack": 131, "gettid": 186, "futex": 202, "restart_syscall": 219, "clock_gettime": 228,
        "exit_group": 231, "ppoll": 271, "getrandom": 318, "membarrier": 324, "rseq": 334,
    }),
    "aarch64": (0xC000_00B7, {
        "getcwd": 17, "close": 57, "lseek": 62, "read": 63, "write": 64, "ppoll": 73, "exit": 93, "exit_group": 94,
        "futex": 98, "setitimer": 103, "clock_gettime": 113, "sched_yield": 124, "restart_syscall": 128,
        "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
        "getrusage": 165, "getpid": 172, "gettid": 178, "sendto": 206, "recvfrom": 207, "brk": 214, "munmap": 215,
        "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278, "membarrier": 283, "rseq": 293,
    }),
}  # fmt: skip


def lock_down(*, memory: int, cpu_seconds: int) -> dict[str, bool]:
    """Give up everything a decoder does not need, for good. Returns which protections hold.

    memory: bytes of address space. cpu_seconds: for the helper's whole life.
    """
    for what, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (value, value))
    libc = ctypes.CDLL(None, use_errno=True)
    network = libc.unshare((CLONE_NEWUSER if os.getuid() else 0) | CLONE_NEWNET) == 0
    unprivileged = _become_nobody()
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no ptrace, no core, /proc entries unreadable to our own uid
    return {
        "limits": True,
        "network_namespace": network,
        "unprivileged": unprivileged,
        "system_calls": _filter_system_calls(libc),
    }


def _become_nobody() -> bool:
    """True when the process is not root afterwards."""
    if os.getuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        except OSError:
            return False
    return True


def _filter_system_calls(libc: ctypes.CDLL) -> bool:
    """Install a seccomp filter (seccomp(2)); False where the kernel or the processor has none for us."""
    if platform.machine() not in SYSCALLS:
        return False
    program = _program(platform.machine())
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))  # struct sock_fprog, 64 bit
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) == 0)


def _program(machine: str) -> bytes:
    """Classic BPF over struct seccomp_data (nr at 0, arch at 4): allowed numbers pass, the rest get EPERM."""
    architecture, calls = SYSCALLS[machine]
    numbers = sorted(calls.values())
    code = [
        (LOAD_WORD, 0, 0, 4),
        (JUMP_EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD_WORD, 0, 0, 0),
        (JUMP_AT_LEAST, 0, 1, X32_BIT),
        (RETURN, 0, 0, KILL),
    ]
    code += [(JUMP_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    code += [(RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in code)
