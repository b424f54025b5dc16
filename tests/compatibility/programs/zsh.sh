# image programs 1G 300
# zsh: what other shells lack: globs with qualifiers, arrays, modules, a terminal with zle.
z() { zsh -f "$@"; }
z -c 'a=(one two three); print $#a $a[1] $a[-1] ${(j:-:)a} ${(U)a[2]} ${a[2,3]} ${(o)a}'
z -c 'typeset -A h; h=(x 1 y 2); for k in ${(ok)h}; do print $k=$h[$k]; done'
mkdir -p d/e; touch d/b d/a d/e/c; ln -s a d/l; chmod 755 d/b
z -c 'print d/**/*(.); print d/*(/); print d/*(@); print d/*(x.); print d/*(On[1]); setopt extendedglob; print d/^a*'
z -c 'print nothing*' 2>/dev/null; echo "no match: $?"
z -c 'x=/usr/lib/file.tar.gz; print $x:h $x:t $x:r $x:e ${x:s/lib/bin/} ${(s:/:)x}'
z -c 'for i in {1..3} {a..c}; print -n "$i "; print; repeat 3 print -n x; print'
z -c 'f() { emulate -L sh; print $0 $1 $ARGC }; f a b; { print try; false } always { print always }'
z -c 'print $((2 ** 10)) $((1.0 / 4)) $((16#ff)) $(( [#2] 5 )); zmodload zsh/mathfunc; print $((int(sqrt(17))))'
z -c 'zmodload zsh/stat; zstat -H s d/b; print $s[size] $(( s[mode] & 8#777 )); zmodload zsh/datetime; (( EPOCHSECONDS > 1000 )) && print clock'
z -c 'zmodload zsh/system; sysopen -r -u 5 d/b; sysread -i 5 x; print $?; print ${#SYSPARAMS}; syserror -p "x: " 2 2>&1'
z -c 'zmodload zsh/zpty; zpty p "tr a-z A-Z"; zpty -w p hello; zpty -r p x "*HELLO*" && print pty; zpty -d p'
z -c 'zmodload zsh/net/socket; zsocket -l s && l=$REPLY; zsocket s && c=$REPLY; zsocket -a $l && a=$REPLY; print hi >&$c; read -u $a x; print got $x'
z -c 'zmodload zsh/zselect; { sleep 0.1; print x } | { zselect -r 0 -t 1000; print $reply }'
z -c 'diff =(print a) <(print b) | tail -n 2; cat <<<here; print -l a b >f1 >f2; cat f1 f2; cat <f1 <f2 | wc -l'
z -c 'coproc tr a-z A-Z; print -p lower; coproc exit; read -p x; print $x'
z -c 'TRAPUSR1() { print caught $1 }; kill -USR1 $$; trap "print bye" EXIT; kill -TERM $$ ; print no'; echo $?
z -c 'sleep 50 & p=$!; kill $p; wait $p; print $?' 2>/dev/null
z -c 'print -P "%n %(?.ok.bad) %~" | cut -d" " -f1,2; printf "%q\n" "a b" ; print -r -- ${(q)x::="it'"'"'s"}'
z -c 'fpath=($PWD); print "print loaded \$1" >auto; autoload auto; auto 1; zcompile auto; ls auto.zwc'
z -c 'autoload -Uz zmv; zmv -n "(*)1" "\$1x"'
z -c 'i=0; while ((i++ < 100)) (true); print $i'
cat >dialogue <<'X'
wait exo#
send print $((20 + 1))\n
wait 21
wait exo#
send sh -c 'echo u''p; exec cat'\n
wait up
send \x1a
wait suspended
wait exo#
send fg\n
wait continued
send echoed\n
wait echoed
wait echoed
send \x03
wait exo#
send print left=$?\n
wait left=130
wait exo#
send \x04
X
TERM=dumb /t/pty-session dialogue zsh -f -i >out; tail -n 1 out
cat >dialogue <<'X'
wait exo#
send print tw\x01\x0bprint one\x19\x02\n
wait one
send exit 4\n
X
TERM=vt100 /t/pty-session dialogue zsh -f -i >out; tail -n 1 out
