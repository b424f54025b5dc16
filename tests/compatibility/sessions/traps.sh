# Traps: signals, EXIT, ERR, DEBUG, and what a subshell keeps of them.
trap 'echo usr1' USR1
trap 'echo exit $?' EXIT
kill -USR1 $$
(kill -USR1 $BASHPID; echo not reached)
echo "subshell: $?"
trap '' USR1
kill -USR1 $$
(kill -USR1 $BASHPID; echo ignored in a subshell too)
sh -c 'kill -USR1 $$; echo ignored after exec'
trap - USR1
bash -c 'kill -TERM $$'; echo "term: $?"
bash -c 'trap "echo got int; exit 5" INT; kill -INT $$; echo no'; echo "int: $?"
bash -c 'trap "echo err at \$LINENO" ERR; false; true; (exit 3); echo end'
bash -c 'trap "echo bye" EXIT; exec true'; echo "exec: $?"
bash -c 'trap "echo bye" EXIT; exit 9'; echo "exit: $?"
bash -c 'set -e; trap "echo failed with \$?" EXIT; false; echo no'; echo "set -e: $?"
trap 'echo chld' CHLD
true & wait $!
trap - CHLD
# a signal while wait waits; without an EXIT trap, which a subshell of bash now and then runs too
trap - EXIT
trap 'echo woken' USR2
me=$$
sh -c "sleep 0.1; kill -USR2 $me" &
helper=$!
sleep 5 &
sleeper=$!
wait $sleeper; echo "wait: $?"
kill $sleeper; wait $sleeper; echo "sleeper: $?"
wait $helper
trap -p
f() { trap 'echo return' RETURN; echo in f; }
f
trap "echo last; exit 0" EXIT
exit 4
