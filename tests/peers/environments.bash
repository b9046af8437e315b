# Sourced by the scripts here, after $here (this folder) and $peers (the folder of the Python environments) are set.

skip() {
    echo "skipped: $*"
    exit 77
}

# make_environment NAME: $peers/NAME from requirements-NAME.txt, made anew when that file has changed.
make_environment() {
    local folder=$peers/$1 requirements=$here/requirements-$1.txt
    if cmp -s "$requirements" "$folder/requirements.txt"; then
        return
    fi
    command -v python3 >/dev/null || skip "python3 is not installed"
    rm -rf "$folder"
    mkdir -p "$peers"
    echo "making $folder"
    python3 -m venv "$folder" >/dev/null 2>&1 || skip "python3 has no venv (apt-get install python3-venv)"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --retries 1 -r "$requirements" ||
        skip "pip cannot install $(tr '\n' ' ' <"$requirements")(is PyPI reached?)"
    cp "$requirements" "$folder/requirements.txt"
}

# build_nibble SOURCE NIBBLE: the release build, unless the program is there.
build_nibble() {
    [ -x "$2" ] || (cd "$1" && cmake --preset release && cmake --build --preset release) >/dev/null
}
