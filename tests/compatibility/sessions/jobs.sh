# Job control without a terminal: set -m gives every job a group of its own.
set -m
exec 2>/dev/null # when bash tells of a job that ended is a matter of luck
state() { ps -o stat= -p "$1" | cut -c1; }
until_state() { for _ in $(seq 200); do [ "$(state "$1")" = "$2" ] && return; sleep 0.01; done; echo "never $2"; }
sleep 100 &
first=$!
sleep 200 &
second=$!
jobs
[ "$(ps -o pgid= -p $first | tr -d ' ')" = "$first" ] && echo "a group of its own"
kill -STOP %1
until_state $first T
jobs %1
kill -CONT %1
until_state $first S
jobs %1
kill %2
wait $second
echo "second: $?"
kill -9 %1
wait $first
echo "first: $?"
jobs
(exit 7) &
wait $!
echo "third: $?"
sleep 0.05 &
fg %% >/dev/null
echo "foreground: $?"
sleep 300 &
disown %%
jobs
kill $!
(sleep 0.1; exit 3) & first=$!
(while kill -0 $first; do sleep 0.02; done 2>/dev/null; exit 4) &
wait -n; echo "next: $?"
wait -n; echo "next: $?"
wait -n; echo "none: $?"
