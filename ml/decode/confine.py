"""What a helper gives up before it sees a stranger's bytes. Runs in the helper, standard library only.

Each step is one an unprivileged process may take about itself. Those the kernel refuses are
reported, not hidden: `Caged.confinement` shows what holds on this machine.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys

NOBODY = 65_534

CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER = 2
SECCOMP_KILL, SECCOMP_ERRNO_EPERM, SECCOMP_ALLOW = 0x8000_0000, 0x0005_0001, 0x7FFF_0000
BPF_LOAD_WORD, BPF_JUMP_EQUAL, BPF_JUMP_AT_LEAST, BPF_RETURN = 0x20, 0x15, 0x35, 0x06
X32_BIT = 0x4000_0000  # the x32 system calls alias the allowed numbers' arguments: kill

# All a decoder needs: talk over descriptors it already holds, manage memory, read clocks, end.
# Not there: open, socket, connect, execve, clone, fork, ptrace, kill of others, ftruncate.
SYSCALLS: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000_003E,
        dict(  # noqa: C408 reads like the kernel's table
            read=0,
            write=1,
            close=3,
            poll=7,
            lseek=8,
            mmap=9,
            mprotect=10,
            munmap=11,
            brk=12,
            rt_sigaction=13,
            rt_sigprocmask=14,
            rt_sigreturn=15,
            sched_yield=24,
            mremap=25,
            madvise=28,
            getpid=39,
            sendto=44,
            recvfrom=45,
            sendmsg=46,
            recvmsg=47,
            exit=60,
            getrusage=98,
            sigaltstack=131,
            gettid=186,
            futex=202,
            restart_syscall=219,
            clock_gettime=228,
            clock_nanosleep=230,
            exit_group=231,
            ppoll=271,
            getrandom=318,
            membarrier=324,
            rseq=334,
        ),
    ),
    "aarch64": (
        0xC000_00B7,
        dict(  # noqa: C408
            close=57,
            lseek=62,
            read=63,
            write=64,
            ppoll=73,
            exit=93,
            exit_group=94,
            futex=98,
            clock_gettime=113,
            clock_nanosleep=115,
            sched_yield=124,
            restart_syscall=128,
            sigaltstack=132,
            rt_sigaction=134,
            rt_sigprocmask=135,
            rt_sigreturn=139,
            getrusage=165,
            getpid=172,
            gettid=178,
            sendto=206,
            recvfrom=207,
            sendmsg=211,
            recvmsg=212,
            brk=214,
            munmap=215,
            mremap=216,
            mmap=222,
            mprotect=226,
            madvise=233,
            getrandom=278,
            membarrier=283,
            rseq=293,
        ),
    ),
}


def lock_down(*, memory: int, cpu_seconds: int) -> dict[str, bool]:
    """Give up everything a decoder does not need; for good, no later step can take it back.

    memory: bytes of address space. cpu_seconds: for the helper's whole life.
    Returns which protections hold.
    """
    limits(memory=memory, cpu_seconds=cpu_seconds)
    if not sys.platform.startswith("linux"):
        return {"limits": True, "network_namespace": False, "unprivileged": os.getuid() != 0, "system_calls": False}
    libc = ctypes.CDLL(None, use_errno=True)
    network = libc.unshare((CLONE_NEWUSER if os.getuid() else 0) | CLONE_NEWNET) == 0
    unprivileged = become_nobody()
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no ptrace, no core, /proc entries unreadable to our own uid
    return {
        "limits": True,
        "network_namespace": network,
        "unprivileged": unprivileged,
        "system_calls": allow_only_decoding(libc),
    }


def limits(*, memory: int, cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # those already open stay open


def become_nobody() -> bool:
    """True when the process is not root afterwards."""
    if os.getuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        except OSError:
            return False
    return True


def allow_only_decoding(libc: ctypes.CDLL) -> bool:
    """Install a seccomp filter (seccomp(2)); False where the kernel or the processor has none for us."""
    if platform.machine() not in SYSCALLS:
        return False
    program = seccomp_program(platform.machine())
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack(
        "HxxxxxxP" if ctypes.sizeof(ctypes.c_void_p) == 8 else "HxxP", len(program) // 8, ctypes.addressof(buffer)
    )
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) == 0)


def seccomp_program(machine: str) -> bytes:
    """Classic BPF over struct seccomp_data (nr at 0, arch at 4): allowed numbers pass, the rest get EPERM."""
    architecture, calls = SYSCALLS[machine]
    numbers = sorted(calls.values())
    code = [
        (BPF_LOAD_WORD, 0, 0, 4),
        (BPF_JUMP_EQUAL, 1, 0, architecture),
        (BPF_RETURN, 0, 0, SECCOMP_KILL),
        (BPF_LOAD_WORD, 0, 0, 0),
        (BPF_JUMP_AT_LEAST, 0, 1, X32_BIT),
        (BPF_RETURN, 0, 0, SECCOMP_KILL),
    ]
    code += [(BPF_JUMP_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    code += [(BPF_RETURN, 0, 0, SECCOMP_ERRNO_EPERM), (BPF_RETURN, 0, 0, SECCOMP_ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in code)
