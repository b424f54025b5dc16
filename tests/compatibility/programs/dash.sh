# image programs 1G 300
# dash: the language, children, signals, here documents.
dash -c 'for i in 1 2 3; do echo $i; done | while read -r x; do echo "got $x"; done'
dash -c 'f() { local x=$1; shift; echo "$x:$#"; return 3; }; f a b c; echo $?'
dash -c 'x=abc.tar.gz; echo ${x#*.} ${x##*.} ${x%.*} ${x%%.*} ${#x} ${y:-none} ${x:+set}; : ${y:=new}; echo $y'
dash -c 'echo $((1 << 4 | 3)) $((0x1f)) $((010)) $((7 % 3)) $((2 > 1 ? 5 : 6))'
dash -c 'set -e; false || echo caught; false; echo not here'; echo "set -e: $?"
dash -c 'set -u; echo $nothing' 2>/dev/null; echo "set -u: $?"
dash -c 'trap "echo leaving" EXIT; trap "echo usr1" USR1; kill -USR1 $$; echo after; exit 5'; echo $?
dash -c 'sleep 50 & kill -TERM $!; wait $!; echo $?' 2>/dev/null
dash -c 'trap "" INT; kill -INT $$; echo ignored; trap - INT; kill -INT $$; echo no'; echo $?
dash -c 'cat <<A; cat <<-"B"
one $((1 + 1))
A
	two $x
	B'
dash -c 'exec 3>file; echo three >&3; exec 3>&-; cat <file; echo x >&3' 2>/dev/null; echo "closed: $?"
dash -c 'set -C; echo a >file' 2>/dev/null; echo "noclobber: $?"
dash -c 'umask 077; : >private; ls -l private | cut -c1-10; umask 022; : >public; ls -l public | cut -c1-10'
dash -c 'getopts ab: o -a -b val; echo $o; getopts ab: o -a -b val; echo $o $OPTARG $OPTIND'
dash -c 'ulimit -n 16; i=3; while eval "exec $i</dev/null"; do i=$((i + 1)); done 2>/dev/null; echo stopped'; echo $?
dash -c 'cd /; cd - >/dev/null; pwd | grep -c session; command -v cd; type type; hash ls; unset x; readonly r=1; (r=2) 2>/dev/null; echo $?'
dash -c 'case abc in [!a]*) echo no;; a?c|x) echo yes;; esac; echo "$(printf "%s-" a b "c d")"; printf "%05d %x %o %c|\n" 42 255 8 xyz'
dash -c 'i=0; while [ $i -lt 200 ]; do i=$((i + 1)); x=$(echo $i); (exit 0); done; echo $x'
dash -c 'times >/dev/null && echo times; read -r a b <<X; echo "$b|$a"
first second third
X'
dash -c 'set -m; sleep 60 & jobs | grep -c Running; kill -STOP $!; sleep 0.2; jobs | grep -c Stopped; kill -KILL $!; wait $! ; echo $?' 2>/dev/null
dash -n -c 'if true; then' 2>/dev/null; echo "syntax: $?"
dash -c '/nonexistent' 2>/dev/null; echo $?; dash -c '/tmp' 2>/dev/null; echo $?; echo 'exit 9' | dash; echo $?
