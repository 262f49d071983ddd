#!/usr/bin/env bash
# Makes an exported folder the model that ships: one packed file and its card in Sources/CPRSRuntime/Resources.
#
#   Training/ship.sh WORK/export/cprs-nano            # bf16
#   Training/ship.sh WORK/export/cprs-nano int8
#
# Needs .build/release/cprs. Afterwards build again, and take the README's example anew.
set -euo pipefail
folder=$(realpath "$1")
precision=${2:-bf16}
cd "$(dirname "$0")/.."
resources=Sources/CPRSRuntime/Resources
limit=40000000

if ! cmp -s "$folder/tokenizer.json" Tests/Fixtures/model/tokenizer.json; then
    echo "$folder has another tokenizer than Tests/Fixtures/model: run Tests/Fixtures/make_model.py first" >&2
    exit 1
fi
file=$(mktemp -d)/default-model.cprs
trap 'rm -rf "$(dirname "$file")"' EXIT
.build/release/cprs pack "$folder" --precision "$precision" -o "$file"
.build/release/cprs inspect "$file" --verify | tail -1
if [ "$(stat -c %s "$file")" -gt $limit ]; then
    echo "the file has $(stat -c %s "$file") bytes; at most $limit ship" >&2
    exit 1
fi
rm -rf "$resources/default-model.cprs"
mv "$file" "$resources/default-model.cprs"
chmod 644 "$resources/default-model.cprs"
cp "$folder/MODEL_CARD.md" "$resources/MODEL_CARD.md"
# SwiftPM does not put a file where it copied a folder before.
rm -rf .build/release/cprs_CPRSRuntime.resources
echo "$resources/default-model.cprs and MODEL_CARD.md are written"
