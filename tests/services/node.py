"""A node: one JVM and its folder. Linux only.

A JVM carries the folder of its node on its command line, and is found by that in /proc. So there is
no pid file that may be missing, stale, or name a stranger, and a JVM whose script was killed at any
moment, or whose folder was deleted, is found all the same.
"""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from artifacts import die

MARK = "-Dscribed.node="
# A gentle end may take long on a busy machine; a process that was killed is gone at once.
TERM_SECONDS, KILL_SECONDS = 30, 10
# A JVM that is just ending holds its ports for a moment longer.
PORT_SECONDS = 5


def folder_of(pid):
    """The folder of the node that a process is; "" for any other process and one that has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            arguments = file.read().split(b"\0")
    except OSError:
        return ""
    mark = arguments[1].decode(errors="replace") if len(arguments) > 1 else ""
    return mark[len(MARK):] if mark.startswith(MARK) else ""


def running(under):
    """The processes of all nodes below a folder: folder to pid."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    folders = {folder_of(pid): pid for pid in pids}
    return {Path(it): pid for it, pid in folders.items() if it.startswith(f"{under}/")}


def taken(place):
    """Why a server cannot listen on an address; "" when it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind(place)
        except OSError as why:
            return why.strerror
    return ""


def end(nodes, numbers, seconds):
    """Sends signals to the processes of nodes and waits for their end; the nodes that go on."""
    handles = [(node, handle) for node in nodes if (handle := node.handle()) is not None]
    for _, handle in handles:
        for number in numbers:
            try:
                signal.pidfd_send_signal(handle, number)
            except ProcessLookupError:
                break
    deadline, left = time.monotonic() + seconds, []
    for node, handle in handles:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
            left.append(node)
        os.close(handle)
    return left


def kill(nodes):
    """Ends nodes as kill -9 does: they do nothing more, not even one that is paused."""
    for node in end(nodes, [signal.SIGKILL], KILL_SECONDS):
        die(f"{node.name} (process {node.last_pid}) does not end, even by SIGKILL: it is stuck in"
            f" the kernel, see dmesg")


def stop(nodes):
    """Ends nodes in order, or by force where that takes too long."""
    kill(end(nodes, [signal.SIGTERM, signal.SIGCONT], TERM_SECONDS))


class Node:
    """One JVM with its folder."""

    def __init__(self, folder):
        self.folder, self.log = folder, folder / "log"
        self.name = f"{folder.parent.name} {folder.name}"
        self.last_pid = None

    def pid(self):
        """The process of this node; None while there is none."""
        if self.last_pid is None or folder_of(self.last_pid) != str(self.folder):
            self.last_pid = running(self.folder.parent).get(self.folder)
        return self.last_pid

    def handle(self):
        """A descriptor of the process, which can never come to mean another; None without one."""
        pid = self.pid()
        if pid is None:
            return None
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        if folder_of(pid) == str(self.folder):
            return handle
        os.close(handle)  # it ended in between, and its number went to another
        return None

    def status(self, key):
        """A line of /proc/PID/status; "" without a process."""
        try:
            text = Path(f"/proc/{self.pid()}/status").read_text(encoding="utf-8")
        except OSError:
            return ""
        found = re.search(rf"^{key}:\s*(.*)$", text, re.MULTILINE)
        return found[1] if found else ""

    def paused(self):
        return self.status("State").startswith("T")

    def resident_mib(self):
        words = self.status("VmRSS").split()
        return int(words[0]) // 1024 if words else 0

    def send(self, number):
        """Sends a signal; False when there is no process."""
        handle = self.handle()
        if handle is None:
            return False
        signal.pidfd_send_signal(handle, number)
        os.close(handle)
        return True

    def start(self, command, places, prepare=None):
        """Starts a command line of Java, which listens on some addresses; what it prints goes to
        the log. `prepare` is run in the child before."""
        deadline = time.monotonic() + PORT_SECONDS
        for host, port in places:
            while problem := taken((host, port)):
                if time.monotonic() > deadline:
                    die(f"{self.name} cannot listen on {host}:{port}: {problem}; end what does, or"
                        f" choose other ports with --port")
                time.sleep(0.05)
        # What a killed JVM unpacked there would otherwise stay.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        marked = [command[0], f"{MARK}{self.folder}", f"-Djava.io.tmpdir={self.folder}/tmp",
                  *command[1:]]
        with open(self.log, "ab") as log:
            process = subprocess.Popen(marked, cwd=self.folder, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True,
                                       preexec_fn=prepare)
        self.last_pid = process.pid
        # A program that has just begun shows no command line yet, by which it is to be found.
        while folder_of(process.pid) != str(self.folder) and process.poll() is None:
            time.sleep(0.001)

    def tail(self):
        """The end of the log, for a message."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return f"the end of {self.log}:\n" + "\n".join(lines[-25:])
