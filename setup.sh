#!/bin/sh
# setup.sh BUILD [CONFIGURE-OPTION...]
# Installs what is missing with the system's package manager (as root, or with sudo), then configures and builds facies in
# the folder BUILD. Used by examples/quickstart.sh and tests/run.sh; safe to run again.
set -eu
[ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
top=$(cd "$(dirname "$0")" && pwd)
build=$1
shift

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else echo "setup.sh: not root and no sudo: run this as root: $*" >&2; exit 1; fi
}

# All that the build needs? Then nothing is installed (and no root is needed).
complete() {
    for tool in autoconf automake make pkg-config; do
        command -v $tool >/dev/null 2>&1 || return 1
    done
    command -v libtoolize >/dev/null 2>&1 || command -v glibtoolize >/dev/null 2>&1 || return 1
    command -v "${CC:-cc}" >/dev/null 2>&1 || return 1
    pkg-config --exists libpng libtiff-4 jansson libconfig
}

install_missing() {
    if command -v apt-get >/dev/null 2>&1; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
            gcc libc6-dev make autoconf automake libtool pkg-config libpng-dev libtiff-dev libjansson-dev \
            libconfig-dev >/dev/null
    elif command -v dnf >/dev/null 2>&1; then
        as_root dnf -q -y install gcc make autoconf automake libtool pkgconf-pkg-config libpng-devel libtiff-devel \
            jansson-devel libconfig-devel
    elif command -v brew >/dev/null 2>&1; then
        brew install -q autoconf automake libtool pkgconf libpng libtiff jansson libconfig
    elif command -v pkg >/dev/null 2>&1; then
        as_root pkg install -y autoconf automake libtool pkgconf png tiff jansson libconfig
    else
        echo "setup.sh: no known package manager; install a C compiler, make, autoconf, automake, libtool," \
            "pkg-config, libpng, libtiff, jansson and libconfig, then run this again" >&2
        exit 1
    fi
}

# OpenCL is optional: its headers and loader, and PoCL, which is a device on every processor, so that the backend is tested
# everywhere. What cannot be installed is done without.
opencl_here() {
    pkg-config --exists OpenCL && ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1
}

install_opencl() {
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1 || return 1
    if command -v apt-get >/dev/null 2>&1; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
            opencl-headers ocl-icd-opencl-dev pocl-opencl-icd >/dev/null 2>&1
    elif command -v dnf >/dev/null 2>&1; then
        as_root dnf -q -y install opencl-headers ocl-icd-devel pocl >/dev/null 2>&1
    else
        return 1
    fi
}

if ! complete; then
    echo "setup.sh: installing what is missing" >&2
    install_missing
    complete || { echo "setup.sh: something is still missing after the installation" >&2; exit 1; }
fi
case " $* " in
*" --without-opencl "*) ;;
*) opencl_here || install_opencl || echo "setup.sh: no OpenCL here: facies will compute on the processor only" >&2 ;;
esac
[ -x "$top/configure" ] && [ "$top/configure" -nt "$top/configure.ac" ] ||
    sh "$top/autogen.sh" >"$top/autogen.log" 2>&1 || { cat "$top/autogen.log" >&2; exit 1; }
rm -f "$top/autogen.log"
mkdir -p "$build"
cd "$build"
[ -f Makefile ] || "$top/configure" --quiet "$@"
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
echo "setup.sh: building with $jobs jobs" >&2
make -s -j"$jobs"
