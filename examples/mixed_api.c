/* mixed_api - POSIX and native calls in one program, on the same objects: a file from open(2)
 * travels over a ring, poll(2) waits for a ring and a pipe, read(2) hears of a revocation.
 * Tutorial: docs/tutorials/mixed_api.md */
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <exo_ipc/exo_ring.h>
#include <exo_std/io.h>
#include <exo_std/security.h>

static int fail(const char *what, long err)
{
	exo_print(STDERR_FILENO, "%s: %s\n", what, exo_error_name(err));
	return 1;
}

/* Sends a file that may be read and no more, then, over a pipe, a word. Revokes the file when told
 * so. */
static int giver(exo_cap_t end, int word, int go)
{
	int fd = open("/tmp/mixed", O_RDWR | O_CREAT | O_TRUNC, 0600);
	exo_cap_t shared = exo_narrow(fd, EXO_ALL & ~EXO_WRITE, EXO_FOREVER), given;
	struct exo_end e;
	char byte;

	if (fd < 0 || shared < 0 || exo_end_open(&e, end))
		return 1;
	if (exo_write_all(fd, "written by POSIX, read through a capability\n", 44))
		return 1;
	given = dup(shared); /* the same grant: it moves away, and we keep what revokes it */
	if (exo_end_send_caps(&e, &given, 1, "file", 4, EXO_FOREVER))
		return 1;
	if (exo_write_all(word, "pipe", 4) || exo_read_all(go, &byte, 1) != 1)
		return 1;
	return exo_cap_revoke(shared, 0) || exo_write_all(word, "gone", 4);
}

int main(void)
{
	struct exo_ring_params params = {FRING_SPSC, 16, EXO_RING_DUPLEX};
	struct fring_message m;
	struct exo_caps_message c;
	struct exo_end e;
	int32_t ends[2], file = -1;
	int word[2], go[2], status = -1, heard = 0;
	char text[64] = "";
	long n = exo_ring_create(&params, sizeof(params), ends);
	pid_t child;

	if (n || pipe(word) || pipe(go))
		return fail("ring", n);
	child = fork();
	if (!child) {
		close(ends[0]);
		_exit(giver(ends[1], word[1], go[0]));
	}
	close(ends[1]);
	n = exo_end_open(&e, ends[0]);
	if (n)
		return fail("end", n);
	while (heard != 3) { /* one loop for a ring and a pipe */
		struct pollfd p[2] = {{ends[0], POLLIN, 0}, {heard & 2 ? -1 : word[0], POLLIN, 0}};

		if ((heard & 1 || exo_end_arm(&e)) && poll(p, 2, -1) < 0)
			return fail("poll", -errno);
		if (!(heard & 1) && !exo_end_recv(&e, &m, EXO_NO_WAIT)) {
			n = exo_end_take_caps(&e, &m, &c, &file, 1);
			if (n != 1)
				return fail("capability", n);
			exo_print(STDOUT_FILENO, "ring: %.*s\n", (int)c.len_bytes,
				(const char *)c.data);
			heard |= 1;
		}
		if (p[1].revents & POLLIN && !(heard & 2)) {
			if (exo_read_all(word[0], text, 4) != 4)
				return 1;
			heard |= 2;
		}
	}
	n = pread(file, text, sizeof(text) - 1, 0);
	if (n < 0)
		return fail("pread", -errno);
	text[n] = 0;
	exo_print(STDOUT_FILENO, "file: %s", text);
	exo_print(STDOUT_FILENO, "write: %s\n", exo_error_name(exo_write(file, "x", 1)));
	if (exo_write_all(go[1], "g", 1) || exo_read_all(word[0], text, 4) != 4)
		return 1;
	exo_print(STDOUT_FILENO, "after the revocation: %s\n",
		exo_error_name(pread(file, text, 1, 0) < 0 ? -errno : 0));
	waitpid(child, &status, 0);
	return status != 0;
}
