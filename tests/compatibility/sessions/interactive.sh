# bash at a terminal: prompts, ^C, ^Z, jobs, fg, bg, history, ^D.
cat >dialogue <<'END'
wait $\x20
send echo typed $((1 + 1))\n
wait typed 2\r\n
wait $\x20
send sh -c "echo u''p; exec sleep 100"\n
wait up\r\n
send \x03
wait ^C
wait $\x20
send echo $?\n
wait 130\r\n
wait $\x20
send cat\n
wait cat
send echoed\n
wait echoed\r\n
wait echoed\r\n
send \x1a
wait Stopped
wait $\x20
send jobs\n
wait cat
wait $\x20
send fg\n
wait cat
send more\n
wait more\r\n
wait more\r\n
send \x04
wait $\x20
send false\n
wait $\x20
send echo status $?\n
wait status 1\r\n
wait $\x20
send exit 6\n
wait exit
END
export PS1='$ ' HISTFILE=
/t/pty-session dialogue bash --norc --noprofile --noediting -i
cat >dialogue <<'END'
wait $\x20
send sleep 0.2; echo one\n
wait one\r\n
wait one\r\n
wait $\x20
send cat | tr a-z A-Z\n
wait A-Z
send shout\n\x04
wait SHOUT\r\n
wait $\x20
send (trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.01; done)\n
wait done)
wait ready\r\n
send \x03
wait caught\r\n
wait $\x20
send \x04
wait exit
END
/t/pty-session dialogue bash --norc --noprofile --noediting -i
true
