# Process substitution over /dev/fd, and named pipes.
cat <(echo one) <(echo two)
comm -12 <(seq 1 2 20) <(seq 1 3 20) 2>/dev/null
paste <(seq 3) <(seq 4 6) -d+
echo through | tee >(tr a-z A-Z >upper) >/dev/null
for _ in $(seq 100); do [ -s upper ] && break; sleep 0.01; done
cat upper
while read -r n; do s=$((s + n)); done < <(seq 100)
echo "$s"
mkfifo f
cat f & echo "into the fifo" >f
wait
exec 5<> f
echo again >&5
read -r line <&5; echo "$line"
exec 5>&-
f() { cat "$1" "$1.x" 2>/dev/null; echo "$?"; }
f <(echo once)
