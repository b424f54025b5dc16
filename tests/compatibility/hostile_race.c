/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hostile_race.c - structures that another thread rewrites, or takes away, between check and use.
 *
 * First every row of t_hostile_rows.h, where any refusal is right, then what must hold whatever the
 * call saw: nothing is written but where one of the versions points, and what was checked is what
 * is used. Versions differ in few bytes, so that a mixture of them is one of them, or names
 * nothing.
 */
#include "t_hostile_rows.h"

#include <pthread.h>
#include <stdatomic.h>

T_SUITE(hostile_race);

struct world w;

/* The other thread: goes through the versions, word by word, until it is told to stop. */
struct flip {
	char *at;
	const void *versions[3];
	int count, size;
	atomic_int stop;
	atomic_long turns;
	pthread_t thread;
};

static void rewrite(char *at, const char *from, int size)
{
	int i = 0;

	for (; i + 8 <= size && !((long)(at + i) & 7); i += 8)
		*(volatile uint64_t *)(at + i) = *(const uint64_t *)(from + i);
	for (; i < size; i++)
		*(volatile char *)(at + i) = from[i];
}

static void *flipper(void *arg)
{
	struct flip *f = arg;

	for (long n = 0; !f->stop; n++) {
		rewrite(f->at, f->versions[n % f->count], f->size);
		f->turns = n + 1;
	}
	return NULL;
}

/* The memory is there, cannot be touched, is there again. */
static void *hider(void *arg)
{
	struct flip *f = arg;

	for (long n = 0; !f->stop; n++) {
		mprotect(AT(AREA), AREA_BYTES, n % 2 ? PROT_READ | PROT_WRITE : PROT_NONE);
		f->turns = n + 1;
	}
	mprotect(AT(AREA), AREA_BYTES, PROT_READ | PROT_WRITE);
	return NULL;
}

static void quiet(int sig)
{
}

static void begin(struct flip *f, void *(*what)(void *))
{
	static bool once;

	if (!once) { /* a mixture of times may be a long one */
		const struct itimerval often = {{0, 20000}, {0, 20000}};

		t_handler(SIGALRM, quiet, 0);
		signal(SIGVTALRM, SIG_IGN);
		signal(SIGWINCH, SIG_IGN);
		setitimer(ITIMER_REAL, &often, NULL);
		once = true;
	}
	f->stop = 0;
	f->turns = 0;
	if (pthread_create(&f->thread, NULL, what, f))
		t_stop("no thread");
	while (f->turns < 2)
		sched_yield();
}

static void end(struct flip *f)
{
	f->stop = 1;
	pthread_join(f->thread, NULL);
}

static void two(struct flip *f, void *at, const void *a, const void *b, int size)
{
	*f = (struct flip){.at = at, .versions = {a, b}, .count = 2, .size = size};
	begin(f, flipper);
}

enum { ROUNDS = 30, MANY = 400 };

/* ---- every row ---- */

static void check_rounds(const struct row *r, long at)
{
	long got = 0, worst = 0;

	for (int i = 0; i < ROUNDS; i++) {
		h_refill();
		got = h_call(r, at);
		/* SIGALRM: of begin(), which a set may have asked for */
		if (r->want != SAME && got > (r->want > 0 ? r->want : 0) && got != SIGALRM)
			worst = got;
	}
	t_eq_at(__FILE__, __LINE__, r->what, worst, 0);
}

T_CASE_LIMIT(every_content, 120)
{
	static const char zeros[512];
	static char ones[512];

	memset(ones, 0xff, sizeof(ones));
	h_prepare();
	for (int i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		long at = AREA + 1024;
		struct flip f = {.at = AT(at),
			.versions = {r->content ? r->content : zeros, ones, zeros},
			.count = 3,
			.size = r->size};

		if (r->flags & NO_REWRITE)
			continue;
		h_contents();
		h_place(r, at);
		begin(&f, flipper);
		check_rounds(r, at);
		end(&f);
		h_beside(r, r->what, at);
	}
	h_done();
}

