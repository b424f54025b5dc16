# image programs 1G 300
# strace: what it prints of calls, signals, children, threads; faults that it injects.
s() { strace -qq -o log "$@"; }
s -e trace=openat,read,close cat /etc/hostname | cat; grep -A2 hostname log
s -e trace=write sh -c 'echo hello'; cat log
s -e trace=%process -f sh -c '(exit 3); true' ; sed -E 's/[0-9]{2,}/N/g; s/0x[0-9a-f]+/P/g' log | grep -oE 'exit_group\([0-9]|exited' | sort | uniq -c | tr -s ' '
{ s -e trace=none -e signal=all sh -c 'kill -USR1 $$'; } 2>/dev/null; echo $?; sed -E 's/si_[pu]id=[0-9]+/si_xid=N/g' log
s -e trace=kill sh -c 'trap "echo got" USR1; kill -USR1 $$'; sed -E 's/[0-9]{2,}/N/; s/si_[pu]id=[0-9]+/si_xid=N/g' log | tr -s ' '
s -f -e trace=exit_group xargs -P 3 -n 1 sh -c 'exit $0' <<<'0 0 0'; grep -c 'exit_group.*= ?' log
s -c -S calls -e trace=close true; grep -c close log; s -c -f sh -c 'ls / | wc -l' >/dev/null; tail -n 1 log | tr -s ' ' | cut -d' ' -f 5-
s -y -e trace=write sh -c 'echo x >file'; sed 's|<.*/|<|' log; s -yy -e trace=read head -c 1 /dev/zero >/dev/null; grep -o '<.*>' log | tail -n 1
s -e trace=%stat stat -c %s /etc/hostname >/dev/null; grep -c hostname log; s -e trace=%file -e status=failed cat /none 2>/dev/null; grep none log
s -P /etc/hostname cat /etc/hostname; grep -cE '^(openat|close)' log; s -e trace=nanosleep,clock_nanosleep sleep 0.01; sed -E 's/0x[0-9a-f]+/P/' log; s -T -e trace=clock_nanosleep sleep 0.05; grep -cE '<0\.0[5-9]|<0\.[1-9]' log
s -e inject=unlinkat:error=EPERM rm -f /none; echo $?; s -e trace=getcwd -e inject=getcwd:error=ENOMEM:when=1 /bin/pwd 2>/dev/null; cat log | sed 's/0x[0-9a-f]*/P/'; s -e inject=write:retval=5 -e trace=write sh -c 'echo lost'; cat log
{ s -e inject=write:signal=TERM sh -c 'echo x; echo after' >out; } 2>/dev/null; echo $?; s -e fault=openat:error=ENFILE:when=3+ cat /etc/hostname 2>/dev/null; echo $?; s -e inject=fsync:delay_enter=100000 -T -e trace=fsync sync file; grep -cE '<0\.0[5-9]|<0\.[1-9]' log
s -k -e trace=getppid sh -c 'echo $PPID' >/dev/null; grep -c getppid log; s -s 5 -e trace=write echo 'long text here'; cat log; s -x -e trace=write printf 'a\001\377' >out; cat log; s -xx -e trace=write echo a; cat log
s -v -e trace=uname uname -s; grep -o 'sysname="Linux"' log; s -e raw=close -e trace=close true; head -n 1 log; s -a 20 -n -e trace=geteuid id -u; tr -s ' ' <log; s -r -e trace=geteuid id -u; grep -c geteuid log; s -ttt -e trace=geteuid id -u; grep -cE '^[0-9]{10}\.' log
strace -qq -D -o log -e trace=write echo daemon; sleep 0.3; cat log; strace -V | head -n 1 | cut -d' ' -f1-3; s nonexistent 2>/dev/null; echo $?; s sh -c 'exit 9'; echo $?; { s sh -c 'kill -KILL $$'; } 2>/dev/null; echo $?; tail -n 1 log
(sleep 2; sleep 1; exit 5) & p=$!; strace -qq -f -o log -e trace=exit_group -p $p; wait $p; echo "attached: $?"; sed -E 's/^[0-9]+ +//; s/si_pid=[0-9]+/si_pid=N/; s/, si_utime.*/}/' log
sh -c 'while :; do sleep 0.05; done' & p=$!; timeout 3 strace -qq -f -o log -e trace=wait4 -p $p; kill -0 $p && echo lives; kill $p; wait $p 2>/dev/null; [ "$(grep -c wait4 log)" -gt 2 ] && echo traced
s -ff -o each -e trace=write sh -c 'echo a; (echo b); sh -c "echo c"' ; cat each.* | sort | grep write; s -f -e trace=clone,clone3,vfork,fork,execve --decode-pids=comm sh -c 'true; /bin/true'; grep -c 'execve(' log; s -b execve -f -e trace=write sh -c 'echo in; exec echo out'; sed 's/^[0-9]* *//' log
s -e trace=write -e write=1 echo dump; cat log; s -e trace=%net true; wc -l <log; s -e trace=/^get.id getent passwd root | wc -l; s -u nobody -e trace=geteuid id -un; s -E X=y -e trace=none sh -c 'echo $X'
mkfifo p; (sleep 0.2; echo x >p) & s -e trace=read -Z cat p; wait; s -e trace=select,pselect6,poll,ppoll sh -c 'timeout 0.1 sleep 5'; s -f -e trace=futex,clone3 zstd -q -T2 -c /bin/bash >/dev/null; [ "$(grep -c clone3 log)" -ge 1 ] && echo threads; s -w -c -e trace=clock_nanosleep sleep 0.02; grep -c nanosleep log
