# A coprocess: two pipes and a child.
coproc up { while read -r line; do echo "${line^^}"; done; }
pid=$up_PID
for word in one two three; do
	echo "$word" >&"${up[1]}"
	read -r answer <&"${up[0]}"
	echo "$answer"
done
eval "exec ${up[1]}>&-"
wait $pid; echo "ended: $?"
coproc cat
echo direct >&"${COPROC[1]}"
read -r answer <&"${COPROC[0]}"; echo "$answer"
pid=$COPROC_PID
kill $pid
wait $pid 2>/dev/null; echo "killed: $?"