T_CASE_LIMIT(every_memory_that_goes, 120)
{
	h_prepare();
	for (int i = 0; i < ROWS; i++) {
		struct flip f = {.at = AT(AREA)};

		h_contents();
		h_place(&rows[i], AREA + 1024);
		begin(&f, hider);
		check_rounds(&rows[i], AREA + 1024);
		end(&f);
		h_beside(&rows[i], rows[i].what, AREA + 1024);
	}
	h_done();
}

/* ---- nothing is written but where a version points ---- */

enum { SHORT = 16, LONG = 64 };

static void paint(void)
{
	memset(AT(BYTES_AT), CANARY, 8192);
	memset(AT(OTHER_AT), CANARY, 8192);
}

/* Of both pages no byte beyond LONG has changed. */
static void check_paint(const char *what)
{
	long changed = 0;

	for (int i = LONG; i < 8192; i++)
		changed += *(unsigned char *)(BYTES_AT + i) != CANARY ||
			   *(unsigned char *)(OTHER_AT + i) != CANARY;
	t_eq_at(__FILE__, __LINE__, what, changed, 0);
}

static const struct iovec to_one[4] = {
	{AT(BYTES_AT), SHORT}, {AT(BYTES_AT), SHORT}, {AT(BYTES_AT), SHORT}, {AT(BYTES_AT), SHORT}};
static const struct iovec to_other[4] = {
	{AT(OTHER_AT), LONG}, {AT(OTHER_AT), LONG}, {AT(OTHER_AT), LONG}, {AT(OTHER_AT), LONG}};
static const struct iovec to_nowhere[4] = {
	{AT(BYTES_AT), LONG}, {AT(OTHER_AT), -1UL}, {AT(8), SHORT}, {AT(0xffff800000000000), LONG}};

static long vectors_read(int way, int zero, int p[2])
{
	static char source[4 * LONG];
	struct iovec from = {source, sizeof(source)};
	struct msghdr h = {.msg_iov = AT(AREA), .msg_iovlen = 4};

	switch (way) {
	case 0:
		return syscall(SYS_readv, zero, AREA, 4);
	case 1:
		return syscall(SYS_preadv2, zero, AREA, 4, 0, 0, 0);
	case 2:
		return syscall(SYS_process_vm_readv, getpid(), AREA, 4, &from, 1, 0);
	case 3: /* the other's memory is named there */
		return syscall(SYS_process_vm_writev, getpid(), &from, 1, AREA, 4, 0);
	default:
		(void)!write(p[1], source, sizeof(source));
		return recvmsg(p[0], &h, MSG_DONTWAIT);
	}
}

static void vectors(const struct iovec *second, const char *what)
{
	int zero = open("/dev/zero", O_RDONLY), p[2];
	struct flip f;

	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, p);
	for (int way = 0; way < 5; way++) {
		long most = 0;

		paint();
		two(&f, AT(AREA), to_one, second, sizeof(to_one));
		for (int i = 0; i < MANY; i++) {
			long got = vectors_read(way, zero, p);

			most = got > most ? got : most;
		}
		end(&f);
		check_paint(what);
		t_check_at(__FILE__, __LINE__, what, most <= 4 * LONG);
	}
	close(zero);
	close(p[0]);
	close(p[1]);
}

T_CASE_LIMIT(vectors_that_change, 60)
{
	h_memory();
	vectors(to_other, "one buffer, another");
	vectors(to_nowhere, "a buffer, no buffer");
}

T_CASE_LIMIT(lengths_of_results, 60)
{
	static const socklen_t little = SHORT, much = LONG, wild = -1;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0), refused = 0;
	struct flip f;

	h_memory();
	memset(name.sun_path, 'x', sizeof(name.sun_path));
	name.sun_path[0] = 0;
	t_ret(bind(s, (void *)&name, LONG), 0);
	paint();
	two(&f, AT(AREA), &little, &much, 4);
	for (int i = 0; i < MANY; i++)
		refused += syscall(SYS_getsockname, s, BYTES_AT, AREA) < 0;
	end(&f);
	check_paint("getsockname");
	t_eq(refused, 0); /* any of these lengths is good, and so is the one written back */
	two(&f, AT(AREA), &little, &wild, 4);
	for (int i = 0; i < MANY; i++)
		syscall(SYS_getsockopt, s, SOL_SOCKET, SO_PEERCRED, BYTES_AT, AREA);
	end(&f);
	check_paint("getsockopt");
	close(s);
}

