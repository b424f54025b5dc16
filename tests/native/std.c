/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* exo_types and exo_std, on Exo-OS: each function, its results and its errors. */
#include "t_.h"
#include <exo_std/fs.h>
#include <exo_std/io.h>
#include <exo_std/net.h>
#include <exo_std/process.h>
#include <exo_std/security.h>
#include <exo_std/sync.h>
#include <exo_std/thread.h>
#include <exo_std/time.h>

T_SUITE(std);

T_CASE(names_of_errors)
{
	t_check(!strcmp(exo_error_name(-EKEYREVOKED), "EKEYREVOKED"));
	t_check(!strcmp(exo_error_name(ENOENT), "ENOENT"));
	t_check(!strcmp(exo_error_name(0), "OK") && !strcmp(exo_error_name(-9999), "E?"));
}

T_CASE(clocks)
{
	exo_ns_t begin = exo_now_ns();

	t_eq(exo_sleep_until(begin + 20 * EXO_NS_PER_MS), 0);
	t_check(exo_now_ns() >= begin + 20 * EXO_NS_PER_MS);
	t_eq(exo_sleep_until(begin), 0);
	t_check(exo_after_ns(EXO_FOREVER) == EXO_FOREVER && exo_after_ns(1) > begin);
}

T_CASE(bytes)
{
	char text[8], big[2000];
	int p[2];

	t_ok(pipe(p));
	t_eq(exo_print(p[1], "%s %d", "abc", 42), 0);
	t_eq(exo_read_all(p[0], text, 6), 6);
	t_check(!memcmp(text, "abc 42", 6));
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	t_eq(exo_print(p[1], "%s", big), -EMSGSIZE);
	t_eq(exo_write(p[0], "x", 1), -EBADF);
	t_eq(exo_seek(p[0], 0, SEEK_SET), -ESPIPE);
	t_eq(exo_write_all(p[1], "123", 3), 0);
	close(p[1]);
	t_eq(exo_read_all(p[0], text, 8), 3);
	t_eq(exo_read(p[0], text, 8), 0);
	t_eq(exo_read(-1, text, 8), -EBADF);
}

