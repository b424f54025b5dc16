/* syscall_fuzz [SECONDS [SEED]] - random system calls with arguments that are nearly right, from
 * several processes and threads, half of them as root. Every call of kernel/syscall/table.def is
 * tried (fuzz_args.c). Runs inside a virtual machine only: as root it changes the host name, the
 * time, and whatever else a call may change.
 *
 * This file is the supervisor. Workers die all the time, by their own doing; what must not happen:
 * a panic, a worker that cannot be killed, memory that does not come back, a system that no longer
 * works. Exit status: 0, or 1 with the reason on standard output. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../held_bytes.h"
#include "fuzz.h"

#define LIFE_MS        1500  /* of a worker at the most */
#define KILL_MS        20000 /* until a killed process must be gone */
#define SCRATCH        "/tmp/fuzz"
#define NO_HOME        99   /* exit status of a worker: no home, or one that cannot be used */
#define CROWD          1000 /* more processes than ever live at a time */
#define LEAK_BYTES_MAX (256 << 10) /* names and values that root may set */
#define IDLE_MAX       20          /* one worker in so many may end without a call that succeeded */

static u64 seed, generation;
static u32 ends[256]; /* of workers: by signal; 128 + exit status */
static u32 started, worked, no_forks;
static bool spoilt;   /* a worker found no home to work in */
static int proc = -1; /* /proc, also after a worker unmounted it or hid it */

static u64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

static void quiet(int signo)
{
	(void)signo;
}

/* ---- a worker ---- */

static void map(u64 at, u64 pages, int prot, int flags, int fd)
{
	if (mmap((void *)at, pages * PAGE, prot, flags | MAP_FIXED, fd, 0) == MAP_FAILED)
		_exit(NO_HOME);
}

static void worker_memory(void)
{
	int fd = open("a", O_RDWR | O_CREAT, 0666), rw = PROT_READ | PROT_WRITE,
	    mine = MAP_PRIVATE | MAP_ANONYMOUS;

	map(ARENA, ARENA_PAGES, rw, mine, -1);
	map(ARENA + ARENA_PAGES * PAGE, 1, PROT_NONE, mine, -1);
	map(READ_ONLY, FEW_PAGES, PROT_READ, mine, -1);
	map(NO_ACCESS, FEW_PAGES, PROT_NONE, mine, -1);
	map(GROUND, GROUND_PAGES, rw, mine, -1);
	map(STACKS, (STACK_COUNT + THREADS) * STACK_BYTES / PAGE, rw, mine, -1);
	if (fd >= 0 && !ftruncate(fd, FEW_PAGES * PAGE))
		map(FILE_MAP, FEW_PAGES, rw, MAP_SHARED, fd);
}

/* Something of each kind; what cannot be opened is left out. */
static void worker_descriptors(void)
{
	static const char *const paths[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom",
		"/proc/self/maps", "/proc/self/status", "/proc/self", "/proc/self/smaps", ".", "/",
		"/sys/devices/system/cpu/online"};
	struct sockaddr_un sun = {AF_UNIX, "sock"};
	struct epoll_event e = {.events = EPOLLIN};
	int fds[2], ep, in, pt;

	for (u32 i = 0; i < ARRAY_LEN(paths); i++)
		open(paths[i], O_RDONLY);
	open("b", O_RDWR | O_CREAT | O_APPEND, 0666);
	mkfifo("fifo", 0666);
	open("fifo", O_RDWR | O_NONBLOCK);
	(void)!pipe(fds);
	(void)!pipe2(fds, O_NONBLOCK);
	in = fds[0];
	for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++)
		socketpair(AF_UNIX, type, 0, fds);
	unlink("sock");
	fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	if (!bind(fds[0], (struct sockaddr *)&sun, sizeof(sun)) && !listen(fds[0], 4))
		connect(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&sun,
			sizeof(sun));
	socket(AF_INET, SOCK_STREAM, 0);
	socket(AF_INET, SOCK_DGRAM, 0);
	socket(AF_NETLINK, SOCK_RAW, 0);
	eventfd(1, EFD_NONBLOCK);
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, in, &e);
	pt = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (pt >= 0 && !unlockpt(pt))
		open(ptsname(pt), O_RDWR | O_NOCTTY | O_NONBLOCK);
	syscall(SYS_memfd_create, "m", 2);
	syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
	syscall(SYS_inotify_init1, 0);
	syscall(SYS_signalfd4, -1, &(u64){0x3ff}, 8, 0);
	syscall(SYS_pidfd_open, getpid(), 0);
}

