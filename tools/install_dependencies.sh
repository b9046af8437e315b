#!/bin/bash
# Installs the Debian packages that nibble is built from, those that are missing only; run twice it does nothing.
#   tools/install_dependencies.sh          what building and running needs
#   tools/install_dependencies.sh tests    what the tests need as well
# Needs bash, dpkg-query and apt-get; works as root or with sudo, else it prints the line to run and stops.
set -euo pipefail

packages=(gcc libc6-dev cmake ninja-build pkg-config libopenblas-dev libhdf5-dev libyaml-dev libcjson-dev
    librandom123-dev zlib1g-dev gnuplot-nox)
case ${1:-} in
'') ;;
tests) packages+=(libcriterion-dev clang clang-format libclang-rt-14-dev valgrind) ;;
*)
    echo "usage: $0 [tests]" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian system: nothing is installed here. In Debian's words nibble needs ${packages[*]}"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    # ' ok installed' and nothing else: a removed package whose configuration was kept is known to dpkg too.
    status=$(dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null || true)
    case $status in
    *' ok installed'*) ;;
    *) missing+=("$package") ;;
    esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif command -v sudo >/dev/null; then
    as_root=(sudo)
else
    echo "Some packages are missing and this is neither root nor is there a sudo. Have this run, then try again:" >&2
    echo "    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

echo "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run_apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null >"$log" 2>&1 || {
        tail -20 "$log" >&2
        echo "apt-get $* failed" >&2
        exit 1
    }
}
run_apt update -qq
run_apt install -y -qq --no-install-recommends "${missing[@]}"
