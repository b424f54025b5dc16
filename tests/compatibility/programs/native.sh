# image programs 1G 300 long
# Static programs of Go and of Rust: threads, channels, sockets, children, signals, files.
/t/native/go-program; echo "go: $?"; /t/native/go-program panic >/dev/null 2>err; echo "go: $?"; head -n 1 err
for n in 1 2 8; do GOMAXPROCS=$n /t/native/go-program | md5sum; done; GOGC=5 GODEBUG=madvdontneed=0 /t/native/go-program | md5sum
/t/native/rust-program; echo "rust: $?"; { /t/native/rust-program abort >/dev/null; } 2>/dev/null; echo "rust: $?"