static void limit(int what, u64 value)
{
	setrlimit(what, &(struct rlimit){value, value});
}

/* What is left behind by who was here before, as far as an ordinary tree goes. */
static void tree_make(void)
{
	mkdir("d", 0777);
	mkdir("d/e", 0777);
	(void)!symlink("d", "link");
	close(open("d/a", O_CREAT | O_RDWR, 0666));
}

static void worker(int slot, u64 random)
{
	struct fuzzer f = {.random = random, .left = ~0u, .slot = slot * (THREADS + 1)};
	char home[64];
	int null = open("/dev/null", O_RDWR);

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	sprintf(home, SCRATCH "/%d", slot / 2); /* two share a directory */
	mkdir(home, 0777);
	chmod(home, 0777);
	if (chdir(home))
		_exit(NO_HOME);
	signal(64, quiet);
	/* Root may have changed the supervisor's, which are inherited: a life in no memory tries
	 * nothing. */
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (i != RLIMIT_NICE && i != RLIMIT_RTPRIO)
			limit(i, RLIM_INFINITY);
	limit(RLIMIT_AS, 96 << 20);
	limit(RLIMIT_FSIZE, 4 << 20);
	limit(RLIMIT_NPROC, 100);
	limit(RLIMIT_NOFILE, 256);
	limit(RLIMIT_RTPRIO, 10);
	limit(RLIMIT_MEMLOCK, 8 << 20);
	if (slot % 2) {
		(void)!setgroups(0, NULL);
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(NO_HOME);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	} else { /* everything but more priority than the supervisor's */
		prctl(PR_CAPBSET_DROP, 23);
	}
	tree_make();
	worker_memory();
	worker_descriptors();
	f.pid = getpid();
	for (u32 i = 0; i < THREADS; i++) {
		struct fuzzer t = f;

		t.random = fuzz_random(&f);
		t.slot += 1 + (int)i;
		fuzz_thread(&t, i);
	}
	fuzz_loop(&f);
	_exit(0);
}

/* ---- the supervisor ---- */

static struct {
	pid_t pid;
	u64 until, killed; /* ms; killed: when, or 0 */
} workers[WORKERS];

static void fail(const char *what)
{
	printf("FAILED: %s (seed %llu; last error: %m)\n", what, (unsigned long long)seed);
	fflush(stdout);
	if (getenv("EXO_FUZZ_HOLD")) /* for a debugger to look at the machine */
		sleep((unsigned)atoi(getenv("EXO_FUZZ_HOLD")));
	_exit(1);
}

static void show_file(pid_t pid, const char *name)
{
	char path[64], text[2048];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%d/%s", pid, name);
	fd = openat(proc, path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n > 0)
		printf("--- /proc/%s\n%.*s\n", path, (int)n, text);
}

/* Every process and thread that is left. */
static void show_all(void)
{
	(void)!fchdir(proc);
	(void)!system("for t in [0-9]*/task/*; do echo \"$t $(cat $t/stat) wchan $(cat "
		      "$t/wchan) call $(cat $t/syscall)\"; done 2>/dev/null");
}

static void report_hang(int slot)
{
	for (int i = slot * (THREADS + 1); i < (slot + 1) * (THREADS + 1); i++) {
		struct record *r = &board->records[i];
		const char *name = "?";

		for (u32 k = 0; k < fuzz_call_count; k++)
			if (fuzz_calls[k].nr == r->nr)
				name = fuzz_calls[k].name;
		printf("thread %d: %s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx)\n", i, name,
			(unsigned long long)r->args[0], (unsigned long long)r->args[1],
			(unsigned long long)r->args[2], (unsigned long long)r->args[3],
			(unsigned long long)r->args[4], (unsigned long long)r->args[5]);
	}
	show_file(workers[slot].pid, "status");
	fflush(stdout);
	show_all();
	fail("a killed worker is still there");
}

