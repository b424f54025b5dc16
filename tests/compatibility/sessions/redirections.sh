# Descriptors: order, duplication, append, noclobber, read and write on one.
{ echo out; echo err >&2; } >both 2>&1; cat both
{ echo out; echo err >&2; } 2>&1 >only; cat only
exec 3>three; echo to three >&3; echo more >&3; exec 3>&-; cat three
echo closed 2>/dev/null >&3; echo "closed: $?"
exec 4<three; read -r a <&4; read -r b <&4; echo "$a/$b"; exec 4<&-
printf abcdef >rw; exec 5<>rw; read -r -n 2 x <&5; printf XY >&5; exec 5>&-; cat rw; echo
echo one >app; echo two >>app; cat app
set -C; echo no >app 2>/dev/null; echo "noclobber: $?"; echo yes >|app; cat app; set +C
(echo inner >&6) 6>six; cat six
exec 7>&1; exec >captured; echo hidden; exec >&7; cat captured
ls /nonexistent 2>/dev/null || echo failed
cat <nonexistent 2>/dev/null || echo no input
: >empty; [ -s empty ] || echo empty
echo "${BASH_VERSION%%.*}" >/dev/null; echo to stderr >&2
for fd in {10..40}; do eval "exec $fd>fd$fd"; echo $fd >&$fd; done; cat fd40 fd10
for fd in {10..40}; do eval "exec $fd>&-"; done; ls /proc/self/fd | tr '\n' ' '; echo
read -r -t 0.05 x < <(sleep 1); [ $? -gt 128 ] && echo timed out
exec 8</dev/null; read -r x <&8; echo "end: $?"
sh -c 'echo $0 $1 >&2' zero one 2>&1
