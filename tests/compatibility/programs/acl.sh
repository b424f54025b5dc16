# image programs 1G 300
# setfacl, getfacl, and what copies or shows ACLs.
umask 022; as() { local u=$1; shift; setpriv --reuid "$u" --regid "$u" --clear-groups "$@" 2>/dev/null; echo "$u: $?"; }
chmod 755 .; echo text >f; chmod 640 f; getfacl -cn f; as 1001 cat f
setfacl -m u:1001:r f; getfacl -cn f; stat -c '%A %a' f; ls -l f | cut -c1-11; as 1001 cat f; as 1002 cat f; as 1001 sh -c 'echo more >>f'
setfacl -m u:1001:rw,g:1002:r,m::rw f; getfacl -cn f; as 1001 sh -c 'echo more >>f'; as 1002 cat f; as 1001 setfacl -b f
chmod g-w f; getfacl -cn f; as 1001 sh -c 'echo more >>f'; chmod 660 f; as 1001 sh -c 'echo more >>f'; cat f
setfacl -x u:1001 f; getfacl -cn f; cp -a f copy; getfacl -cn copy; cp f plain; getfacl -cn plain; mv copy moved; getfacl -cn moved
install -m 600 f installed; getfacl -cn installed; getfacl -n f | setfacl --set-file=- plain; getfacl -cn plain
setfacl -b f; getfacl -cn f; ls -l f | cut -c1-11; stat -c %a f
mkdir d; setfacl -d -m u:1001:rwx,g::rx,o::- d; getfacl -cn d; ls -ld d | cut -c1-11
umask 077; echo x >d/file; mkdir -p d/e/f; getfacl -cn d/file d/e d/e/f; as 1001 touch d/e/f/mine; setfacl -m u:1001:x d; as 1001 touch d/e/f/mine
umask 022; stat -c '%a %u' d/e/f/mine; getfacl -Rcn d | grep -c 1001; setfacl -R -m g:1003:rX d; getfacl -cn d/file d/e
tar --acls -cf a.tar d && mkdir out && tar --acls -xpf a.tar -C out && (cd out && getfacl -Rn d | sort) >after; getfacl -Rn d | sort | cmp - after && echo restored
getfacl -R d >saved; setfacl -R -b d; getfacl -R d | grep -c 1001; setfacl --restore=saved; getfacl -R d | cmp - saved && echo restored
setfacl -k d; getfacl -cn d; setfacl -d -m u:1:r f; echo "default of a file: $?"; setfacl -m u:1:r /proc/version 2>/dev/null; echo "proc: $?"
ln -s f l; setfacl -m u:7:r l; getfacl -cn f; setfacl -P -m u:8:r l; getfacl -cn f; mkfifo p; setfacl -m u:7:rw p; ls -l p | cut -c1-11
find . -maxdepth 1 -type f -printf '%f %M\n' | sort; chacl u::rw-,g::r--,o::---,u:9:r--,m::r-- f; chacl -l f | cut -c1-50; chacl -B f; chacl -l f