/* Only revents is the kernel's; what is watched stays as its owner wrote it. */
T_CASE_LIMIT(poll_writes_revents_alone, 60)
{
	static const struct pollfd a[2] = {{0, POLLIN, 0}, {60, POLLOUT, 0}},
				   b[2] = {{60, POLLOUT, 0}, {-1, POLLIN, 0}};
	struct pollfd *p = AT(AREA);
	long strange = 0;
	struct flip f;

	h_memory();
	two(&f, p, a, b, sizeof(a));
	for (int i = 0; i < MANY; i++)
		strange += syscall(SYS_poll, p, 2, 0) > 2;
	end(&f);
	for (int i = 0; i < 2; i++)
		strange += p[i].fd != a[i].fd && p[i].fd != b[i].fd;
	t_eq(strange, 0);
}

/* ---- what was checked is what is used ---- */

static int descriptors(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* A descriptor more or less, a header too long: what arrives was sent, and none is left over. */
T_CASE_LIMIT(control_data, 60)
{
	struct control {
		struct cmsghdr h;
		int fds[4];
	} a = {{CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS}, {0, 1, 0, 1}}, b = a, c = a, in;
	int p[2], before, most = 0;
	struct msghdr out = {.msg_iov = AT(VECTOR_AT), .msg_iovlen = 1};
	struct flip f = {.at = AT(AREA), .versions = {&a, &b, &c}, .count = 3, .size = sizeof(a)};

	b.h.cmsg_len = CMSG_LEN(16);
	c.h.cmsg_len = -1UL;
	c.fds[0] = 12345;
	h_memory();
	h_contents();
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, p);
	before = descriptors();
	begin(&f, flipper);
	for (int i = 0; i < MANY; i++) {
		struct iovec to = {AT(BYTES_AT), 16};
		struct msghdr m = {.msg_iov = &to,
			.msg_iovlen = 1,
			.msg_control = &in,
			.msg_controllen = sizeof(in)};

		out.msg_control = AT(AREA);
		out.msg_controllen = sizeof(a);
		sendmsg(p[0], &out, 0);
		if (recvmsg(p[1], &m, 0) < 0 || !m.msg_controllen)
			continue;
		int n = (int)(in.h.cmsg_len - CMSG_LEN(0)) / 4;
		most = n > most ? n : most;
		for (int k = 0; k < n && k < 4; k++)
			close(in.fds[k]);
	}
	end(&f);
	t_check(most <= 4);
	t_eq(descriptors(), before);
	close(p[0]);
	close(p[1]);
}

static ino_t number_of(int fd)
{
	struct stat st = {0};

	fstat(fd, &st);
	return st.st_ino;
}

/* "in/f" and "../f": whatever of both a walk sees, it stays below where it must. */
T_CASE_LIMIT(paths_and_how, 60)
{
	static const char inside[8] = "in/f", outside[8] = "../f", other[8] = "in/g";
	static const uint64_t reads[3] = {O_RDONLY, 0, 0x08}, writes[3] = {O_WRONLY, 0, 0x08};
	ino_t secret, f_number, g_number, n;
	long escaped = 0, strange = 0, fd;
	struct flip f, h;

	h_memory();
	mkdir("top", 0700);
	mkdir("top/in", 0700);
	t_spew("f", "outside");
	t_spew("top/in/f", "f");
	t_spew("top/in/g", "g");
	secret = number_of(open("f", O_RDONLY));
	f_number = number_of(open("top/in/f", O_RDONLY));
	g_number = number_of(open("top/in/g", O_RDONLY));
	t_ret(chdir("top"), 0);
	int top = open(".", O_RDONLY);
	two(&f, AT(AREA), inside, outside, 8);
	two(&h, AT(AREA + 1024), reads, writes, 24);
	for (int i = 0; i < MANY; i++) {
		fd = syscall(SYS_openat2, top, AREA, AREA + 1024, 24);
		if (fd < 0)
			continue;
		n = number_of((int)fd);
		escaped += n == secret;
		strange += n != f_number;
		close((int)fd);
	}
	end(&f);
	end(&h);
	t_eq(escaped, 0);
	t_eq(strange, 0);
	two(&f, AT(AREA), inside, other, 8);
	for (int i = 0; i < MANY; i++) {
		fd = syscall(SYS_openat, top, AREA, O_RDONLY);
		n = number_of((int)fd);
		strange += n != f_number && n != g_number;
		close((int)fd);
	}
	end(&f);
	t_eq(strange, 0);
}

