#!/bin/sh
# Print the newest Python of this machine that fits, or the one that is there if none does: then
# book/_tools/doctor.py says in a sentence what is wrong with it. A name on the PATH may be a shim
# that does not run, so each is tried.
for version in 3.14 3.13 3.12 3.11; do
    for name in "python$version" python3 python; do
        found=$(command -v "$name" 2>/dev/null) || continue
        if "$found" -c "import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" \
            >/dev/null 2>&1; then
            echo "$found"
            exit 0
        fi
    done
done
# One name at a time: `command -v` of some shells looks at its first argument only.
for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
    found=$(command -v "$name" 2>/dev/null) || continue
    if "$found" -c "" >/dev/null 2>&1; then
        echo "$found"
        break
    fi
done
