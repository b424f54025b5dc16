# image build 2G 400 long
# gdb: breakpoints, stepping, watchpoints, threads, signals, children, core files, attaching.
cat >prog.c <<'X'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
struct point { int x, y; const char *name; };
static int global;
static volatile int cell, sink;
static volatile int go;
static pthread_barrier_t barrier;
__attribute__((noinline)) static int add(struct point *p, int n)
{
	p->x += n;
	global = p->x;
	return p->x;
}
static void *worker(void *arg)
{
	pthread_barrier_wait(&barrier);
	while (!go)
		usleep(1000);
	return arg;
}
static void handler(int s) { global = 1000 + s; }
static int factorial(int n) { return n <= 1 ? 1 : n * factorial(n - 1); }
static void accesses(void)
{
	cell = 5;
	for (int i = 0; i < 4; i++)
		sink = cell;
	cell++;
	sink = cell + 1;
}
int main(int argc, char **argv)
{
	struct point p = {1, 2, "origin"};
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "crash"))
		*(volatile int *)8 = 1;
	if (argc > 1 && !strcmp(argv[1], "loop"))
		while (!go)
			usleep(1000);
	if (argc > 1 && !strcmp(argv[1], "abort"))
		abort();
	if (argc > 1 && !strcmp(argv[1], "fork")) {
		pid_t child = fork();
		if (!child) {
			global = 77;
			_exit(global);
		}
		int status;
		waitpid(child, &status, 0);
		printf("child %d\n", WEXITSTATUS(status));
	}
	if (argc > 1 && !strcmp(argv[1], "threads")) {
		pthread_t t[3];
		pthread_barrier_init(&barrier, NULL, 4);
		for (long i = 0; i < 3; i++)
			pthread_create(&t[i], NULL, worker, (void *)i);
		pthread_barrier_wait(&barrier);
		add(&p, 3);
		go = 1;
		for (int i = 0; i < 3; i++)
			pthread_join(t[i], NULL);
	}
	if (argc > 1 && !strcmp(argv[1], "accesses"))
		accesses();
	if (argc > 1 && !strcmp(argv[1], "signal")) {
		signal(SIGUSR1, handler);
		raise(SIGUSR1);
	}
	for (int i = 0; i < 5; i++)
		add(&p, i);
	printf("%d %d %s %d\n", p.x, global, p.name, factorial(5));
	return p.x;
}
X
gcc -g -O0 -pthread prog.c -o prog
g() { # ARGUMENTS of the program, commands from standard input
	local words=$1
	cat >commands
	LC_ALL=C.UTF-8 gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex 'set pagination off' -ex 'set disable-randomization on' -ex 'set confirm off' \
		-ex 'set width 0' -ex "set args $words" -x commands ./prog 2>&1 |
		sed -E 's/0x[0-9a-f]{4,}/P/g; s/(LWP|process|Thread|thread) [0-9]{2,}/\1 N/g; s/\(LWP N\)/(N)/; s/pid [0-9]+/pid N/' |
		grep -vE '^(Using host|\[Thread debugging|warning: Error disabling|\[Attaching after|$|[0-9]+\.\./|No such file or directory|Download|warning: (could not conv|target file|Memory read)|This normally|\[Thread P .*exited|#0  P in |in \.\./)'
}
echo breakpoints; g '' <<'X'
break add if n == 2
run
backtrace
print *p
print p->name
finish
info breakpoints
delete
tbreak factorial
continue
step
step
up
print $rip != 0
info locals
disassemble add, +4
frame function main
x/s p.name
print factorial(6)
call add(&p, 100)
set var global = 5
next
kill
X
echo watchpoints; g '' <<'X'
break main
run
watch global
continue
continue
continue
delete
continue
X
for watch in rwatch awatch; do { printf 'break accesses\nrun\n%s cell\n' $watch; yes continue | head -n 10; } | g accesses; done
echo threads; g threads <<'X'
break add
run
python print(len(gdb.selected_inferior().threads()), sorted(t.name for t in gdb.selected_inferior().threads()))
thread apply all -q print 1
thread 2
print go
set scheduler-locking on
thread 1
next
set scheduler-locking off
delete
continue
X
echo signals; g signal <<'X'
handle SIGUSR1 stop print pass
run
print $_siginfo.si_signo
break handler
continue
backtrace 2
delete
handle SIGUSR1 nopass
continue
X
echo fork; g fork <<'X'
set follow-fork-mode child
set detach-on-fork off
break _exit
run
print global
kill inferiors 2
inferior 1
delete
continue
X
echo catch; g fork <<'X'
catch fork
catch syscall exit_group
run
continue
continue
X
echo crash; g crash <<'X'
run
print $_siginfo.si_signo
print $_siginfo._sifields._sigfault.si_addr
backtrace
X
ulimit -c unlimited; for kind in crash abort; do { ./prog $kind; } 2>/dev/null; echo $?; done
g crash <<'X'
run
generate-core-file made
X
gdb -q -nx -batch -iex 'set debuginfod enabled off' -ex bt -ex 'info threads' -ex 'print p' ./prog made 2>&1 | grep -E '^#|^\$|Program term' | sed -E 's/0x[0-9a-f]{4,}/P/g'
echo attach; ./prog loop & p=$!; sleep 0.5
gdb -q -nx -batch -iex 'set debuginfod enabled off' -p $p -ex 'up 4' -ex 'frame function main' -ex 'print p' -ex 'print go' -ex 'set var go = 1' -ex 'detach' 2>&1 | grep -E '^\$' | sed -E 's/0x[0-9a-f]{4,}/P/g'
wait $p; echo $?
echo server; gdb -q -nx -batch -ex 'python print(sum(int(x) for x in [1, 2, 3]))' -ex 'python import gdb; print(gdb.VERSION.split()[0])' 2>&1
g '' <<'X'
break main
run
python
for i in range(3): gdb.execute("next")
print(gdb.parse_and_eval("p")["x"])
end
starti
info program
stepi
info registers eflags
print $xmm0.uint128 == $xmm0.uint128
kill
X
true
