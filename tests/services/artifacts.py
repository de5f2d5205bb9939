"""What the services are made of: a Java that fits, their jars, and the command lines of their JVMs.

All of it lives in BASE/lib: SERVICE-HASH/ holds the jars of the pom with that hash, and one archive
of their classes for each JVM that ran them.
"""
import ctypes
import fcntl
import functools
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASE = Path(os.environ.get("SCRIBED_SERVICES_DIR") or HERE.parents[1] / "target/services")
BASE = BASE.resolve()
# The first and the last version of Java that runs a service.
JAVA = {"kafka": (17, 99), "cassandra": (17, 17)}
# Where distributions put the Javas that are not the default one.
JAVA_FOLDER = Path("/usr/lib/jvm")
# No threads for the collector and no second compiler: less memory, and a faster start on few cores.
# No statistics in /tmp. A full heap is a dead node, not a sick one.
SMALL_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
             "-Djava.awt.headless=true", "-XX:+ExitOnOutOfMemoryError")
FETCH_TRIES, FETCH_SECONDS, DUMP_SECONDS = 3, 900, 120
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PR_SET_PDEATHSIG = 1


def die(message):
    sys.exit(f"{Path(sys.argv[0]).name}: {message}")


def say(message):
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr, flush=True)


def lock(path):
    """Holds an exclusive lock until the returned file is closed. JVMs do not inherit it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = open(path, "w", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for another command that holds {path}")
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def java_version(program):
    """The whole version of a Java, as 17.0.15; "" when it does not tell."""
    try:
        text = (program.resolve().parents[1] / "release").read_text(encoding="utf-8")
    except OSError:  # not every build has this file; asking the program takes longer
        text = subprocess.run([program, "-version"], stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    found = re.search(r'(?:JAVA_VERSION=| version )"([^"]+)"', text)
    return found[1] if found else ""


@functools.lru_cache(maxsize=None)
def java(service):
    """The program `java` for a service, and its version. JAVA_HOME is the only choice if it is set;
    else it is the one on the path, or another that the system has."""
    first, last = JAVA[service]
    home, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    places = [Path(home)] if home else sorted(JAVA_FOLDER.glob("*"))
    programs = [Path(on_path)] if on_path and not home else []
    seen = []
    for program in programs + [place / "bin/java" for place in places]:
        version = java_version(program) if os.access(program, os.X_OK) else ""
        major = int(re.match(r"\d*", version)[0] or 0)
        if first <= major <= last:
            return program.resolve(), version
        seen.append(f"{program} is {f'Java {version}' if version else 'no Java'}")
    wanted = f"{first}" if first == last else f"{first} or newer"
    die(f"it needs Java {wanted} ({'; '.join(seen) or 'no Java was found'}): install a JDK"
        f" 17 (openjdk-17-jdk-headless, or one from https://adoptium.net) and set JAVA_HOME to it")


def pom_hash(service):
    return hashlib.sha256((HERE / f"poms/{service}.xml").read_bytes()).hexdigest()[:16]


def die_with_parent():
    """Run in a child before its program: it ends when this script is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def maven(service, folder):
    """Has Maven copy the jars of a service into a folder; what it said, "" when it did its work."""
    command = ["mvn", "-q", "-B", "-f", HERE / f"poms/{service}.xml",
               "dependency:copy-dependencies", "-DincludeScope=runtime",
               f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=FETCH_SECONDS,
                              preexec_fn=die_with_parent, check=False)
    except subprocess.TimeoutExpired:
        return f"mvn did not end within {FETCH_SECONDS} s"
    if done.returncode == 0:
        return ""
    # Colours come even with -B and -Dstyle.color=never.
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).strip() or f"mvn ended with {done.returncode}"


def jars(service):
    """The folder with the jars of a service. Maven is asked once for each version of the pom."""
    folder = BASE / f"lib/{service}-{pom_hash(service)}"
    if folder.is_dir():
        return folder
    with lock(BASE / f"lib/{service}.lock"):
        if folder.is_dir():
            return folder
        if not shutil.which("mvn"):
            die("mvn is missing, which fetches the jars: install maven")
        new = folder.with_suffix(".new")
        say(f"fetching the jars of {service} into {folder}")
        for attempt in range(1, FETCH_TRIES + 1):  # a registry may be slow or busy for a moment
            shutil.rmtree(new, ignore_errors=True)
            problem = maven(service, new)
            if not problem:
                break
            say(f"{problem}\nmvn failed, try {attempt} of {FETCH_TRIES}")
            time.sleep(attempt)
        else:
            die(f"mvn could not fetch the jars of {service}, its words are above: it needs Maven"
                f" Central, or a mirror of it named in ~/.m2/settings.xml")
        for old in folder.parent.glob(f"{service}-*"):
            if old != new:
                shutil.rmtree(old)
        new.rename(folder)
    return folder


def class_archive(service):
    """The archive of the classes of a service; it fits one build of one JVM only."""
    program, version = java(service)
    return jars(service) / f"{program.parents[1].name}-{version}.jsa"


def java_command(service, main, *args, heap="128m", flags=()):
    """A command line of Java. Its class path has a fixed order and no wildcard, as an archive of
    classes demands; without an archive the JVM is told to be ready to write one."""
    archive, folder = class_archive(service), jars(service)
    share = f"-XX:SharedArchiveFile={archive}" if archive.exists() else "-XX:+RecordDynamicDumpInfo"
    path = ":".join(str(jar) for jar in sorted(folder.glob("*.jar")))
    program = str(java(service)[0])
    return [program, *flags, f"-Xmx{heap}", *SMALL_JVM, share, "-cp", path, main, *args]


def archive_classes(service, pid):
    """Has a running JVM write down the classes that it loaded, which halves later starts. This is a
    convenience: nothing fails where it does not work."""
    archive, jcmd = class_archive(service), java(service)[0].with_name("jcmd")
    if archive.exists() or not jcmd.exists():
        return
    with lock(BASE / f"lib/{service}.lock"):
        if archive.exists():
            return
        new = archive.with_suffix(".new")
        new.unlink(missing_ok=True)
        command = [jcmd, "-J-XX:-UsePerfData", str(pid), "VM.cds", "dynamic_dump", new]
        try:
            done = subprocess.run(command, timeout=DUMP_SECONDS, check=False, **QUIET)
        except subprocess.TimeoutExpired:
            return
        Path(f"/tmp/.java_pid{pid}").unlink(missing_ok=True)  # the JVM's socket for jcmd
        if done.returncode == 0 and new.exists():
            new.rename(archive)
