"""Message queues as files."""

from harness import case, check_equal, exo

COMMANDS = r"""
umask 022; cd /dev/mqueue
stat -f -c %t .; stat -c '%a %F' .; ls
touch one two; chmod 600 two; stat -c '%n %a %s %F' one two; sed 's| *$||' one
mkdir d 2>/dev/null || echo no directory; ln one three 2>/dev/null || echo no link; mv one three 2>/dev/null || echo no move
echo x 2>/dev/null >one || echo no write
mkdir -p /tmp/again; mount -t mqueue again /tmp/again && ls /tmp/again; rm /tmp/again/two; umount /tmp/again; ls; rm one; ls
find . -type f | wc -l; cat /proc/sys/fs/mqueue/msg_max; echo 20 >/proc/sys/fs/mqueue/msg_max; cat /proc/sys/fs/mqueue/msg_max
echo x 2>/dev/null >/proc/sys/fs/mqueue/msg_max || echo no number
echo '100 200' >/proc/sys/kernel/sem; cat /proc/sys/kernel/sem
"""

ANSWER = """19800202
1777 directory
one 644 80 regular file
two 600 80 regular file
QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0
no directory
no link
no move
no write
one
two
one
0
10
20
no number
100\t200\t500\t32000
"""


@case(60)
def queues_are_files():
    """ls, cat, chmod and rm on message queues, two mounts of them, and their limits"""
    check_equal(exo("--", "sh", "-c", COMMANDS).succeeded().out, ANSWER, "what the commands print")