static void below(exo_cap_t d, bool confined)
{
	exo_cap_t f = exo_open_at(d, "made", O_RDWR | O_CREAT | O_EXCL, 0600);

	t_ok(f);
	t_eq(fcntl(f, F_GETFD), FD_CLOEXEC);
	t_eq(exo_write_all(f, "12345", 5), 0);
	t_eq(exo_size(f), 5);
	t_eq(exo_seek(f, -2, SEEK_END), 3);
	t_eq(exo_open_at(d, "made", O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
	t_eq(exo_mkdir_at(d, "sub", 0700), 0);
	t_ok(exo_open_at(d, "sub//deep", O_WRONLY | O_CREAT, 0600));
	t_ok(exo_open_at(d, "sub/deep", O_RDONLY, 0));
	t_eq(exo_open_at(d, "made/x", O_RDONLY, 0), -ENOTDIR);
	t_eq(exo_open_at(d, "none", O_RDONLY, 0), -ENOENT);
	t_eq(exo_open_at(d, "", O_RDONLY, 0), -ENOENT);
	t_eq(exo_open_at(d, "../secret", O_RDONLY, 0), confined ? -EPERM : -EXDEV);
	t_eq(exo_open_at(d, "sub/../../secret", O_RDONLY, 0), confined ? -EPERM : -EXDEV);
	t_eq(exo_open_at(d, "/etc/passwd", O_RDONLY, 0), confined ? -EPERM : -EXDEV);
	t_check(exo_open_at(d, "out", O_RDONLY, 0) < 0);
	t_check(exo_open_at(d, "away/secret", O_RDONLY, 0) < 0);
	t_eq(exo_mkdir_at(d, "../x", 0700), -EINVAL);
	t_eq(exo_rename_at(d, "made", d, "sub/x"), -EINVAL);
	t_eq(exo_rename_at(d, "made", d, "moved"), 0);
	t_eq(exo_remove_at(d, "moved", false), 0);
	t_eq(exo_remove_at(d, "moved", false), -ENOENT);
	t_eq(exo_remove_at(d, "sub", true), -ENOTEMPTY);
}

static exo_cap_t tree(void)
{
	t_spew("secret", "secret");
	t_ok(mkdir("in", 0755));
	t_ok(symlink("../secret", "in/out"));
	t_ok(symlink("..", "in/away"));
	t_eq(exo_root("nowhere"), -ENOENT);
	return exo_root("in");
}

T_CASE(files_below_a_directory)
{
	below(tree(), false);
}

T_CASE(files_below_a_directory_confined)
{
	exo_cap_t d = tree();

	t_eq(exo_confine(), 0);
	below(d, true);
}

T_CASE(less_authority)
{
	exo_cap_t f = open("file", O_RDWR | O_CREAT, 0600),
		  less = exo_narrow(f, EXO_READ, EXO_FOREVER),
		  brief = exo_narrow(f, EXO_READ, exo_after_ns(20 * EXO_NS_PER_MS));
	char byte;

	t_eq(exo_rights(f), EXO_ALL);
	t_eq(exo_rights(less), EXO_READ);
	t_eq(exo_write(less, "x", 1), -EACCES);
	t_eq(exo_narrow(less, EXO_READ, EXO_FOREVER), -EACCES);
	t_eq(exo_read(brief, &byte, 1), 0);
	exo_sleep_until(exo_after_ns(60 * EXO_NS_PER_MS));
	t_eq(exo_rights(brief), -EKEYREVOKED);
	t_check(exo_read(brief, &byte, 1) < 0);
	t_eq(exo_rights(-1), -EBADF);
}

T_HELPER(answer)
{
	return exo_write_all(1, argv[0], strlen(argv[0])) ? 99 : 7;
}

T_HELPER(forever)
{
	pause();
	return argc;
}

T_CASE(processes)
{
	exo_cap_t program = open("/proc/self/exe", O_RDONLY), child;
	const char *say[] = {"t", "-x", "answer", "hello", NULL},
		   *hang[] = {"t", "-x", "forever", NULL};
	struct exo_spawn_cap out;
	char text[5];
	int p[2];

	t_ok(pipe2(p, O_CLOEXEC));
	out.from = p[1];
	out.to = 1;
	child = exo_start(program, say, &out, 1, EXO_SPAWN_CONFINED);
	t_ok(child);
	t_eq(exo_read_all(p[0], text, 5), 5);
	t_check(!memcmp(text, "hello", 5));
	t_eq(exo_wait(child), 7);
	child = exo_start(program, hang, NULL, 0, 0);
	t_ok(child);
	t_eq(exo_signal(child, SIGTERM), 0);
	t_eq(exo_wait(child), 256 + SIGTERM);
	t_eq(exo_start(250, say, NULL, 0, 0), -EBADF);
}

static struct exo_mutex mutex;
static struct exo_gate event;
static int counter, done;

static void *add(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		exo_mutex_lock(&mutex);
		counter++;
		exo_mutex_unlock(&mutex);
	}
	exo_mutex_lock(&mutex);
	done++;
	exo_mutex_unlock(&mutex);
	exo_gate_signal(&event);
	return arg;
}

T_CASE_LIMIT(threads_mutex_event, 60)
{
	exo_thread_t t[4];
	void *result = NULL;

	for (long i = 0; i < 4; i++) {
		t_eq(exo_thread_start(&t[i], add, (void *)i), 0);
		t_check(exo_thread_pin(t[i], (unsigned)i % 2) == 0);
	}
	for (;;) {
		uint32_t seen = exo_gate_seen(&event);
		bool all;

		exo_mutex_lock(&mutex);
		all = done == 4;
		exo_mutex_unlock(&mutex);
		if (all)
			break;
		t_eq(exo_gate_wait(&event, seen, EXO_FOREVER), 0);
	}
	for (long i = 0; i < 4; i++) {
		t_eq(exo_thread_join(t[i], &result), 0);
		t_eq((long)result, i);
	}
	t_eq(counter, 80000);
	t_eq(mutex.word, 0);
	t_check(exo_mutex_try(&mutex) && !exo_mutex_try(&mutex));
	t_eq(exo_gate_wait(&event, exo_gate_seen(&event), exo_after_ns(10 * EXO_NS_PER_MS)),
		-ETIMEDOUT);
	t_eq(exo_thread_pin(pthread_self(), 100000), -EINVAL);
}

/* A server below a directory, two unconnected sockets, and all ways out of the directory. */
T_CASE(sockets_below_a_directory)
{
	exo_cap_t d = tree(), server = exo_socket(SOCK_STREAM), outside = exo_socket(SOCK_STREAM),
		  a = exo_socket(SOCK_STREAM), b = exo_socket(SOCK_STREAM), conn, no_connect, no_lookup;
	char byte;

	t_eq(exo_listen_at(server, d, "service", 4), 0);
	t_eq(exo_listen_at(outside, exo_root("."), "service", 4), 0);
	t_eq(exo_listen_at(exo_socket(SOCK_STREAM), d, "service", 4), -EADDRINUSE);
	t_ok(symlink("../service", "in/link_out"));
	t_ok(symlink("service", "in/link_in"));
	no_connect = exo_narrow(d, EXO_ALL & ~EXO_CONNECT, EXO_FOREVER);
	no_lookup = exo_narrow(d, EXO_ALL & ~EXO_LOOKUP, EXO_FOREVER);
	for (int confined = 0; confined < 2; confined++) {
		exo_cap_t s = confined ? b : a;

		if (confined)
			t_eq(exo_confine(), 0);
		t_eq(exo_connect_at(s, d, "nobody"), -ENOENT);
		t_eq(exo_connect_at(s, d, ""), -ENOENT);
		t_eq(exo_connect_at(s, d, "../service"), -EPERM);
		t_eq(exo_connect_at(s, d, "link_out"), -EPERM);
		t_eq(exo_connect_at(s, d, "/tmp/service"), -EPERM);
		t_eq(exo_connect_at(s, d, "out"), -EPERM);
		t_eq(exo_connect_at(s, no_connect, "service"), -EACCES);
		t_eq(exo_connect_at(s, no_lookup, "service"), -EACCES);
		t_eq(exo_connect_at(exo_narrow(s, EXO_READ, EXO_FOREVER), d, "service"), -EACCES);
		t_eq(exo_connect_at(s, -100, "service"), -EBADF);
		t_eq(exo_connect_at(s, 250, "service"), -EBADF);
		t_eq(exo_connect_at(d, d, "service"), -ENOTSOCK);
		t_eq(exo_socket_connect(s, d, (const char *)8), -EFAULT);
		t_eq(exo_connect_at(s, d, confined ? "link_in" : "service"), 0);
		t_eq(exo_connect_at(s, d, "service"), -EISCONN);
		conn = exo_accept(server);
		t_ok(conn);
		t_eq(exo_write_all(s, "x", 1), 0);
		t_eq(exo_read(conn, &byte, 1), 1);
	}
	t_eq(exo_socket(SOCK_STREAM), -EPERM);
	t_eq(exo_listen_at(exo_narrow(b, EXO_ALL, EXO_FOREVER), d, "other", 4), -EPERM);
}

static void *task_body(void *arg)
{
	exo_gate_signal((struct exo_gate *)arg);
	return (char *)arg + 1;
}

T_CASE(tasks)
{
	struct exo_gate gate = {0};
	struct exo_task t;

	t_eq(exo_task_start(&t, task_body, &gate, 4096), -EINVAL);
	t_eq(exo_task_start(&t, task_body, &gate, 1 << 16), 0);
	t_eq(exo_gate_wait(&gate, 0, EXO_FOREVER), 0);
	t_check(exo_task_join(&t) == (char *)&gate + 1);
}
