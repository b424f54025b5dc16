# stty on a pseudo-terminal: settings, sizes, what is shown.
cat >dialogue <<'END'
wait ready\r\n
END
pty() { /t/pty-session dialogue bash -c "$1; echo ready"; }
pty 'stty -a | tr ";" "\n" | grep -E "^ *(rows|columns|intr|erase|eof|susp)"'
pty 'stty size; stty rows 40 cols 132; stty size'
pty 'stty raw -echo; stty -a | grep -oE -- "-?(icanon|isig|echo|opost|icrnl) " | sort; stty sane'
pty 'stty -g >saved; stty raw; stty "$(cat saved)"; stty -a | grep -oE -- "-?(icanon|isig) "'
pty 'stty intr ^X erase ^H min 3 time 2; stty -a | grep -oE "(intr|erase|min|time) = [^;]*"'
pty 'test -t 0 && test -t 1 && echo terminal; echo off | test -t 0 || echo not'
pty '[ "$(tty)" = "$(readlink /proc/self/fd/0)" ] && echo named'
cat >dialogue <<'END'
wait name?
send Ada\x7fa\n
wait hello
wait secret?
send hidden\n
wait got
wait end?
send last line\n\x04
wait done
END
/t/pty-session dialogue bash -c 'read -p "name? " n; echo "hello $n"; read -s -p "secret? " s; echo; echo "got ${#s}"; echo "end?"; cat | wc -c; echo done'
cat >dialogue <<'END'
wait waiting\r\n
size 50 100
wait resized
END
/t/pty-session dialogue bash -c 'trap "stty size; echo resized; exit" WINCH; echo waiting; while :; do sleep 0.02; done'
