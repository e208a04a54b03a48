#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building, running and testing octet needs from the packages of Debian or Ubuntu.
#
#   scripts/setup_env.sh          compiler, CMake, libraries, test tools
#   scripts/setup_env.sh --all    and what the full checks use: clang, fuzzing, qemu, linters, a
#                                 browser, and Python clients from PyPI in build/test-venv
#
# It may be run or sourced: everything happens in a subshell, so no option, variable or directory of
# the calling shell changes, and nothing here ends that shell. What is there already is left as it
# is; a second run says so and does nothing.

# Lists are split into words on purpose.
# shellcheck disable=SC2086
octet_packages() (
    if [ -n "${ZSH_VERSION:-}" ]; then
        setopt sh_word_split # which zsh alone does not do by itself
    fi
    # A list of packages, one a word; "a|b" is the first of them that the distribution has.
    needed='build-essential cmake ninja-build pkg-config git libjansson-dev libpcre2-dev
            libutf8proc-dev libssl-dev libedit-dev libmicrohttpd-dev libyaml-dev
            libcurl4-openssl-dev libsystemd-dev libcmocka-dev python3 python3-venv
            python3-pytest python3-pexpect'
    wanted=''
    for argument in "$@"; do
        case $argument in
        --all)
            wanted='clang clang-tidy clang-format libclang-rt-dev|libclang-rt-18-dev|libclang-rt-14-dev
                    qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross universal-ctags shellcheck
                    man-db zsh ca-certificates curl chromium chromium-driver systemd'
            # For promtool. Where systemd runs, as on a desktop, the package would start a server.
            [ -d /run/systemd/system ] || wanted="$wanted prometheus"
            ;;
        *)
            echo "usage: scripts/setup_env.sh [--all]" >&2
            return 2
            ;;
        esac
    done

    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
        echo "setup_env: this is not a Debian or Ubuntu system; install what corresponds to:" >&2
        printf 'setup_env:   %s\n' $needed $wanted >&2
        return 1
    fi

    installed() {
        case $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) in
        *' installed') return 0 ;;
        esac
        return 1
    }
    available() {
        case $(apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p') in
        '' | '(none)') return 1 ;;
        esac
        return 0
    }
    any_installed() {
        for name in $(echo "$1" | tr '|' ' '); do
            installed "$name" && return 0
        done
        return 1
    }

    missing=''
    for entry in $needed $wanted; do
        any_installed "$entry" || missing="$missing $entry"
    done
    if [ -z "$missing" ]; then
        echo "setup_env: every package is installed; nothing to do"
        return 0
    fi

    as_root=''
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "setup_env: missing:$missing" >&2
            echo "setup_env: neither root nor sudo; install them as root and run this again" >&2
            return 1
        fi
        as_root='sudo'
        [ -t 0 ] || as_root='sudo -n'
    fi

    # A mirror that stumbles once is not a failure.
    attempt() {
        for pause in 2 5 0; do
            "$@" && return 0
            [ "$pause" = 0 ] || sleep "$pause"
        done
        return 1
    }
    echo "setup_env: missing:$missing"
    echo "setup_env: apt-get update"
    attempt $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update ||
        echo "setup_env: apt-get update failed; going on with the package lists that are there" >&2

    chosen='' absent=''
    for entry in $missing; do
        found=''
        for name in $(echo "$entry" | tr '|' ' '); do
            if [ -z "$found" ] && available "$name"; then
                found=$name
            fi
        done
        if [ -n "$found" ]; then
            chosen="$chosen $found"
            continue
        fi
        required=no
        for name in $needed; do
            [ "$name" != "$entry" ] || required=yes
        done
        case $required in
        yes) absent="$absent $entry" ;;
        *) echo "setup_env: $entry is not in this distribution; checks that use it are skipped" ;;
        esac
    done
    if [ -n "$absent" ]; then
        echo "setup_env: no package source has:$absent; check /etc/apt/sources.list*" >&2
        return 1
    fi
    if [ -z "$chosen" ]; then
        return 0
    fi
    echo "setup_env: apt-get install$chosen"
    if ! attempt $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        --no-install-recommends -o Dpkg::Use-Pty=0 install $chosen </dev/null >/dev/null; then
        echo "setup_env: apt-get install failed; its messages are above" >&2
        return 1
    fi
    echo "setup_env: installed$chosen"
)

# Python clients that the tests of the server use, at the versions of tests/requirements.txt, in
# build/test-venv. Without PyPI there is none, and those tests name themselves as skipped.
octet_test_venv() (
    for root in "$(dirname "$0")/.." .; do
        [ ! -f "$root/tests/requirements.txt" ] || break
    done
    list=$root/tests/requirements.txt
    venv=$root/build/test-venv
    [ -f "$list" ] || return 0
    if cmp -s "$list" "$venv/requirements.txt"; then
        echo "setup_env: build/test-venv has what tests/requirements.txt asks for"
        return 0
    fi
    echo "setup_env: making build/test-venv from tests/requirements.txt"
    python=/usr/bin/python3 # a version manager's may lack venv
    [ -x $python ] || python=python3
    mkdir -p "$root/build"
    if $python -m venv --clear "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
            -r "$list" </dev/null; then
        cp "$list" "$venv/requirements.txt"
        return 0
    fi
    echo "setup_env: pip could not install them; tests that use them are skipped" >&2
    rm -rf "$venv"
)

octet_setup_env() {
    octet_packages "$@" || return
    case " $* " in
    *' --all '*) octet_test_venv ;;
    esac
}

# A sourced file sees the arguments of the script that sources it: only --all is meant for us then.
case $0 in
*setup_env.sh) octet_setup_env "$@" ;;
*) case " $* " in
    *' --all '*) octet_setup_env --all ;;
    *) octet_setup_env ;;
    esac ;;
esac