T_CASE_LIMIT(clone_arguments, 60)
{
	static const uint64_t good[8] = {0, 0, 0, 0, SIGCHLD},
			      bad[8] = {0, 0, 0, 0, 0x1ff, 0, 4096, 0};
	int made = 0, ended = 0, odd = 0, status;
	struct flip f;
	long pid;

	h_memory();
	two(&f, AT(AREA), good, bad, 64);
	for (int i = 0; i < ROUNDS; i++) {
		pid = syscall(SYS_clone3, AREA, 64);
		if (!pid)
			_exit(7);
		made += pid > 0;
	}
	end(&f);
	errno = 0;
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		ended += pid > 0;
		odd = pid > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 7) ? status : odd;
		errno = 0;
	}
	t_eq(odd, 0);
	t_eq(ended, made);
}

T_HELPER(arguments)
{
	size_t len = 0;

	for (int i = 0; i < argc; i++)
		len += strlen(argv[i]);
	return argc < 8 && len < 4096 ? 33 : 1;
}

/* A vector that grows and shrinks, a word that does: the new program's are whole. */
T_CASE_LIMIT(argument_vectors, 60)
{
	static const char little[64] = "x",
			  much[64] = "a word of more than forty letters, all in one";
	const long word = AREA + 1024;
	const long many[7] = {(long)t_self, (long)"-x", (long)"arguments", word, word, word, 0},
		   few[7] = {(long)t_self, (long)"-x", (long)"arguments", word};
	const struct itimerval never = {{0, 0}, {0, 0}};
	int strange = 0, status;
	struct flip f, g;
	pid_t pid;

	h_memory();
	for (int i = 0; i < ROUNDS; i++) {
		T_CHILD(pid)
		{
			rewrite(AT(AREA), (const void *)many, sizeof(many));
			two(&f, AT(AREA), many, few, sizeof(many));
			two(&g, AT(AREA + 1024), little, much, 64);
			/* which goes on in the new program */
			setitimer(ITIMER_REAL, &never, NULL);
			for (int k = 0; k < 20; k++)
				syscall(SYS_execve, t_self, AREA, NULL);
			_exit(33); /* always refused: it changed between the looks */
		}
		waitpid(pid, &status, 0);
		strange += !WIFEXITED(status) || WEXITSTATUS(status) != 33;
	}
	t_eq(strange, 0);
}

T_CASE_LIMIT(limits_stay_in_order, 60)
{
	static const uint64_t a[2] = {10, 20}, b[2] = {20, 10}, c[2] = {5, 5};
	struct flip f = {.at = AT(AREA), .versions = {a, b, c}, .count = 3, .size = 16};
	struct rlimit got;
	int wrong = 0;

	h_memory();
	begin(&f, flipper);
	for (int i = 0; i < MANY; i++) {
		syscall(SYS_prlimit64, 0, RLIMIT_CORE, AREA, NULL);
		getrlimit(RLIMIT_CORE, &got);
		wrong += got.rlim_cur > got.rlim_max;
	}
	end(&f);
	t_eq(wrong, 0);
}

T_CASE_LIMIT(signal_sets, 60)
{
	static const uint64_t none = 0, all = ~0ULL;
	const uint64_t never = 1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1);
	uint64_t now, wrong = 0;
	struct flip f;

	h_memory();
	two(&f, AT(AREA), &none, &all, 8);
	for (int i = 0; i < MANY; i++) {
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, AREA, 0, 8);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, 0, &now, 8);
		wrong |= now & never;
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
	end(&f);
	t_eq(wrong, 0);
}

