# image programs 1G 300
# GNU tar, gzip, xz (with threads), zstd (with threads).
mkdir -p src/dir/deep; seq 20000 >src/numbers; ln src/numbers src/hard; ln -s numbers src/soft; mkfifo src/fifo
chmod 4755 src/numbers; chmod 700 src/dir; head -c 500000 /dev/zero >src/dir/zeros; truncate -s 3M src/sparse; echo end >>src/sparse
printf 'x%.0s' {1..150} >name; mkdir "src/$(cat name)"; touch "src/$(cat name)/$(cat name)"; touch -d @1000000000 src/numbers src/dir
for format in gnu pax ustar v7; do tar -c --format=$format -f $format.tar src 2>/dev/null; echo "$format $?"; tar -tf $format.tar | sort | wc -l; done
tar -c --sparse -f sparse.tar src/sparse; [ "$(stat -c %s sparse.tar)" -lt 100000 ] && echo sparse
mkdir out; tar -xpf gnu.tar -C out; (cd out && find src -printf '%M %n %y %l %s %P\n' | grep -v '^d' | sort -k6 | cut -c1-60)
stat -c '%Y %a' out/src/numbers out/src/dir; tar -df gnu.tar && echo same; echo x >>src/numbers; tar -df gnu.tar | sed "s,.*: ,,"; echo "diff: ${PIPESTATUS[0]}"
tar -uf gnu.tar src; tar -tf gnu.tar | wc -l; tar --delete -f gnu.tar src/soft; tar -tf gnu.tar | grep -c soft
tar -cf - src | tar -xf - -C out --transform 's|^src|moved|' --exclude zeros; find out/moved | wc -l; [ out/moved/hard -ef out/moved/numbers ] && echo linked
tar -cf inc.tar --listed-incremental=snap src; echo new >src/new; tar -cf inc2.tar --listed-incremental=snap src; tar -tf inc2.tar | sort | cut -c1-40
for z in gzip xz zstd; do tar -c --$z -f a.$z src; tar -xOf a.$z src/new; tar -tf a.$z | wc -l; head -c 1000 a.$z >cut.$z; tar -tf cut.$z >/dev/null 2>&1; echo "cut: $?"; done
cp src/numbers n; gzip -9k n; gzip -l n.gz | tail -n 1 | tr -s ' ' | cut -d' ' -f3-; gzip -t n.gz && zcat n.gz | cmp - n && echo same; zgrep -c 99 n.gz; gunzip -c n.gz | md5sum
gzip n 2>/dev/null </dev/null; echo "exists: $?"; gzip -cd n.gz n.gz | wc -l; echo junk | gzip -d 2>/dev/null; echo $?
cat src/numbers src/numbers src/numbers >big; for t in 1 2 4; do xz -T$t -3 -k -c --block-size=100KiB big >b$t.xz; xz -t b$t.xz && xz -dc -T$t b$t.xz | cmp - big && echo "xz $t"; done
xz --robot -l b2.xz | grep -c block; xzgrep -c 777 b1.xz; xz --format=lzma -c big | xz -dc | md5sum
for t in 1 2 4; do zstd -q -T$t -6 -f big -o b$t.zst; zstd -q -t b$t.zst && zstd -dc b$t.zst | cmp - big && echo "zstd $t"; done
zstd -q --long -19 -c src/new | zstd -dc; zstd -q --train src/dir/zeros src/new 2>/dev/null; echo "train: $?"; zstdcat b1.zst | tail -n 1; zstd -q --adapt -c big | zstd -dc | md5sum
{ (ulimit -f 10; xz -c -0 /bin/bash >limited); } 2>/dev/null; echo "limited: $?"; xz -M 1MiB -9 -c big 2>/dev/null >/dev/null; echo $?; tar -cf /dev/full src 2>/dev/null; echo $?
head -c 200000 /dev/urandom >rnd; split -b 64k rnd part.; tar -cf p.tar part.*; mkdir q; tar -xf p.tar -C q; cat q/part.* | cmp - rnd && echo random; tar -cML 100 -f v1 -f v2 -f v3 rnd </dev/null >/dev/null 2>&1; tar -xMOf v1 -f v2 -f v3 2>/dev/null | cmp - rnd && echo volumes
