"""A cluster of nodes, and the commands that `kafka` and `cassandra` share.

BASE/SERVICE[-NAME]/ holds all of one: cluster.json says what it is, N/ is the folder of node N,
with its data, its log and its temporary files.
"""
import argparse
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
import uuid
import zlib

from artifacts import BASE, QUIET, archive_classes, die, jars, java, lock, pom_hash, say
from node import Node, kill, running, stop, taken

# What comes of asking a node that is not ready yet, or no longer.
FAILURES = (OSError, EOFError, ValueError, IndexError, struct.error)
POLL_MILLIS = 100
# Listeners have ports up to some hundreds above the first.
HIGHEST_PORT = 65000
# How soon the watcher of an owner notices that the cluster was ended by somebody else.
WATCH_MILLIS = 5000


def seconds_to_wait():
    text = os.environ.get("SCRIBED_SERVICES_TIMEOUT", "240")
    if not text.isdigit():
        die(f"SCRIBED_SERVICES_TIMEOUT={text} is no number of seconds")
    return int(text)


def handle_of(owner):
    try:
        return os.pidfd_open(owner)
    except ProcessLookupError:
        die(f"there is no process {owner}, which should own the cluster")


class Cluster:
    """What `up` made, remembered in cluster.json. A service fills in what is its own."""

    service = ""
    # The port when none is chosen, the variable that chooses it, and the variable of the tests.
    default_port, port_variable, test_variable = 0, "", ""
    # What a cluster is made with when `up` does not say.
    defaults = {}

    def prepare(self):
        """Makes the storage of new nodes."""

    def start(self, i):
        """Starts a node."""
        raise NotImplementedError

    def ready(self, working):
        """Whether these nodes, all that run, do their work; an error says why they do not."""
        raise NotImplementedError

    def address(self, i):
        """Where clients find a node."""
        raise NotImplementedError

    def places(self, i):
        """All addresses that a node listens on."""
        raise NotImplementedError

    def describe(self, i):
        """What a node says of itself; an error when it does not answer."""
        raise NotImplementedError

    def environment(self):
        """Variables by which a test finds the cluster."""
        return {self.test_variable: self.addresses()}

    def __init__(self, name):
        self.name = name
        self.root = BASE / (f"{self.service}-{name}" if name else self.service)
        self.file = self.root / "cluster.json"
        self.load()

    # === what it is ===

    def load(self):
        try:
            self.use(json.loads(self.file.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # none is up, or `up` was killed before it was made
            self.use({})

    def use(self, facts):
        self.facts, self.port = {**self.defaults, **facts}, facts.get("port", 0)
        self.nodes = {i: Node(self.root / str(i)) for i in range(1, facts.get("nodes", 0) + 1)}

    def lock(self):
        """Held while nodes are made, started or ended, not while they are waited for."""
        return lock(self.root.with_name(f"{self.root.name}.lock"))

    def node(self, i):
        known = ", ".join(map(str, self.nodes))
        return self.nodes.get(i) or die(f"there is no node {i} in {self.root}, only {known}")

    def working(self):
        """The nodes that run and are not paused."""
        return [i for i, node in self.nodes.items() if node.pid() and not node.paused()]

    def addresses(self):
        return ",".join("%s:%d" % self.address(i) for i in self.nodes)

    # === up ===

    def up(self, wanted, fresh, owner):
        """Makes the cluster, or starts what is missing of it, and waits until it works. What is not
        `wanted` by name is as it was, or by default."""
        began, owner = time.monotonic(), owner and handle_of(owner)
        jars(self.service)
        with self.lock():
            self.load()
            if fresh or not self.nodes:
                self.remove()
                self.make(wanted)
            self.check(wanted)
            if owner:
                self.leave_watcher(owner)
            missing = [i for i, node in self.nodes.items() if node.pid() is None]
            for node in self.nodes.values():
                node.send(signal.SIGCONT)
            for i in missing:
                self.start(i)
        self.wait(missing)
        archive_classes(self.service, self.nodes[1].pid())
        say(f"{len(self.nodes)} up after {time.monotonic() - began:.1f} s")
        print(self.addresses())

    def check(self, wanted):
        """Refuses to take another cluster for the wanted one."""
        wanted = {**wanted, "jars": pom_hash(self.service)}
        other = [f"{key} is {self.facts.get(key)} and not {value}" for key, value in wanted.items()
                 if value not in (None, self.facts.get(key)) and (key, value) != ("port", 0)]
        if other:
            die(f"{self.root} holds another cluster ({'; '.join(other)}): end it with `down`,"
                f" replace it with `up --fresh`, or give this one a --name")

    def make(self, wanted):
        java(self.service)
        chosen = {key: value for key, value in wanted.items() if value is not None}
        port = chosen.get("port", os.environ.get(self.port_variable, self.default_port))
        if not str(port).isdigit() or int(port) > HIGHEST_PORT:
            die(f"the first port is {port}, and not from 0 to {HIGHEST_PORT}: choose another by"
                f" --port or {self.port_variable}")
        self.use({**self.defaults, **chosen, "port": int(port), "id": uuid.uuid4().hex,
                  "jars": pom_hash(self.service)})
        if not self.port:
            self.choose_port()
        self.root.mkdir(parents=True)
        self.prepare()
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.facts), encoding="utf-8")
        new.rename(self.file)

    def choose_port(self):
        """Finds free ports, below those that the kernel gives to clients. Where the search begins
        depends on the folder, so that two that begin at once hardly choose the same; two services
        never do, since their default ports differ in the last digits."""
        first = zlib.crc32(bytes(self.root))
        for step in range(500):
            port = 20000 + (first + step) % 500 * 20 + self.default_port % 20
            self.use({**self.facts, "port": port})
            if not any(taken(place) for i in self.nodes for place in self.places(i)):
                return
        die("no free port was found from 20000 to 30000: choose one with --port")

    def wait(self, started):
        """Waits until all that runs is ready; gives up when one that was started ends."""
        limit, problem, ends = seconds_to_wait(), "not ready", select.poll()
        handles = {self.nodes[i].handle(): i for i in started}
        if None in handles:
            self.fail(handles[None], "ended at once")
        for handle in handles:
            ends.register(handle, select.POLLIN)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            try:
                working = self.working()
                if working and self.ready(working):
                    return
            except FAILURES as why:
                problem = why
            for handle, _ in ends.poll(POLL_MILLIS):
                self.fail(handles[handle], "ended while it was waited for")
        self.fail((started or list(self.nodes))[0], f"is not ready after {limit} s ({problem})")

    def fail(self, i, what):
        die(f"node {i} {what}; `down` ends what runs of {self.root}; {self.nodes[i].tail()}")

    # === down ===

    def remove(self):
        """Kills every node below the root, also those of a run that was killed, and deletes it."""
        kill([Node(folder) for folder in running(self.root)])
        try:
            shutil.rmtree(self.root)
        except FileNotFoundError:
            pass
        self.use({})

    def down(self, keep):
        with self.lock():
            self.load()
            if not keep:
                self.remove()
            stop(self.nodes.values())

    def leave_watcher(self, handle):
        """Leaves a process behind that ends the cluster when its owner has ended."""
        command = [sys.executable, os.path.abspath(sys.argv[0]), f"--name={self.name}", "watch",
                   self.facts["id"], str(handle)]
        subprocess.Popen(command, cwd="/", pass_fds=[handle], start_new_session=True, **QUIET)

    def watch(self, identity, handle):
        """What that process does; it ends early when the cluster was replaced or removed."""
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        while not poll.poll(WATCH_MILLIS):
            self.load()
            if self.facts.get("id") != identity:
                return
        with self.lock():
            self.load()
            if self.facts.get("id") == identity:
                self.remove()

    # === one node, and looking on ===

    def restart(self, i):
        with self.lock():
            self.load()
            stop([self.node(i)])
            self.start(i)
        self.wait([i])

    def suspend(self, i, number):
        if not self.node(i).send(number):
            die(f"node {i} of {self.root} does not run: start it with `restart {i}`")

    def status(self):
        """Prints a line for each node. Fails unless each of them answers."""
        well = bool(self.nodes)
        for i, node in self.nodes.items():
            shown = "down" if node.pid() is None else "paused" if node.paused() else ""
            try:
                text = shown or self.describe(i)
            except FAILURES as why:
                text = shown = f"no answer: {why}"
            well = well and not shown
            place = "%s:%d" % self.address(i)
            print(f"{i} {place} process {node.pid() or '-'} {node.resident_mib()} MiB {text}")
        sys.exit(0 if well else 1)

    def print_environment(self):
        for key, value in self.environment().items():
            print(f"{key}={value}")


