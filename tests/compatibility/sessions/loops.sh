# Many forks: loops, subshells, substitutions.
n=0; for ((i = 0; i < 1000; i++)); do n=$((n + 1)); done; echo $n
n=0; for i in $(seq 1000); do (exit $((i % 3))) || n=$((n + 1)); done; echo $n
s=0; for i in $(seq 300); do s=$((s + $(echo "$i"))); done; echo $s
for i in $(seq 200); do /bin/true || echo failed; done; echo forked
for i in $(seq 60); do (sleep 0.01; echo "$i") & done | sort -n | tail -n 1
wait
i=0; while read -r line; do i=$((i + ${#line})); done < <(seq 2000); echo $i
until [ ${#x} -ge 500 ]; do x+=abcde; done; echo ${#x}
f() { (($1 == 0)) && return; f $(($1 - 1)); }; f 200; echo deep
( ( ( ( exit 5 ) ) ) ); echo $?
echo $(echo $(echo $(echo $(echo nested))))
for i in 1 2 3; do for j in 1 2 3; do ((j == 2)) && continue 2; echo "$i$j"; done; done
for i in $(seq 100); do echo x >>appended & done; wait; wc -l <appended
