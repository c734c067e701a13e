#!/bin/sh
# intel-opencl.sh [BUILD]: the tests of OpenCL devices on Intel's CPU runtime, with a build folder (default: build). The runtime
# comes from PyPI, into the virtual environment INTEL_OPENCL (default: a folder of the user's cache; 850 MB), which is made
# if it is not there. Ends with "N passed, N failed, N skipped"; skips without network, Python or an x86-64 processor.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:-$top/build}" && pwd) || exit 1
runtime=${INTEL_OPENCL:-${XDG_CACHE_HOME:-$HOME/.cache}/facies-intel-opencl}
skip() { echo "skipped: tests on Intel's OpenCL runtime: $*"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }

[ "$(uname -sm)" = "Linux x86_64" ] || skip "it is made for Linux on x86-64 only"
"$build/facies" devices 2>&1 | grep -q 'built without OpenCL' && skip "$build is built without OpenCL"
if [ ! -e "$runtime/lib/libintelocl.so" ]; then
    command -v python3 > /dev/null || skip "no python3"
    python3 -m venv "$runtime" || skip "python3 -m venv does not work (Debian: package python3-venv)"
    "$runtime/bin/pip" --quiet install intel-opencl-rt intel-cmplr-lib-rt || skip "PyPI cannot be reached"
fi
# The loader is the system's: theirs would look for drivers elsewhere. A driver is a file with its full path in a folder.
rm -f "$runtime"/lib/libOpenCL.so*
mkdir -p "$runtime/vendors"
echo "$runtime/lib/libintelocl.so" > "$runtime/vendors/intel.icd"
export OCL_ICD_VENDORS="$runtime/vendors/" LD_LIBRARY_PATH="$runtime/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export XDG_CACHE_HOME="$runtime/cache"

cd "$build" || exit 1
./facies devices
./facies devices --csv - 2>/dev/null | grep -q Intel || { echo "Intel's device is not there"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
rm -f test-suite.log
make -s check TESTS="tests/test_devices.sh tests/test_opencl tests/test_tiles tests/test_training tests/test_faults.sh" VERBOSE=1 > intel.log 2>&1
status=$?
sed -n '/^PASS\|^FAIL\|^SKIP\|^ERROR/p' intel.log
[ "$status" = 0 ] || cat intel.log
count() { sed -n "s/^# $1: *//p" test-suite.log 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'; }
echo "$(count PASS) passed, $(($(count FAIL) + $(count ERROR))) failed, $(count SKIP) skipped"
exit "$status"