# === the command line ===


def name(text):
    if not re.fullmatch("[a-z0-9-]*", text):
        raise argparse.ArgumentTypeError("small letters, digits and - only")
    return text


def parser(text):
    """The commands that both services know; `commands` takes more, and `up` more options."""
    top = argparse.ArgumentParser(description=text, allow_abbrev=False,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--name", type=name, default="", help="one of several clusters side by side")
    top.commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add = top.commands.add_parser
    top.up = add("up", help="start what does not run, wait until it works, print the addresses")
    top.up.add_argument("--fresh", action="store_true", help="replace what is there, with no data")
    top.up.add_argument("--port", type=int, help="the first port; 0 chooses free ones")
    top.up.add_argument("--owner", type=int, metavar="PID",
                        help="end and delete the cluster as soon as this process has ended")
    add("down", help="end all nodes and delete their data").add_argument(
        "--keep", action="store_true", help="end them in order and keep the data for the next `up`")
    add("fetch", help="only fetch the jars, print their folder")
    add("status", help="print a line for each node; fail unless each answers")
    add("addresses", help="print what clients connect to")
    add("env", help="print the variables by which tests find the cluster")
    for command, what in (("kill", "end it as kill -9 does"), ("resume", "SIGCONT"),
                          ("pause", "SIGSTOP: alive, yet silent"),
                          ("restart", "end it if it runs, start it, wait until it works")):
        add(command, help=what).add_argument("node", type=int)
    watch = add("watch")  # for --owner only, so it has no help
    watch.add_argument("identity")
    watch.add_argument("handle", type=int)
    return top


def run(kind, args, wanted):
    """Carries out a shared command; for any other it returns the cluster, of which one is up."""
    cluster = kind(args.name)
    alone = {
        "fetch": lambda: print(jars(kind.service)),
        "up": lambda: cluster.up(wanted, args.fresh, args.owner),
        "down": lambda: cluster.down(args.keep),
        "watch": lambda: cluster.watch(args.identity, args.handle),
    }
    on_nodes = {
        "status": cluster.status,
        "addresses": lambda: print(cluster.addresses()),
        "env": cluster.print_environment,
        "kill": lambda: kill([cluster.node(args.node)]),
        "pause": lambda: cluster.suspend(args.node, signal.SIGSTOP),
        "resume": lambda: cluster.suspend(args.node, signal.SIGCONT),
        "restart": lambda: cluster.restart(args.node),
    }
    if args.command in alone:
        return alone[args.command]()
    if not cluster.nodes:
        die(f"nothing is up in {cluster.root}: start it with `up`")
    return on_nodes[args.command]() if args.command in on_nodes else cluster


def guarded(main):
    """Runs a script; what the system refuses becomes a sentence."""
    try:
        main()
    except KeyboardInterrupt:
        die("interrupted; `down` ends what was started")
    except OSError as why:
        die(f"{' '.join(sys.argv[1:])} failed: {why}")
