# busybox tar, gzip and cpio over kinds of files.
mkdir -p src/dir
seq 1000 >src/numbers; ln src/numbers src/hard; ln -s numbers src/soft; mkfifo src/fifo
chmod 4711 src/numbers; chmod 700 src/dir; touch -d @1000000000 src/numbers src/dir
head -c 300000 /dev/zero >src/dir/zeros
busybox tar cf a.tar src/dir src/fifo src/numbers src/hard src/soft; busybox tar tf a.tar | sort
mkdir out; busybox tar xf a.tar -C out
(cd out && find src -printf '%M %n %y %l %p\n' | sort -k5)
stat -c '%Y %a' out/src/numbers
cmp src/dir/zeros out/src/dir/zeros && echo same
[ out/src/hard -ef out/src/numbers ] && echo linked
busybox tar czf b.tgz src/dir src/numbers src/hard && busybox gunzip -c b.tgz | busybox tar tf - | wc -l
busybox gzip -c src/dir/zeros | busybox gunzip | cmp - src/dir/zeros && echo same
find src -depth | busybox cpio -o -H newc 2>/dev/null >c.cpio
mkdir c && (cd c && busybox cpio -idm 2>/dev/null <../c.cpio; find . | sort)
busybox tar xf a.tar -O src/numbers | tail -n 1
head -c 1000 a.tar | busybox tar tf - >/dev/null 2>&1; echo "cut: $?"
