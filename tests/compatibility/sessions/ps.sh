# procps on our own processes.
ps -o comm= -p $$
ps -o ppid= -p $$ | grep -q '^ *[0-9][0-9]*$' && echo has a parent
sleep 77 & child=$!
sleep 0.05
ps -o args= -p $child
ps -o stat= -p $child | cut -c1
[ "$(ps -o ppid= -p $child | tr -d ' ')" = $$ ] && echo "ours"
kill -STOP $child; sleep 0.05; ps -o stat= -p $child | cut -c1
pgrep -P $$ sleep | wc -l
kill -CONT $child
pkill -P $$ sleep; wait $child 2>/dev/null; echo "pkill: $?"
ps -p $child >/dev/null; echo "gone: $?"
nice -n 1 sleep 78 & child=$!
sleep 0.05
echo $(($(ps -o ni= -p $child) - $(nice)))
renice -n 19 -p $child >/dev/null; ps -o ni= -p $child | tr -d ' '
cat /proc/$child/comm; tr '\0' ' ' </proc/$child/cmdline; echo
readlink /proc/$child/exe | sed 's|.*/||'
[ "$(readlink /proc/$child/cwd)" = "$PWD" ] && echo cwd
grep -c . /proc/$child/status >/dev/null && grep -E '^(Name|State|Threads):' /proc/$child/status
kill $child; wait $child 2>/dev/null
ps -e -o pid= | grep -qw 1 && echo init
free -m | head -n 1 | tr -s ' '
uptime -p | cut -c1-2
[ "$(nproc)" -ge 1 ] && echo processors
vmstat 2>/dev/null | sed -n 2p | tr -s ' ' | cut -c1-8
