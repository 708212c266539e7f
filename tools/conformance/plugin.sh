#!/bin/sh
# The plug-in as one executable, for --plugin_path of bpf_conformance_runner; PYTHON names the interpreter to use.
exec "${PYTHON:-python3}" "$(dirname "$0")/plugin.py" "$@"
