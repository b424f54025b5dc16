# busybox ash and its tools, one program for all of it.
busybox sh -c 'for i in 1 2 3; do echo $i; done | busybox awk "{s+=\$1} END {print s}"'
busybox sh -c 'f() { local x=$1; echo "f $x"; }; f a; trap "echo bye" EXIT; (exit 4); echo $?'
busybox sh -c 'sleep 50 & kill $!; wait $!; echo $?' 2>/dev/null
busybox sh -c 'x=abc; echo ${x#a} ${x%c} ${#x} $((3 * 4)); case $x in a*) echo a;; esac'
busybox sh -c 'set -e; false; echo no'; echo "set -e: $?"
busybox seq 5 | busybox sort -r | busybox head -n 2
busybox echo hello | busybox sed 's/l/L/g' | busybox tr a-z A-Z
busybox printf 'one\ntwo\n' | busybox grep -n two
busybox find / -maxdepth 1 -name tmp; busybox stat -c %a /tmp; busybox md5sum </dev/null
busybox dd if=/dev/zero bs=1k count=3 2>/dev/null | busybox wc -c
busybox mkdir -p a/b; busybox touch a/b/c; busybox ls -R a; busybox cp -r a z; busybox rm -r a; busybox ls
busybox basename /x/y; busybox dirname /x/y; busybox expr 2 + 3; busybox test 1 -lt 2 && echo less
busybox true && ! busybox false && echo logic
busybox timeout 1 busybox sleep 10; echo "timeout: $?"
busybox xargs -n 2 echo <<<"1 2 3 4 5"; busybox cut -d, -f2 <<<a,b,c; busybox uniq -c <<<x | busybox tr -s ' '
busybox sh <<'END'
i=0
while [ $i -lt 300 ]; do i=$((i + 1)); (exit 0); done
echo $i
cat <<X
here $i
X
END
busybox date -u -d @0 +%Y; busybox id -u
