# dd, and files with holes.
seq 1 10000 >in
dd if=in of=out bs=512 2>/dev/null; cmp in out && echo same
dd if=in of=out bs=100 skip=3 count=2 2>/dev/null; head -c 40 out; echo
dd if=in bs=1k count=1 conv=ucase status=none | tail -c 20
dd if=/dev/zero of=hole bs=1 count=1 seek=1048575 status=none; stat -c '%s' hole
[ "$(stat -c '%b' hole)" -lt 100 ] && echo sparse
cmp hole <(head -c 1048576 /dev/zero) && echo zeros
dd if=in of=hole bs=16 seek=10 count=1 conv=notrunc status=none; stat -c '%s' hole
dd if=in of=app oflag=append conv=notrunc status=none; dd if=in of=app oflag=append conv=notrunc status=none
wc -c <app
truncate -s 100 app; wc -c <app; truncate -s +50 app; wc -c <app
dd if=/dev/full of=x bs=1 count=1 status=none; od -An -tx1 x
echo x >/dev/full; echo "full: $?"
dd if=/dev/urandom bs=1k count=64 status=none | wc -c
dd if=in bs=4k iflag=fullblock status=none | cksum
seq 5 | dd conv=block cbs=4 status=none | tr ' ' .; echo
cp --sparse=always hole hole2; cmp hole hole2 && echo same
split -n 4 in part.; cat part.* | cmp - in && echo same; ls part.*
