# shellcheck shell=bash
# What a machine needs to build scribed, and how it gets it. Sourced by other scripts, not run.
#
# `install_prerequisites COMMAND…` makes sure that the build's needs and the given commands are there.
# On Debian and its children it installs the packages; elsewhere it names what is missing.

# Prints each missing need as a Debian package, one a line.
missing_packages() {
    command -v cc >/dev/null && command -v c++ >/dev/null && command -v make >/dev/null ||
        echo build-essential
    command -v cmake >/dev/null || echo cmake
    # bindgen loads libclang at build time to read whisper.cpp's header.
    ldconfig -p 2>/dev/null | grep -q 'libclang[-.]' ||
        ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || echo libclang-dev
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

install_prerequisites() {
    check_rust || return 1
    packages=$(missing_packages "$@" | sort -u | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "please install what these Debian packages hold, under your system's names: $packages" >&2
        return 1
    fi
    echo "installing: $packages" >&2
    # shellcheck disable=SC2086 # the list is split on purpose
    if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -yq --no-install-recommends $packages; } >/dev/null; then
        echo "apt-get could not install: $packages" >&2
        return 1
    fi
}
