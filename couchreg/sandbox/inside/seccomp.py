"""seccomp: the kernel refuses this process the calls that reach networks, programs and other processes.

Needs no privileges and holds for root too; it cannot be undone. The list is of what is refused, since what C
libraries call changes with their versions. io_uring is on it because its work passes by these filters.

Source: seccomp(2); the numbers are those of Linux's asm/unistd_64.h and asm-generic/unistd.h.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from typing import Final

from couchreg.sandbox.inside import privileges

_PR_SET_SECCOMP = 22
_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of classic BPF
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000  # from here on numbers are of another ABI of x86_64
_CLONE_THREAD = 0x00010000
# Machine -> its number in audits, and the column of the table.
_MACHINES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# Call -> number on x86_64 and on aarch64, where it has one.
REFUSED: Final[dict[str, tuple[int, int | None]]] = {
    # networks
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "accept4": (288, 242),
    # programs and other processes
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "kill": (62, 129),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "setsid": (112, 157), "setpgid": (109, 154),
    "shmget": (29, 194), "shmat": (30, 196), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    # limits and this filter
    "setrlimit": (160, 164), "setpriority": (141, 140), "prctl": (157, 167), "seccomp": (317, 277),
    # who one is
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setgroups": (116, 159), "setresuid": (117, 147), "setresgid": (119, 149), "capset": (126, 91),
    # files in ways that Landlock does not judge
    "link": (86, None), "symlink": (88, None), "linkat": (265, 37), "symlinkat": (266, 36),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "mknod": (133, None), "mknodat": (259, 33), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    # the machine
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "personality": (135, 92),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162), "acct": (163, 89),
    "quotactl": (179, 60), "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None),
}  # fmt: skip
_CLONE, _CLONE3, _TGKILL, _PRLIMIT = (56, 220), (435, 435), (234, 131), (302, 261)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def available() -> bool:
    """Whether this machine's calls are known here; whether its kernel filters shows only in the doing."""
    return sys.platform == "linux" and platform.machine() in _MACHINES


def enclose() -> bool:
    """Refuse the calls from now on, for good. False where the kernel or this machine has no filters."""
    if not available():
        return False
    privileges.gain_none()
    code = program(platform.machine(), os.getpid())
    libc = ctypes.CDLL(None, use_errno=True)
    filtered = _Program(len(code) // 8, code)
    return not libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(filtered), 0, 0)


def program(machine: str, process: int) -> bytes:
    """The filter in classic BPF: struct sock_filter, eight bytes each."""
    architecture, column = _MACHINES[machine]
    clone, clone3, tgkill, prlimit = (call[column] for call in (_CLONE, _CLONE3, _TGKILL, _PRLIMIT))
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), refuse,
        # Its flags stand in memory, where a filter cannot look; libc tries clone instead.
        (_EQUAL, 0, 1, clone3), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
        # Threads, but no processes.
        (_EQUAL, 0, 4, clone), (_LOAD, 0, 0, _ARGUMENTS), (_ANY_BIT, 0, 1, _CLONE_THREAD), allow, refuse,
        # Signals to oneself: abort() sends one.
        (_EQUAL, 0, 4, tgkill), (_LOAD, 0, 0, _ARGUMENTS), (_EQUAL, 0, 1, process), allow, refuse,
        # Limits may be read: both halves of the address of new ones are 0.
        (_EQUAL, 0, 6, prlimit), (_LOAD, 0, 0, _ARGUMENTS + 16), (_EQUAL, 0, 3, 0),
        (_LOAD, 0, 0, _ARGUMENTS + 20), (_EQUAL, 0, 1, 0), allow, refuse,
    ]  # fmt: skip
    for numbers in REFUSED.values():
        number = numbers[column]
        if number is not None:
            code += [(_EQUAL, 0, 1, number), refuse]
    code.append(allow)
    return b"".join(struct.pack("=HBBI", *line) for line in code)