T_CASE_LIMIT(times_that_are_none, 60)
{
	static const struct itimerspec a = {{1000, 1}, {1000, 1}},
				       b = {{1000, 2000000000}, {1000, 2000000000}},
				       c = {{1000, -1}, {1000, -1}};
	int fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0), timer, wrong = 0;
	struct flip f = {.at = AT(AREA), .versions = {&a, &b, &c}, .count = 3, .size = sizeof(a)};
	struct itimerspec got;

	h_memory();
	t_ret(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer), 0);
	begin(&f, flipper);
	for (int i = 0; i < MANY; i++) {
		syscall(SYS_timer_settime, timer, 0, AREA, NULL);
		syscall(SYS_timer_gettime, timer, &got);
		wrong += (unsigned long)got.it_interval.tv_nsec >= 1000000000;
		syscall(SYS_timerfd_settime, fd, 0, AREA, NULL);
		syscall(SYS_timerfd_gettime, fd, &got);
		wrong += (unsigned long)got.it_interval.tv_nsec >= 1000000000;
	}
	end(&f);
	t_eq(wrong, 0);
	close(fd);
}

T_CASE_LIMIT(semaphores, 60)
{
	static const unsigned short low[4] = {1, 1, 1, 1}, high[4] = {1, 0xffff, 1, 0xffff};
	static const struct sembuf there = {0, 1, IPC_NOWAIT}, beyond = {9, 1, IPC_NOWAIT};
	int id = semget(IPC_PRIVATE, 4, 0600), wrong = 0, done = 0;
	unsigned short got[4], zero[4] = {0};
	struct flip f;

	h_memory();
	two(&f, AT(AREA), low, high, 8);
	for (int i = 0; i < MANY; i++) {
		syscall(SYS_semctl, id, 0, SETALL, AREA);
		syscall(SYS_semctl, id, 0, GETALL, got);
		for (int k = 0; k < 4; k++)
			wrong += got[k] > 1;
	}
	end(&f);
	t_eq(wrong, 0);
	syscall(SYS_semctl, id, 0, SETALL, zero);
	two(&f, AT(AREA), &there, &beyond, 6);
	for (int i = 0; i < MANY; i++)
		done += syscall(SYS_semop, id, AREA, 1) == 0;
	end(&f);
	syscall(SYS_semctl, id, 0, GETALL, got);
	t_eq(got[0], done);
	t_eq(got[1] + got[2] + got[3], 0);
	semctl(id, 0, IPC_RMID);
}

T_CASE_LIMIT(types_of_messages, 60)
{
	static const long a[2] = {1, 0x6161}, b[2] = {-1, 0x6262}, c[2] = {0, 0x6363};
	struct flip f = {.at = AT(AREA), .versions = {a, b, c}, .count = 3, .size = 16};
	int id = msgget(IPC_PRIVATE, 0600), wrong = 0;
	long got[2];

	h_memory();
	begin(&f, flipper);
	for (int i = 0; i < MANY; i++) {
		syscall(SYS_msgsnd, id, AREA, 8, IPC_NOWAIT);
		if (syscall(SYS_msgrcv, id, got, 8, 0, IPC_NOWAIT) >= 0)
			wrong += got[0] < 1;
	}
	end(&f);
	t_eq(wrong, 0);
	msgctl(id, IPC_RMID, NULL);
}

T_CASE_LIMIT(attributes_of_queues, 60)
{
	static const long a[8] = {0, 4, 16}, b[8] = {0, -1, 16}, c[8] = {0, 4, 1L << 40};
	struct flip f = {.at = AT(AREA), .versions = {a, b, c}, .count = 3, .size = 64};
	long got[8], wrong = 0;

	h_memory();
	begin(&f, flipper);
	for (int i = 0; i < MANY; i++) {
		int fd = (int)syscall(SYS_mq_open, "t_race", O_CREAT | O_EXCL | O_RDWR, 0600, AREA);

		if (fd < 0)
			continue;
		syscall(SYS_mq_getsetattr, fd, NULL, got);
		wrong += got[1] != 4 || got[2] != 16;
		close(fd);
		syscall(SYS_mq_unlink, "t_race");
	}
	end(&f);
	t_eq(wrong, 0);
}

