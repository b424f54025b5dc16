# image programs 1G 300
# strace that lets a seccomp filter choose what stops.
s() { strace -qq -o log "$@"; }
s --seccomp-bpf -f -e trace=write sh -c 'echo filtered; (echo child)' ; cat log | grep -o 'write.*' | sort