static void start(int slot)
{
	struct fuzzer mix = {
		.random = seed << 32 ^ ++generation}; /* not a step of the same sequence */
	u64 random = fuzz_random(&mix);
	pid_t pid;

	board->did[slot] = 0;
	pid = fork();
	if (pid < 0) {
		workers[slot].pid = 0; /* no memory for the moment */
		no_forks++;
		return;
	}
	if (!pid) {
		sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
		worker(slot, random);
	}
	started++;
	workers[slot].pid = pid;
	workers[slot].until = now_ms() + LIFE_MS / 4 + random % LIFE_MS;
	workers[slot].killed = 0;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
		for (int i = 0; i < WORKERS; i++)
			/* one that is stopped has asked us to trace it: it is killed in its time */
			if (workers[i].pid == pid && !WIFSTOPPED(status)) {
				workers[i].pid = 0;
				worked += board->did[i] != 0;
				spoilt |= WIFEXITED(status) && WEXITSTATUS(status) == NO_HOME;
				ends[WIFSIGNALED(status) ? WTERMSIG(status)
							 : 128 + WEXITSTATUS(status) % 128]++;
			}
}

static void tend(int slot, bool go_on)
{
	u64 now = now_ms();

	if (!workers[slot].pid) {
		if (go_on)
			start(slot);
	} else if (workers[slot].killed) {
		if (now - workers[slot].killed > KILL_MS)
			report_hang(slot);
	} else if (!go_on || now > workers[slot].until) {
		kill(workers[slot].pid, SIGKILL);
		workers[slot].killed = now;
	}
}

