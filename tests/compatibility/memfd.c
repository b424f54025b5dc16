/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* memfd.c - files without a name, and the seals that their holders put on them. */
#include "t_.h"

#include <pthread.h>

T_SUITE(memfd);

enum { PAGE = 4096, ALL = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static int sealable(size_t size)
{
	int f = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (f < 0 || ftruncate(f, size) < 0)
		t_stop("no memfd");
	return f;
}

static void *map(int f, int prot, int flags)
{
	return mmap(NULL, PAGE, prot, flags, f, 0);
}

T_CASE(names_and_flags)
{
	char name[251], link[64], path[64];

	memset(name, 'n', 250);
	name[250] = 0;
	t_errno(memfd_create(name, 0), EINVAL);
	name[249] = 0;
	int f = memfd_create(name, 0);
	t_ok(f);
	t_errno(memfd_create("x", 0x8000), EINVAL);
	t_errno(syscall(SYS_memfd_create, (void *)8, 0), EFAULT);
	t_ret(fcntl(f, F_GETFD), 0);
	t_ret(close(f), 0);
	f = memfd_create("a/b", MFD_CLOEXEC);
	t_ret(fcntl(f, F_GETFD), FD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f);
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	link[n < 0 ? 0 : n] = 0;
	t_str(link, "/memfd:a/b (deleted)");
	struct stat st;
	t_ret(fstat(f, &st), 0);
	t_eq(st.st_size, 0);
	t_eq(st.st_mode & S_IFMT, S_IFREG);
}

T_CASE(unsealable_is_sealed)
{
	int f = memfd_create("plain", MFD_CLOEXEC), p[2];

	t_ret(fcntl(f, F_GET_SEALS), F_SEAL_SEAL);
	t_errno(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	t_pipe(p);
	t_errno(fcntl(p[0], F_GET_SEALS), EINVAL);
	t_errno(fcntl(p[1], F_ADD_SEALS, F_SEAL_WRITE), EINVAL);
	t_errno(fcntl(-1, F_GET_SEALS), EBADF);
	f = sealable(0);
	t_ret(fcntl(f, F_GET_SEALS), 0);
	t_errno(fcntl(f, F_ADD_SEALS, 0x8000), EINVAL);
	t_errno(fcntl(f, F_ADD_SEALS, -1), EINVAL);
	t_ret(fcntl(f, F_ADD_SEALS, F_SEAL_SEAL), 0);
	t_errno(fcntl(f, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
	t_ret(fcntl(f, F_GET_SEALS), F_SEAL_SEAL);
}

T_CASE(shrink_and_grow)
{
	int f = sealable(2 * PAGE);

	t_ret(fcntl(f, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	t_errno(ftruncate(f, PAGE), EPERM);
	t_ret(ftruncate(f, 2 * PAGE), 0);
	t_ret(ftruncate(f, 3 * PAGE), 0);
	t_ret(fcntl(f, F_ADD_SEALS, F_SEAL_GROW), 0);
	t_eq(fcntl(f, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
	t_errno(ftruncate(f, 4 * PAGE), EPERM);
	t_errno(pwrite(f, "x", 1, 3 * PAGE), EPERM);
	t_errno(fallocate(f, 0, 0, 4 * PAGE), EPERM);
	t_ret(fallocate(f, 0, 0, 3 * PAGE), 0);
	t_ret(pwrite(f, "x", 1, 3 * PAGE - 1), 1);
	t_ret(fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), 0);
}

T_CASE(write_seal)
{
	int f = sealable(PAGE);
	char *shared = map(f, PROT_READ | PROT_WRITE, MAP_SHARED);

	t_check(shared != MAP_FAILED);
	t_errno(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	t_ret(mprotect(shared, PAGE, PROT_READ), 0);
	t_errno(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE), EBUSY); /* it may be writable again */
	t_ret(munmap(shared, PAGE), 0);
	t_ret(pwrite(f, "before", 6, 0), 6);
	t_ret(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE), 0);
	t_errno(pwrite(f, "after", 5, 0), EPERM);
	t_errno(fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	t_check(map(f, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	t_eq(errno, EPERM);
	shared = map(f, PROT_READ, MAP_SHARED);
	t_check(shared != MAP_FAILED);
	t_errno(mprotect(shared, PAGE, PROT_READ | PROT_WRITE), EACCES);
	t_mem(shared, "before", 6);
	char *mine = map(f, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	t_check(mine != MAP_FAILED);
	memcpy(mine, "mine", 4);
	t_mem(shared, "before", 6);
	t_ret(ftruncate(f, 2 * PAGE), 0); /* size is the business of other seals */
}

T_CASE(future_write_seal)
{
	int f = sealable(PAGE);
	char *shared = map(f, PROT_READ | PROT_WRITE, MAP_SHARED);

	t_ret(fcntl(f, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	memcpy(shared, "still", 5);
	t_errno(pwrite(f, "x", 1, 0), EPERM);
	t_check(map(f, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	t_eq(errno, EPERM);
	char *again = map(f, PROT_READ, MAP_SHARED);
	t_mem(again, "still", 5);
	t_errno(mprotect(again, PAGE, PROT_READ | PROT_WRITE), EACCES);
}

T_CASE(seals_are_the_files)
{
	int f = sealable(PAGE);
	char path[64];
	pid_t pid;

	T_CHILD(pid)
	{
		t_ret(fcntl(f, F_ADD_SEALS, ALL), 0);
	}
	t_exit(pid, 0);
	t_eq(fcntl(f, F_GET_SEALS), ALL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f);
	int other = open(path, O_RDONLY | O_CLOEXEC);
	t_eq(fcntl(other, F_GET_SEALS), ALL);
	f = sealable(PAGE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f);
	other = open(path, O_RDONLY | O_CLOEXEC);
	t_errno(fcntl(other, F_ADD_SEALS, F_SEAL_WRITE), EPERM); /* not open for writing */
}

/* A mapping that may be written and the seal against writing: whoever is first wins, never both. */
static pthread_barrier_t gate;
static int race_fd, seal_result;
static volatile bool race_over;
enum { ROUNDS = 1000, BULK = 16 << 20 };

static void *sealer(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&gate);
		for (volatile int wait = i % 64 * 64; wait > 0; wait--)
			;
		seal_result = fcntl(race_fd, F_ADD_SEALS, F_SEAL_WRITE);
		pthread_barrier_wait(&gate);
	}
	return NULL;
}

/* Keeps the address space busy, so that a mapping waits after it was found permissible. */
static void *mapper_of_much(void *arg)
{
	while (!race_over) {
		void *at = mmap(NULL, BULK, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (at != MAP_FAILED)
			munmap(at, BULK);
	}
	return NULL;
}

T_CASE_LIMIT(a_mapping_races_with_the_seal, 60)
{
	int both = 0, unequal = 0;
	pthread_t thread, busy;

	pthread_barrier_init(&gate, NULL, 2);
	t_ret(pthread_create(&thread, NULL, sealer, NULL), 0);
	t_ret(pthread_create(&busy, NULL, mapper_of_much, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		race_fd = sealable(PAGE);
		pthread_barrier_wait(&gate);
		char *at = map(race_fd, PROT_READ | PROT_WRITE, MAP_SHARED);
		pthread_barrier_wait(&gate);
		bool sealed = fcntl(race_fd, F_GET_SEALS) & F_SEAL_WRITE;
		both += at != MAP_FAILED && sealed;
		unequal += sealed != (seal_result == 0);
		if (at != MAP_FAILED)
			munmap(at, PAGE);
		close(race_fd);
	}
	pthread_join(thread, NULL);
	race_over = true;
	pthread_join(busy, NULL);
	t_eq(both, 0);
	t_eq(unequal, 0);
}
