# Pipelines: statuses, early ends, twenty stages, much data.
true | false | (exit 3) | true
echo "${PIPESTATUS[@]}"
set -o pipefail
(exit 2) | (exit 4) | true; echo "pipefail: $?"
set +o pipefail
yes | head -n 3
yes | head -n 100000 | wc -l
(yes; echo "never") 2>/dev/null | head -n 1
echo "${PIPESTATUS[0]}"
seq 1 100000 | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | tail -n 1
seq 1 20000 | awk '{s += $1} END {print s}'
dd if=/dev/zero bs=4096 count=1024 2>/dev/null | tr '\0' 'x' | wc -c
echo one | { read -r x; echo "read $x"; }
x=outer; echo inner | read -r x; echo "$x"
shopt -s lastpipe; set +m; echo inner | read -r x; echo "$x"
! true; echo "not: $?"
seq 5 | while read -r n; do [ "$n" = 3 ] && break; echo "$n"; done
cat <(seq 3) - <<<"four" | tee /dev/stderr 2>/dev/null | wc -l
{ echo out; echo err >&2; } 2>&1 | sort
{ echo out; echo err >&2; } |& sort
