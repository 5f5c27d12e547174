"""Takes from a process what a decoder never needs: seccomp on Linux, by an allow-list of system calls.

After `install` the process can compute, manage its own memory, use the files it has open, and end. It cannot open or name
a file, make a socket, a process or a thread, run a program, signal or trace others, or map memory as executable code.
A forbidden call fails with EPERM; one made through a foreign system call table kills the process.

Source: Linux, Documentation/userspace-api/seccomp_filter.rst; struct seccomp_data and the BPF opcodes from the kernel's uapi headers.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _KILL_PROCESS, _DENY = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_AT_NUMBER, _AT_AUDIT, _AT_THIRD = 0, 4, 32  # offsets in struct seccomp_data; the low half of args[2] on little endian
_PROT_EXEC = 4


@dataclass(frozen=True)
class _Architecture:
    audit: int
    seccomp: int
    allowed: tuple[int, ...]
    mapping: tuple[int, ...]  # allowed unless their third argument asks for executable memory
    foreign: int | None  # numbers from here on belong to another table
    refused: tuple[int, ...]  # by `restrict`


_ARCHITECTURES = {
    "x86_64": _Architecture(
        audit=0xC000003E,
        seccomp=317,
        # read write close fstat lseek munmap brk rt_sigaction rt_sigprocmask rt_sigreturn sched_yield mremap madvise nanosleep
        # setitimer getpid exit getrusage sigaltstack gettid futex sched_getaffinity clock_gettime clock_getres clock_nanosleep
        # exit_group restart_syscall set_robust_list get_robust_list getrandom membarrier rseq
        # select pselect6: what time.sleep is up to Python 3.10
        allowed=(
            *(0, 1, 3, 5, 8, 11, 12, 13, 14, 15, 24, 25, 28, 35),
            *(38, 39, 60, 98, 131, 186, 202, 204, 228, 229, 230),
            *(231, 219, 273, 274, 318, 324, 334),
            *(23, 270),
        ),
        mapping=(9, 10),  # mmap mprotect
        foreign=0x40000000,  # x32
        # socket connect accept bind listen socketpair accept4; ptrace process_vm_readv process_vm_writev pidfd_getfd; mount umount2
        # pivot_root chroot unshare setns open_by_handle_at; keyctl add_key request_key bpf perf_event_open userfaultfd io_uring_setup;
        # kexec_load init_module finit_module delete_module
        refused=(
            *(41, 42, 43, 49, 50, 53, 288),
            *(101, 310, 311, 438),
            *(165, 166, 155, 161, 272, 308, 304),
            *(250, 248, 249, 321, 298, 323, 425),
            *(246, 175, 313, 176),
        ),
    ),
    "aarch64": _Architecture(
        audit=0xC00000B7,
        seccomp=277,
        allowed=(
            *(63, 64, 57, 80, 62, 215, 214, 134, 135, 139, 124, 216, 233, 101),
            *(103, 172, 93, 165, 132, 178, 98, 123, 113, 114, 115),
            *(94, 128, 99, 100, 278, 283, 293),
            72,
        ),
        mapping=(222, 226),
        foreign=None,
        refused=(
            *(198, 203, 202, 200, 201, 199, 242),
            *(117, 270, 271, 438),
            *(40, 39, 41, 51, 97, 268, 265),
            *(219, 217, 218, 280, 241, 282, 425),
            *(104, 105, 273, 106),
        ),
    ),
}


def install() -> str | None:
    """Confine this process (and all its threads to come) for ever. Return None, or the reason why that cannot be done here."""
    return _installed(_program)


def restrict() -> str | None:
    """Take from this process, and all it starts, for ever: the network, other processes' memory, new rights and file systems.

    For what must open files and run programs, so that `install` is too strict. Return None, or the reason why it cannot be done.
    """
    return _installed(_refusing)


def _installed(make: Callable[[_Architecture], bytes]) -> str | None:
    machine = _ARCHITECTURES.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None or sys.byteorder != "little" or struct.calcsize("P") != 8:
        return f"no seccomp filter for {sys.platform} on {platform.machine()}"
    code = make(machine)
    library = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
    zero, one = ctypes.c_ulong(0), ctypes.c_ulong(1)
    failed = library.prctl(_PR_SET_NO_NEW_PRIVS, one, zero, zero, zero)
    if not failed:
        failed = library.syscall(ctypes.c_long(machine.seccomp), ctypes.c_ulong(_SET_MODE_FILTER), ctypes.c_ulong(_ALL_THREADS), program)
    return f"the kernel refuses a seccomp filter: {os.strerror(ctypes.get_errno())}" if failed else None


def _program(machine: _Architecture) -> bytes:
    """Return the BPF program; each jump says how many instructions to skip when true and when false."""
    allow, deny, kill = (_step(_RETURN, value) for value in (_ALLOW, _DENY, _KILL_PROCESS))
    steps = [_step(_LOAD, _AT_AUDIT), _step(_EQUAL, machine.audit, 1, 0), kill, _step(_LOAD, _AT_NUMBER)]
    if machine.foreign is not None:
        steps += [_step(_AT_LEAST, machine.foreign, 0, 1), kill]
    for number in machine.allowed:
        steps += [_step(_EQUAL, number, 0, 1), allow]
    for number in machine.mapping:
        steps += [_step(_EQUAL, number, 0, 4), _step(_LOAD, _AT_THIRD), _step(_HAS_BITS, _PROT_EXEC, 0, 1), deny, allow]
    return b"".join([*steps, deny])


def _refusing(machine: _Architecture) -> bytes:
    """Return the program of `restrict`: all is allowed but a list."""
    allow, deny, kill = (_step(_RETURN, value) for value in (_ALLOW, _DENY, _KILL_PROCESS))
    steps = [_step(_LOAD, _AT_AUDIT), _step(_EQUAL, machine.audit, 1, 0), kill, _step(_LOAD, _AT_NUMBER)]
    if machine.foreign is not None:
        steps += [_step(_AT_LEAST, machine.foreign, 0, 1), kill]
    for number in machine.refused:
        steps += [_step(_EQUAL, number, 0, 1), deny]
    return b"".join([*steps, allow])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
