#!/usr/bin/env bash
# Try a fresh clone of HEAD on another Python.
#
#   tests/compat.sh --python /path/to/python3.13 [TARGET ...]   on this system
#   tests/compat.sh --debian trixie [TARGET ...]                in a bare Debian, with its Python
#
# TARGET is what make is asked for; without any it is `test`. The bare Debian is made by mmdebstrap
# in a temporary folder and needs root; it gets what the README asks of a machine and nothing else.
# BARE=1 leaves out the libraries that RDKit draws with, to see what the doctor says.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-}
name=${2:-}
[ "$#" -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
shift 2
targets=${*:-test}
place=$(mktemp -d "${TMPDIR:-/tmp}/book compat ü XXXXXX")

case "$kind" in
--python)
    trap 'rm -rf "$place"' EXIT
    git clone --quiet --local . "$place/a book"
    cd "$place/a book"
    # shellcheck disable=SC2086
    env -u VIRTUAL_ENV -u PYTHONPATH make $targets PYTHON="$name"
    ;;
--debian)
    [ "$(id -u)" = 0 ] || { echo "error: a Debian of its own needs root" >&2; exit 1; }
    command -v mmdebstrap >/dev/null || { echo "error: apt-get install mmdebstrap" >&2; exit 1; }
    root=$(mktemp -d)
    trap 'umount "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root" "$place"' EXIT
    packages=ca-certificates,git,make,python3,python3-venv
    [ -n "${BARE:-}" ] || packages+=,libx11-6,libxext6,libxrender1,libexpat1
    mmdebstrap --quiet --variant=minbase --include="$packages" "$name" "$root"
    # What lets this machine reach a package index: names, certificates, pip's own configuration.
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    cp -L --remove-destination /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    git clone --quiet --local --no-hardlinks . "$root/a book ü"
    mount -t proc proc "$root/proc"
    chroot "$root" /usr/bin/env -u VIRTUAL_ENV -u PYTHONPATH HOME=/root LC_ALL=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash -c "cd '/a book ü' && git config --global --add safe.directory '*' && make $targets"
    ;;
*)
    echo "error: the first word is --python or --debian, not '$kind'" >&2
    exit 2
    ;;
esac