/* A filter that was accepted is one that was looked at. */
T_CASE_LIMIT(filters, 60)
{
	static const struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
					no_code = {0xffff, 0xff, 0xff, -1U},
					wild_load = {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0xffffff00};
	struct flip f = {
		.at = AT(AREA), .versions = {&allow, &no_code, &wild_load}, .count = 3, .size = 8};
	struct sock_fprog prog = {.len = 1, .filter = AT(AREA)};
	pid_t pid;

	h_memory();
	T_CHILD(pid)
	{
		t_ret(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
		begin(&f, flipper);
		for (int i = 0; i < MANY; i++)
			syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
		end(&f);
		t_ret(syscall(SYS_getppid), getppid());
	}
	t_exit(pid, 0);
}

T_CASE_LIMIT(capabilities_stay_permitted, 60)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct a[2] = {{0}}, b[2] = {{0}}, got[2];
	struct flip f;
	pid_t pid;

	h_memory();
	t_ret(syscall(SYS_capget, &h, a), 0);
	memcpy(b, a, sizeof(b));
	a[0].inheritable = a[1].inheritable = 0;
	b[0].permitted &= 0xff; /* with all of the effective set: refused */
	T_CHILD(pid)
	{
		int wrong = 0;

		two(&f, AT(AREA), a, b, sizeof(a));
		for (int i = 0; i < MANY; i++) {
			syscall(SYS_capset, &h, AREA);
			syscall(SYS_capget, &h, got);
			for (int k = 0; k < 2; k++)
				wrong += (got[k].effective & ~got[k].permitted) != 0;
		}
		end(&f);
		t_eq(wrong, 0);
	}
	t_exit(pid, 0);
}

T_CASE_LIMIT(events_and_their_data, 60)
{
	static const struct epoll_event a = {EPOLLIN, {.u64 = 0x1111111111111111}},
					b = {EPOLLOUT, {.u64 = 0x2222222222222222}};
	int ep = epoll_create1(0), p[2], wrong = 0;
	struct epoll_event got;
	struct flip f;

	h_memory();
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	t_ret(write(p[1], "x", 1), 1);
	t_ret(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &a), 0);
	two(&f, AT(AREA), &a, &b, 12);
	for (int i = 0; i < MANY; i++) {
		t_ret(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_MOD, p[0], AREA), 0);
		if (epoll_wait(ep, &got, 1, 0) != 1)
			continue;
		wrong += (got.events & ~(EPOLLIN | EPOLLOUT)) != 0;
		for (int k = 0; k < 8; k++) {
			unsigned char byte = ((unsigned char *)&got.data)[k];

			wrong += byte != 0x11 && byte != 0x22;
		}
	}
	end(&f);
	t_eq(wrong, 0);
	close(ep);
	close(p[0]);
	close(p[1]);
}

/* Words, sizes and flags that are now good and now not: the call waits for none that is not. */
T_CASE_LIMIT(words_to_wait_for, 60)
{
	static const struct {
		uint64_t value, address;
		uint32_t flags, reserved;
	} a[2] = {{0, BYTES_AT, 2, 0}, {0, OTHER_AT, 2, 0}},
	  b[2] = {{0, 8, 2, 0}, {0, OTHER_AT + 1, 0xff, 1}};
	const struct timespec soon = {0, 0};
	long got, strange = 0;
	struct flip f;

	h_memory();
	two(&f, AT(AREA), a, b, sizeof(a));
	for (int i = 0; i < MANY; i++) {
		got = syscall(SYS_futex_waitv, AREA, 2, 0, &soon, 1);
		strange += got >= 0 || (errno != ETIMEDOUT && errno != EINVAL && errno != EFAULT &&
					       errno != EINTR);
	}
	end(&f);
	t_eq(strange, 0);
}
