"""Giving up what a process might do or gain beyond others."""

import ctypes
import os
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITIES_V3 = 0x20080522


def gain_none() -> None:
    """No program that is started gains privileges; whoever is not root may raise walls only then.

    Source: prctl(2), PR_SET_NO_NEW_PRIVS.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def drop_all() -> None:
    """Of root's powers none is left: limits cannot be raised, nor other people's files read.

    Source: capset(2).
    """
    if sys.platform == "linux" and os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        head = struct.pack("=Ii", _CAPABILITIES_V3, 0)
        if libc.capset(head, bytes(24)):
            raise OSError(ctypes.get_errno(), "capset")
