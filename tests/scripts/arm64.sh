#!/bin/bash
# nibble for arm64: everything is cross-built with warnings as errors, and the tests of core (kernels and the executor among
# them) and the plain programs run in an emulator of that processor. Skipped where gcc-aarch64-linux-gnu or qemu-user is not
# installed or Debian's arm64 packages cannot be had; those are unpacked into the build folder, nothing is installed.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
source=$2
folder=$3/arm64
root=$folder/sysroot
libraries=$root/usr/lib/aarch64-linux-gnu

for program in aarch64-linux-gnu-gcc qemu-aarch64 apt-get dpkg-deb ninja; do
    command -v $program >/dev/null ||
        skip "$program is missing: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
done

# As of the day they were fetched; a later run finds them there.
fetch_packages() {
    local apt=$folder/apt deb
    rm -rf "$root" "$apt"
    mkdir -p "$root" "$apt"/state/lists/partial "$apt"/cache/archives/partial
    : >"$apt/status"
    run_apt() {
        apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$apt/state" \
            -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" -o Acquire::Languages=none \
            -o APT::Sandbox::User="$(id -un)" "$@" >"$folder/apt.log" 2>&1
    }
    run_apt update || skip "no lists of Debian's arm64 packages: $(tail -1 "$folder/apt.log")"
    run_apt install --download-only --no-install-recommends --yes libc6-dev libopenblas-dev libhdf5-dev libyaml-dev \
        libcjson-dev librandom123-dev zlib1g-dev || skip "no arm64 packages: $(tail -1 "$folder/apt.log")"
    for deb in "$apt"/cache/archives/*.deb; do
        dpkg-deb -x "$deb" "$root"
    done
    # It names the library by its installed path.
    sed -i "s|\"/usr/|\"$root/usr/|g; s|\"/usr\"|\"$root/usr\"|" "$libraries"/cmake/cJSON/*.cmake
    rm -rf "$apt"
    : >"$root/complete"
}
mkdir -p "$folder"
[ -e "$root/complete" ] || fetch_packages

# Criterion starts its tests as new processes, which the emulator cannot do.
mkdir -p "$root/tests/criterion"
ln -sf "$source/tests/arm64/forked_tests.h" "$root/tests/criterion/criterion.h"
cat >"$libraries/pkgconfig/criterion.pc" <<'END'
Name: criterion
Description: what the tests use of Criterion
Version: 2.4.1
Cflags: -I/tests
END
cat >toolchain.cmake <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_SYSROOT $root)
set(CMAKE_FIND_ROOT_PATH $root)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
END
export PKG_CONFIG_LIBDIR=$libraries/pkgconfig:$libraries/openblas-pthread/pkgconfig:$root/usr/share/pkgconfig
export PKG_CONFIG_SYSROOT_DIR=$root
log=$folder/build.log
{
    cmake --fresh -S "$source" -B "$folder/build" -G Ninja --toolchain "$work/toolchain.cmake" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O2 -g" -DNIBBLE_WERROR=ON &&
        cmake --build "$folder/build" -j "$(nproc)" --target nibble test_core exec_steps worker_team
} >"$log" 2>&1 || fail "the build for arm64: $(grep -m 5 -A 3 -E 'error|Error|FAILED' "$log"); all of it is in $log"

# run PROGRAM [ARGUMENT...]: in the emulator.
run() {
    OPENBLAS_NUM_THREADS=1 qemu-aarch64 -L "$root" -E LD_LIBRARY_PATH="$libraries/openblas-pthread" "$folder/build/$1" "${@:2}"
}
run nibble version >version.txt 2>&1 || fail "nibble version: $(cat version.txt)"
for program in exec_steps worker_team; do
    run tests/$program >$program.txt 2>&1 || fail "$program: $(cat $program.txt)"
done
run tests/test_core >core.txt 2>&1 || fail "test_core: $(tail -20 core.txt)"
echo "$(cat version.txt) for arm64: $(tail -1 core.txt), exec_steps and worker_team pass"
