#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs a build into an empty folder and uses it as a stranger would: the header alone in strict C11
# and in C++, a program by pkg-config against liboctet.so and against liboctet.a.
#
#   check_install.sh BUILD_FOLDER CC CMAKE
set -u
build=$1 cc=$2 cmake=$3
here=$(dirname "$0")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

# pkg-config says what the folder was configured for; its prefix is moved to where we install.
"$cmake" --install "$build" --prefix "$root" >"$root/install.log" 2>&1 ||
    { cat "$root/install.log"; fail "cmake --install"; }
pc=$(find "$root" -name octet.pc)
[ -n "$pc" ] || fail "octet.pc was not installed"
export PKG_CONFIG_PATH=${pc%/*}
flags() {
    pkg-config --define-variable=prefix="$root" "$@" octet
}
expected=$(flags --modversion)

strict=(-std=c11 -pedantic-errors -Wall -Wextra -Wstrict-prototypes -Werror)
# shellcheck disable=SC2046 # flags are words
{
    echo '#include <octet/octet.h>' >"$root/alone.c"
    "$cc" "${strict[@]}" $(flags --cflags) -fsyntax-only "$root/alone.c" || fail "header in strict C11"
    if command -v c++ >/dev/null; then
        c++ -std=c++11 -Wall -Wextra -pedantic-errors -Werror $(flags --cflags) -fsyntax-only -x c++ \
            "$root/alone.c" || fail "header in C++11"
    fi
    "$cc" "${strict[@]}" $(flags --cflags) "$here/consumer.c" -o "$root/shared" $(flags --libs) ||
        fail "linking with liboctet.so"
    "$cc" "${strict[@]}" $(flags --cflags) "$here/consumer.c" -o "$root/static" \
        "$(flags --variable=libdir)/liboctet.a" \
        $(flags --static --libs-only-l | sed 's/-loctet //; s/-ldl//') ||
        fail "linking with liboctet.a"
}
libdir=$(flags --variable=libdir)
found=$(LD_LIBRARY_PATH=$libdir "$root/shared") || fail "the program with liboctet.so"
[ "$found" = "$expected" ] || fail "liboctet.so is version $found, octet.pc says $expected"
found=$("$root/static") || fail "the program with liboctet.a"
[ "$found" = "$expected" ] || fail "liboctet.a is version $found, octet.pc says $expected"
readelf -d "$libdir/liboctet.so" | grep -q 'SONAME.*liboctet\.so\.[0-9]' || fail "no SONAME"
if [ -x "$root/bin/octet" ]; then
    "$root/bin/octet" --version | grep -qF "$expected" || fail "octet --version"
    find "$root" -name 'octet.1*' | grep -q . || fail "no manual page"
fi
echo "installed: $(find "$root" -type f -not -name '*.log' -not -name alone.c | wc -l) files, version $expected"
