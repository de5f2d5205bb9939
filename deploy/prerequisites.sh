# shellcheck shell=bash
# What a machine needs to build scribed, and how it gets it. Sourced by other scripts, not run.
#
# `install_prerequisites COMMAND…` makes sure that the build's needs and the given commands are
# there, `install_services_prerequisites` that what tests/services needs is there.
# On Debian and its children they install the packages; elsewhere they name what is missing.

# Prints each missing need as a Debian package, one a line.
missing_packages() {
    command -v cc >/dev/null && command -v c++ >/dev/null && command -v make >/dev/null ||
        echo build-essential
    command -v cmake >/dev/null || echo cmake
    # bindgen loads libclang at build time to read whisper.cpp's header.
    # libclang-cpp is another library, which other packages bring along.
    ldconfig -p 2>/dev/null | grep -q 'libclang\(\.so\|-[0-9]\)' ||
        ls /usr/lib/llvm-*/lib/libclang{.so,-[0-9]}* >/dev/null 2>&1 || echo libclang-dev
    # OpenSSL is built from its source, which is configured by perl and more of it than perl-base has.
    perl -MIPC::Cmd -e 1 2>/dev/null || echo perl
    for needed in "$@"; do
        command -v "$needed" >/dev/null || echo "$needed"
    done
}

# Runs a command as root, by sudo where needed.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "cannot run '$*': this needs root, and there is no sudo" >&2
        return 1
    fi
}

# Stops with a sentence when Rust is missing or older than the workspace asks for.
check_rust() {
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    if ! command -v cargo >/dev/null; then
        echo "Rust is missing: install it from https://rustup.rs, then run this again" >&2
        return 1
    fi
    found=$(rustc --version | sed 's/^rustc \([0-9]*\.[0-9]*\).*/\1/')
    if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
        echo "Rust $found is too old, $wanted is needed: run 'rustup update stable'" >&2
        return 1
    fi
}

# Installs Debian packages, given as arguments; none is fine.
install_packages() {
    [ $# -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "please install what these Debian packages hold, under your system's names: $*" >&2
        return 1
    fi
    echo "installing: $*" >&2
    if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -yq --no-install-recommends "$@"; } >/dev/null; then
        echo "apt-get could not install: $*" >&2
        return 1
    fi
}

install_prerequisites() {
    check_rust || return 1
    # shellcheck disable=SC2046 # one package a word
    install_packages $(missing_packages "$@" | sort -u)
}

# Whether there is a Java that runs Kafka and Cassandra. A JAVA_HOME that is set is the only choice;
# it is for its owner to mend.
has_java() {
    [ -z "${JAVA_HOME:-}" ] || return 0
    ls -d /usr/lib/jvm/*17*/bin/java >/dev/null 2>&1 || java -version 2>&1 | grep -q ' version "17[."]'
}

# Each kind of package on its own: what can be had is installed, whatever else is missing.
install_services_prerequisites() {
    lacks=0
    command -v python3 >/dev/null || install_packages python3 || lacks=1
    # Examples for producers, and the fuzzer of the API, run in a virtual environment.
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv || lacks=1
    command -v openssl >/dev/null || install_packages openssl || lacks=1
    has_java || install_packages openjdk-17-jdk-headless || {
        echo "Java 17 is missing: where your distribution has no JDK 17, install one from" \
            "https://adoptium.net and set JAVA_HOME to its folder" >&2
        lacks=1
    }
    command -v mvn >/dev/null || install_packages maven || lacks=1
    return "$lacks"
}
