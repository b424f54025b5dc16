# bash at a terminal: prompts, ^C, ^Z, jobs, fg, bg, history, ^D.
cat >dialogue <<'END'
wait $ 
send echo typed $((1 + 1))\n
wait typed 2
wait $ 
send sh -c "echo u''p; exec sleep 100"\n
wait up
send \x03
wait ^C
wait $ 
send echo $?\n
wait 130
wait $ 
send cat\n
wait cat
send echoed\n
wait echoed
wait echoed
send \x1a
wait Stopped
wait $ 
send jobs\n
wait cat
wait $ 
send fg\n
wait cat
send more\n
wait more
wait more
send \x04
wait $ 
send false\n
wait $ 
send echo status $?\n
wait status 1
wait $ 
send exit 6\n
wait exit
END
export PS1='$ ' HISTFILE=
/t/pty-session dialogue bash --norc --noprofile --noediting -i
cat >dialogue <<'END'
wait $ 
send sleep 0.2; echo one\n
wait one
wait one
wait $ 
send cat | tr a-z A-Z\n
wait A-Z
send shout\n\x04
wait SHOUT
wait $ 
send (trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.01; done)\n
wait done)
wait ready
send \x03
wait caught
wait $ 
send \x04
wait exit
END
/t/pty-session dialogue bash --norc --noprofile --noediting -i
true
