# The everyday tools on files of every kind.
umask 022
mkdir -p d/e; seq 20 >d/n; cp -a d copy; find copy | sort
cp -l d/n hard; [ hard -ef d/n ] && echo linked; stat -c '%h %s %a %F' hard
mv d/n d/m; ls d; ln -s m d/l; readlink d/l; readlink -f d/l | sed 's|.*/d/|d/|'
chmod u=rwx,g=rx,o= d/m; stat -c %A d/m; chmod +t d/e; stat -c %A d/e; chmod 2755 d/e; stat -c %A d/e
touch -d '2010-01-02 03:04:05.678' d/m; TZ=UTC stat -c '%y' d/m; touch -r d/m d/t; [ d/t -nt d/m ] || echo same age
install -m 640 -D d/m deep/er/file; stat -c '%a %n' deep/er/file
mkdir d 2>/dev/null; echo "exists: $?"; rmdir d 2>/dev/null; echo "full: $?"
rm -r copy; test -d copy; echo "gone: $?"
printf 'b 2\na 1\nc 3\na 1\n' | sort | uniq -c | tr -s ' '
printf 'k1 x\nk2 y\n' >j1; printf 'k1 p\nk2 q\n' >j2; join j1 j2
seq 10 | paste -sd, ; seq 3 | tac; seq 3 | nl -w2; echo 'fold this line' | fold -w 5; echo
cut -d: -f1,3 <<<a:b:c; tr -d aeiou <<<vowels; tr a-z n-za-m <<<rotate; rev <<<abc 2>/dev/null
wc d/m; head -n 2 d/m; tail -c 5 d/m; od -c d/m | head -n 1; md5sum <d/m; sha256sum <d/m; cksum <d/m
basename /x/y.z .z; dirname /x/y.z; expr 3 + 4; expr abc : 'a\(.*\)'; factor 1234567; seq -s' ' 1 3 10
mktemp -d x.XXXX | wc -c; realpath . | sed 's|.*/||'; echo "a b" | xargs -n1
date -u -d @1234567890 '+%F %T'; printf '%s\n' x y z | shuf | sort | tr -d '\n'; echo
numfmt --to=iec 1048576; test 3 -gt 2 && echo greater; [ -x d/m ] && echo executable
timeout 0.1 sleep 5; echo "timeout: $?"; { timeout -s KILL 0.1 sleep 5; } 2>/dev/null; echo "killed: $?"
echo $(($(nice -n 1 nice) - $(nice))); nohup echo kept 2>/dev/null; env -i A=1 env; env -u HOME sh -c 'echo ${HOME-none}'
mkfifo p; stat -c %F p; mknod n c 1 3; stat -c '%F %t %T' n; echo x >n; cat n
df . | wc -l; du -s d >/dev/null && echo du; sync && echo synced; id -u; logname 2>/dev/null; uname -s; uname -m
yes abc | head -c 10; echo; sleep 0.01; tee t1 t2 <<<split >/dev/null; cmp t1 t2 && echo equal
comm -3 <(seq 3) <(seq 2 4); csplit -s -f part - 3 < <(seq 5); cat part01; stdbuf -oL echo unbuffered
