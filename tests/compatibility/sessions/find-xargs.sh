# find, xargs, sort, awk, sed, grep over a tree.
mkdir -p t/{one,two}/sub
for i in $(seq 200); do echo "line $i of file $((i % 7))" >"t/one/f$i"; done
for i in $(seq 20); do head -c $((i * 1000)) /dev/zero >"t/two/sub/z$i"; done
chmod 600 t/one/f1; ln -s f2 t/one/link; touch -d '2001-02-03 04:05:06' t/one/f3
find t -type f | wc -l
find t -name 'f1?' | sort
find t -size +15k -type f | sort
find t -perm 600
find t -type l -printf '%p -> %l\n'
find t ! -newermt 2002-01-01 -type f
find t -maxdepth 1 -mindepth 1 -type d | sort
find t/one -name 'f*' -print0 | xargs -0 cat | awk '{n[$5]++} END {for (k = 0; k < 7; k++) print k, n[k]}'
find t -type f | sort | xargs -n 50 | wc -l
find t/two -type f | sort | xargs -I{} -P 2 sh -c 'wc -c <{}' | sort -n | tail -n 3
seq 1000 | xargs -n 100 echo | awk '{print NF}' | sort | uniq -c
find t/one -name 'f*' -exec grep -l 'file 3$' {} + | wc -l
grep -rc line t/one | grep -v ':0' | wc -l
sed -n 's/line \([0-9]*\) of file 0/\1/p' t/one/f* | sort -n | head -n 5
sed -i 's/line/LINE/' t/one/f5; cat t/one/f5
grep -E 'LINE|file 6' t/one/f[56] | sort
awk 'BEGIN {while (("seq 5" | getline x) > 0) s += x; print s; "echo sub" | getline y; print y; system("exit 3")}'
find t -delete; ls