static pid_t parent_of(pid_t pid)
{
	char path[64], text[256], *p;
	int fd, parent = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%d/stat", pid);
	fd = openat(proc, path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	p = strrchr(text, ')');
	if (p)
		sscanf(p, ") %*c %d", &parent);
	return parent;
}

/* Kills what workers left behind. Return: how many there are. */
static int sweep(void)
{
	int fd = openat(proc, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int left = 0;

	if (!d)
		fail("/proc cannot be read");
	while ((e = readdir(d)) != NULL) {
		pid_t pid = atoi(e->d_name);

		if (pid > 1 && parent_of(pid) == getpid()) {
			kill(pid, SIGKILL);
			left++;
		}
	}
	closedir(d);
	reap();
	return left;
}

/* Some memory the kernel keeps for good for as many threads as ever lived at a time: tables for the
 * addresses of their stacks, and on the checking kernel the shadow of these. It is there before
 * anything is measured. */
static void crowd(void)
{
	pid_t pids[CROWD];

	for (int i = 0; i < CROWD; i++) {
		pids[i] = fork();
		if (!pids[i])
			for (;;)
				pause();
		if (pids[i] < 0)
			fail("no crowd");
	}
	for (int i = 0; i < CROWD; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < CROWD; i++)
		waitpid(pids[i], NULL, 0);
}

static int mounts_known; /* the largest identity of a mount that was there at the beginning */

/* mounts_since - the last mount of the list with an identity above @id: its place, or NULL. @skip
 * of them are passed over. */
static const char *mounts_since(int id, int skip, int *found)
{
	static char place[4096];
	static char text[65536];
	int fd = openat(proc, "self/mountinfo", O_RDONLY), at = 0, total = 0;
	ssize_t n, got = 0;
	char *save;

	while ((n = read(fd, text + got, sizeof(text) - 1 - (size_t)got)) > 0)
		got += n;
	close(fd);
	text[got] = 0;
	for (char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		total++;
	place[0] = 0;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save), at++) {
		int this;
		char here[4096];

		if (sscanf(l, "%d %*d %*s %*s %4095s", &this, here) == 2 && this > id &&
			total - 1 - at >= skip) {
			*found = this;
			strcpy(place, here);
		}
	}
	return place[0] ? place : NULL;
}

/* Root's workers mount over what is needed here, and what lies in a mount of theirs is held. One
 * that another covers goes once that one is gone. */
static void mounts_forget(void)
{
	bool more = true;
	int id;

	while (more) {
		const char *place;

		more = false;
		for (int skip = 0; !more && skip < 64; skip++)
			if ((place = mounts_since(mounts_known, skip, &id)) != NULL)
				more = !umount2(place, MNT_DETACH);
	}
}

/* Root may have made read-only what is needed here, or have hidden it. */
static void repair(void)
{
	static const char *const places[] = {"/", "/proc", "/tmp"};

	mounts_forget();
	for (u32 i = 0; i < ARRAY_LEN(places); i++)
		mount(NULL, places[i], NULL, MS_REMOUNT, NULL);
	mount("none", "/proc", "proc", 0, NULL);      /* EBUSY where it stands already */
	mount(NULL, "/proc", NULL, MS_REMOUNT, NULL); /* one just uncovered or put there, too */
}

static void scratch(bool there)
{
	repair();
	mkdir("/tmp", 01777); /* root may have renamed or removed it */
	mkdir(SCRATCH, 0777);
	if (!there) {
		while (!umount2(SCRATCH, MNT_DETACH))
			;
		return;
	}
	if (mount("none", SCRATCH, "tmpfs", 0, "size=48m,mode=777"))
		fail("no scratch directory");
}

static void phase(u64 ms)
{
	u64 end = now_ms() + ms, last;
	bool busy = true;

	while (now_ms() < end) {
		reap();
		if (spoilt) {
			scratch(false);
			scratch(true);
			spoilt = false;
		}
		for (int i = 0; i < WORKERS; i++)
			tend(i, true);
		usleep(2000);
	}
	while (busy) {
		reap();
		busy = false;
		for (int i = 0; i < WORKERS; i++) {
			tend(i, false);
			busy |= workers[i].pid != 0;
		}
		usleep(2000);
	}
	for (last = now_ms(); sweep(); usleep(10000))
		if (now_ms() - last > KILL_MS)
			show_all(), fail("children of workers cannot be killed");
}

/* What outlives its maker by nature: System V objects, and message queues. */
static void ipc_remove(void)
{
	union semun_here {
		int value;
		struct semid_ds *ds;
		struct seminfo *info;
	} arg;
	struct shmid_ds shm;
	struct msqid_ds msg;
	struct semid_ds sem;
	struct seminfo info;
	DIR *d = opendir("/dev/mqueue");
	struct dirent *e;
	int top;

	top = shmctl(0, SHM_INFO, &shm);
	for (int i = 0; i <= top; i++)
		shmctl(shmctl(i, SHM_STAT, &shm), IPC_RMID, NULL);
	top = msgctl(0, MSG_INFO, &msg);
	for (int i = 0; i <= top; i++)
		msgctl(msgctl(i, MSG_STAT, &msg), IPC_RMID, NULL);
	arg.info = &info;
	top = semctl(0, 0, SEM_INFO, arg);
	arg.ds = &sem;
	for (int i = 0; i <= top; i++)
		semctl(semctl(i, 0, SEM_STAT, arg), 0, IPC_RMID);
	while (d && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

/* Memory that is held once the workers are gone, without the contents of files that root left
 * outside the scratch directory; and what slabs and pages it is, for the report. */
struct memory {
	long bytes;
	char text[16384];
};

/* Files that root's workers made outside of the scratch directory: those whose number was not there
 * at the beginning. */
static u64 known[8192];
static size_t known_count;

static u64 key(const struct stat *st)
{
	return st->st_dev << 48 ^ st->st_ino;
}

static int compare_keys(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static int know(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)path, (void)kind, (void)at;
	if (known_count == ARRAY_LEN(known))
		fail("too many files to know");
	known[known_count++] = key(st);
	return 0;
}

static int forget(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	u64 k = key(st);

	(void)kind, (void)at;
	if (!bsearch(&k, known, known_count, sizeof(known[0]), compare_keys))
		(void)remove(path);
	return 0;
}

static const char *const places_of_files[] = {"/", "/dev", "/dev/shm", "/run", "/tmp"};

static void files_know(void)
{
	for (u32 i = 0; i < ARRAY_LEN(places_of_files); i++)
		nftw(places_of_files[i], know, 16, FTW_PHYS | FTW_MOUNT);
	qsort(known, known_count, sizeof(known[0]), compare_keys);
}

static void measure(struct memory *m)
{
	scratch(false);
	for (u32 i = 0; i < ARRAY_LEN(places_of_files); i++)
		nftw(places_of_files[i], forget, 16, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
	mkdir("/tmp", 01777); /* one made anew is not known either */
	ipc_remove();
	usleep(300000); /* what ends in the background */
	m->bytes = held_bytes();
	if (m->bytes < 0 || held_read("/proc/slabinfo", m->text, sizeof(m->text) / 2) < 0 ||
		held_read("/proc/meminfo", m->text + strlen(m->text), sizeof(m->text) / 2) < 0)
		fail("/proc cannot be read");
	m->bytes -= held_field(m->text, "\nCached:");
}

/* What slabs and pages changed; both texts have the same lines, but for new slabs. */
static void show_growth(const struct memory *before, struct memory *after)
{
	char *save, line[512];

	for (char *l = strtok_r(after->text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		snprintf(line, sizeof(line), "%s\n", l);
		if (!strstr(before->text, line)) {
			const char *old = NULL;
			size_t n = strcspn(l, " :");

			snprintf(line, sizeof(line), "\n%.*s%c", (int)n, l, l[n]);
			old = strstr(before->text, line);
			printf("%s   (was%.*s)\n", l, old ? (int)strcspn(old + n + 1, "\n") : 0,
				old ? old + n + 1 : "");
		}
	}
}

/* Most calls must succeed now and then, or nothing is tested but error returns. */
static void report(u64 ms)
{
	u32 made = 0, good = 0, tried = 0;
	u64 total = 0, succeeded = 0;

	for (u32 i = 0; i < fuzz_call_count; i++) {
		u32 n = board->made[fuzz_calls[i].nr];

		tried += fuzz_calls[i].one_in != 0;
		total += n;
		made += n != 0;
		succeeded += board->succeeded[fuzz_calls[i].nr];
		good += board->succeeded[fuzz_calls[i].nr] != 0;
		if (fuzz_calls[i].one_in && (!n || !board->succeeded[fuzz_calls[i].nr]))
			printf("%s: %u times, never successful\n", fuzz_calls[i].name, n);
	}
	printf("%llu calls in %llu s: %llu succeeded, %llu failed or did not return\n",
		(unsigned long long)total, (unsigned long long)ms / 1000,
		(unsigned long long)succeeded, (unsigned long long)(total - succeeded));
	printf("distinct calls: %u tried, %u made, %u succeeded at least once\n", tried, made,
		good);
	printf("workers: %u started, %u did work, %u did nothing; %u times no fork\n", started,
		worked, started - worked, no_forks);
	printf("workers ended:");
	for (u32 i = 0; i < ARRAY_LEN(ends); i++)
		if (ends[i])
			printf(" %u by %s %u,", ends[i], i < 128 ? "signal" : "exit", i % 128);
	puts("");
	if (made != tried || good < tried * 3 / 4)
		fail("too little was reached");
	if (!started || started - worked > started / IDLE_MAX)
		fail("workers did nothing");
}

int main(int argc, char **argv)
{
	u64 seconds = argc > 1 ? strtoull(argv[1], NULL, 0) : 60, start_ms = now_ms();
	static struct memory before, after;
	int status;

	if (!getenv("EXO_FUZZ")) {
		puts("set EXO_FUZZ=1 to run this, in a virtual machine, as root");
		return 2;
	}
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	else if (getrandom(&seed, 4, 0) != 4)
		return 2;
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	board = mmap(
		NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	map(SHARED, SHARED_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	fuzz_specs_init();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	proc = open("/proc", O_RDONLY | O_CLOEXEC);
	if (proc < 0)
		fail("no /proc");
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){99});
	umask(0);
	crowd();
	mkdir(SCRATCH, 0777);
	files_know();
	while (mounts_since(mounts_known, 0, &mounts_known))
		;
	scratch(true);
	phase(seconds * 300);
	measure(&before);
	scratch(true);
	phase(seconds * 700);
	measure(&after);
	report(now_ms() - start_ms);
	printf("memory held after a third and at the end: %ld, %ld bytes\n", before.bytes,
		after.bytes);
	if (after.bytes > before.bytes)
		show_growth(&before, &after);
	if (after.bytes - before.bytes > LEAK_BYTES_MAX)
		fail("memory did not come back");
	status = system("echo still-works >/tmp/word && test \"$(cat /tmp/word)\" = still-works");
	if (status)
		fail("the system no longer works");
	puts("ok");
	return 0;
}
