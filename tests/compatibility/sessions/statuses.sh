# How programs end: statuses, signals, limits, what cannot be run.
true; echo $?; false; echo $?; (exit 300); echo $?
/nonexistent 2>/dev/null; echo $?
: >plain; ./plain 2>/dev/null; echo $?
chmod +x plain; ./plain; echo "empty: $?"
mkdir dir; ./dir 2>/dev/null; echo $?
printf '#!/nonexistent\n' >bad; chmod +x bad; ./bad 2>/dev/null; echo $?
printf '#!/bin/sh\necho "$0 $*"\n' >good; chmod +x good; ./good a 'b c'
printf '#!/bin/echo first second\n' >args; chmod +x args; ./args third
printf 'echo no line above\n' >bare; chmod +x bare; ./bare
printf '\177ELFgarbage' >elf; chmod +x elf; ./elf 2>/dev/null; echo "elf: $?"
for s in HUP INT QUIT KILL USR1 SEGV PIPE ALRM TERM; do { sh -c "kill -$s \$\$"; } 2>/dev/null; echo "$s $?"; done
(ulimit -n 10; exec 3>a 4>b 5>c 6>d 7>e 8>f 9>g; exec 10>h) 2>/dev/null; echo "descriptors: $?"
{ (ulimit -f 1; head -c 5000 /dev/zero >big); } 2>/dev/null; echo "size: $?"; stat -c %s big
{ (ulimit -t 1; while :; do :; done); } 2>/dev/null; echo "time: $?"
{ (ulimit -v 100000; head -c 200000000 /dev/zero | tail -c 1 >/dev/null); } 2>/dev/null; echo "memory: $?"
ulimit -c
x=$(printf '%0130000d' 0); /bin/echo "$x" | wc -c; x=$x$x; /bin/echo "$x" >/dev/null 2>&1; echo "long: $?"
kill -l 9; kill -l TERM; kill -0 $$ && echo alive; kill -0 999999 2>/dev/null; echo "nobody: $?"
wait 12345 2>/dev/null; echo "not ours: $?"
bash -c 'exec -a other sh -c "echo \$0"'; bash -c 'exit' ; echo $?; command -v true >/dev/null && echo found
sh -c 'sleep 0.05 & exit 3'; echo $?; : | cat /nonexistent - 2>/dev/null; echo "${PIPESTATUS[*]}"
