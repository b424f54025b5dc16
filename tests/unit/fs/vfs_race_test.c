/* Names that move while they are walked, on simulated CPUs with random interleavings: a name that is replaced is always there, texts of paths
 * are never torn, and nothing is freed under anybody's feet.
 * mode: sim
 * needs: kernel/fs/vfs/anon.c kernel/fs/vfs/attributes.c kernel/fs/vfs/dcache.c kernel/fs/vfs/file_object.c kernel/fs/vfs/fs_context.c
 * needs: kernel/fs/vfs/fs_init.c kernel/fs/vfs/inode.c kernel/fs/vfs/modify.c kernel/fs/vfs/mount_calls.c kernel/fs/vfs/mount_tree.c kernel/fs/vfs/open.c
 * needs: kernel/fs/vfs/path_text.c kernel/fs/vfs/path_walk.c kernel/fs/vfs/uio.c kernel/fs/vfs/acl.c kernel/fs/vfs/xattr.c
 * needs: kernel/fs/tmpfs/tmpfs_dir.c kernel/fs/tmpfs/tmpfs_file.c kernel/fs/tmpfs/tmpfs_super.c kernel/fs/tmpfs/tmpfs_xattr.c
 * needs: kernel/fs/tmpfs/memfd.c kernel/fs/devfs/devfs.c kernel/fs/pipe/pipe.c kernel/fs/poll/epoll.c
 * needs: kernel/fs/poll/inotify.c
 * needs: kernel/fs/locks/file_locks.c kernel/fs/locks/lock_ranges.c kernel/memory/virtual/vm_object.c kernel/memory/virtual/page_tree.c
 * needs: kernel/security/capability/space.c kernel/security/capability/object.c kernel/security/credentials.c
 * needs: kernel/scheduler/core/schedule.c kernel/scheduler/core/wake.c kernel/scheduler/core/balance.c kernel/scheduler/core/tick.c
 * needs: kernel/scheduler/core/accounting.c kernel/scheduler/core/workqueue.c kernel/scheduler/thread/thread.c
 * needs: kernel/scheduler/thread/params.c kernel/scheduler/prediction/fair.c kernel/scheduler/realtime/realtime.c
 * needs: kernel/scheduler/realtime/deadline.c kernel/scheduler/realtime/inherit.c
 * needs: kernel/time/clock.c kernel/time/timer.c kernel/time/rtc.c kernel/sync/spinlock.c kernel/sync/lock_debug.c
 * needs: kernel/sync/waitqueue.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/rcu.c
 */
#include "vfs_harness.h"
#include "../semaphore.h"

#define WORKERS_MAX 8

static struct semaphore done;
static u32 stop; /* [a] the walkers' sign to end */

struct job {
	void (*fn)(u64 seed);
	u64 seed;
};
static void job_main(void *p)
{
	struct job *j = p;

	j->fn(j->seed);
	semaphore_up(&done);
}

static u32 rnd(u64 *s, u32 n)
{
	*s = *s * 6364136223846793005ULL + 1442695040888963407ULL;
	return (u32)(*s >> 33) % n;
}

/* Starts the changers and the walkers; when all changers are done the walkers are told to end. */
static void run(const struct job *changers, u32 n_changers, const struct job *walkers, u32 n_walkers)
{
	semaphore_init(&done, 0);
	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
	for (u32 i = 0; i < n_changers; i++)
		u_check(kthread_create("changer", job_main, (void *)&changers[i]));
	for (u32 i = 0; i < n_walkers; i++)
		u_check(kthread_create("walker", job_main, (void *)&walkers[i]));
	for (u32 i = 0; i < n_changers; i++)
		u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (u32 i = 0; i < n_walkers; i++)
		u_eq(semaphore_down(&done, WAIT_UNINTERRUPTIBLE, NS_FOREVER), 0);
}

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* ---- a name that is replaced ---- */

static void replacer(u64 s)
{
	for (int i = 0; i < 60; i++) {
		u_eq(t_write_file("/r/new", "text"), 0);
		u_eq(t_rename("/r/new", rnd(&s, 2) ? "/r/target" : "/r/the-other-target-whose-name-is-too-long-for-a-dentry", 0), 0);
	}
}

static void target_walker(u64 s)
{
	static const char *const targets[] = { "/r/target", "/r/the-other-target-whose-name-is-too-long-for-a-dentry", "/link/target" };
	struct stat_k st;
	struct file *f;
	char buf[8];

	while (!stopped()) {
		const char *t = targets[rnd(&s, 3)];

		switch (rnd(&s, 3)) {
		case 0:
			u_eq(t_stat(t, &st), 0);
			u_eq(st.size, 4);
			break;
		case 1:
			f = vfs_open(AT_FDCWD, t, O_RDONLY, 0);
			u_need(!is_err(f));
			u_eq(file_read_kernel(f, buf, sizeof(buf), 0), 4);
			file_put(f);
			break;
		default:
			u_eq(t_exists("/r/nothing"), -ENOENT);
		}
	}
}

static void replacing(void *arg)
{
	const struct job changers[] = { { replacer, 1 } }, walkers[] = { { target_walker, 2 }, { target_walker, 3 }, { target_walker, 4 } };

	fs_start();
	u_eq(t_mkdir("/r"), 0);
	u_eq(t_symlink("r", "/link"), 0);
	u_eq(t_write_file("/r/target", "text"), 0);
	u_eq(t_write_file("/r/the-other-target-whose-name-is-too-long-for-a-dentry", "text"), 0);
	run(changers, 1, walkers, 3);
}

/* ---- directories that move about ---- */

static const char *const places[] = { "/m/a/moving", "/m/b/moving", "/m/a/another-name-that-does-not-fit-into-a-dentry", "/m/c" };

static void mover(u64 s)
{
	for (int i = 0; i < 80; i++)
		t_rename(places[rnd(&s, 4)], places[rnd(&s, 4)], rnd(&s, 4) ? 0 : RENAME_EXCHANGE);
}

static bool one_of_places(const char *text)
{
	for (int i = 0; i < 4; i++) {
		size_t n = strlen(places[i]);

		if (!strncmp(text, places[i], n) && (!strcmp(text + n, "/in") || !strcmp(text + n, "/in (deleted)")))
			return true;
	}
	return false;
}

static void text_walker(u64 s)
{
	char text[256], path[300];
	struct path p, root;

	fs_path_get(&fs_context_boot, &fs_context_boot.root, &root);
	while (!stopped()) {
		snprintf(path, sizeof(path), "%s/in", places[rnd(&s, 4)]);
		if (path_lookup(AT_FDCWD, path, 0, &p))
			continue;
		for (int i = 0; i < 3; i++) {
			u_check(path_text(&p, &root, text, sizeof(text)) > 0);
			if (!u_check(one_of_places(text)))
				u_note("%s", text);
		}
		path_put(&p);
	}
	path_put(&root);
}

static void up_walker(u64 s)
{
	char path[300];

	while (!stopped()) {
		snprintf(path, sizeof(path), "%s/in/../../..", places[rnd(&s, 4)]);
		t_exists(path);
		snprintf(path, sizeof(path), "%s/in/deep/../../in/deep", places[rnd(&s, 4)]);
		t_exists(path);
	}
}

static void moving(void *arg)
{
	const struct job changers[] = { { mover, 1 }, { mover, 2 } }, walkers[] = { { text_walker, 3 }, { up_walker, 4 }, { up_walker, 5 } };

	fs_start();
	u_eq(t_mkdir("/m"), 0);
	u_eq(t_mkdir("/m/a"), 0);
	u_eq(t_mkdir("/m/b"), 0);
	u_eq(t_mkdir("/m/a/moving"), 0);
	u_eq(t_mkdir("/m/a/moving/in"), 0);
	u_eq(t_mkdir("/m/a/moving/in/deep"), 0);
	run(changers, 2, walkers, 3);
}

/* ---- anything, anywhere ---- */

static const char *random_path(u64 *s, char *buf)
{
	static const char *const names[] = { "a", "b", "c", "..", ".", "a-name-that-is-longer-than-what-a-dentry-holds-inline" };

	strcpy(buf, "/s");
	for (u32 n = 1 + rnd(s, 3); n; n--) {
		strcat(buf, "/");
		strcat(buf, names[rnd(s, 6)]);
	}
	return buf;
}

static void anything(u64 s)
{
	char a[300], b[300], text[2048];
	struct stat_k st;
	struct file *f;

	for (int i = 0; i < 120; i++) {
		random_path(&s, a);
		random_path(&s, b);
		switch (rnd(&s, 11)) {
		case 0:
		case 1:
			t_mkdir(a);
			break;
		case 2:
			t_rmdir(a);
			break;
		case 3:
			t_write_file(a, "x");
			break;
		case 4:
			t_unlink(a);
			break;
		case 5:
		case 6:
			t_rename(a, b, rnd(&s, 3));
			break;
		case 7:
			t_link(a, b);
			break;
		case 8:
			t_symlink(rnd(&s, 2) ? "a" : "../b/c", a);
			break;
		case 9:
			f = vfs_open(AT_FDCWD, a, O_RDONLY | O_DIRECTORY, 0);
			if (!is_err(f)) {
				t_list_some(f, text, 5);
				file_put(f);
			}
			break;
		default:
			t_stat(a, &st);
			if (rnd(&s, 8) == 0)
				dentry_shrinker->shrink(dentry_shrinker, 4);
		}
	}
}

static void everything(void *arg)
{
	const struct job changers[] = { { anything, 1 }, { anything, 2 }, { anything, 3 }, { anything, 4 } };

	fs_start();
	u_eq(t_mkdir("/s"), 0);
	run(changers, 4, NULL, 0);
}

/* ---- mounts that come and go ---- */

static void mounter(u64 s)
{
	for (int i = 0; i < 15; i++) {
		u_eq(vfs_mount("tmpfs", "t", "/mnt", 0, ""), 0);
		u_eq(t_write_file("/mnt/above", "x"), 0);
		if (i % 2) { /* a mount that moves is always somewhere, and so is what stands beside it */
			u_eq(vfs_mount("", "/mnt", "/mnt2", MS_MOVE, ""), 0);
			u_eq(vfs_mount("", "/mnt2", "/mnt", MS_BIND, ""), 0);
			u_eq(t_umount("/mnt2", true), 0);
		}
		u_eq(t_umount("/mnt", true), 0);
	}
}

static void mount_walker(u64 s)
{
	struct file *f;

	while (!stopped()) {
		int err = t_exists("/mnt/above"), other = t_exists("/mnt/below");

		u_check((err == 0 || err == -ENOENT) && (other == 0 || other == -ENOENT));
		u_eq(t_exists("/mnt/../dev"), 0);
		u_eq(t_exists("/still/here"), 0);
		f = vfs_open(AT_FDCWD, "/mnt", O_RDONLY, 0);
		u_need(!is_err(f));
		file_put(f);
	}
}

static void mounting(void *arg)
{
	const struct job changers[] = { { mounter, 1 } }, walkers[] = { { mount_walker, 2 }, { mount_walker, 3 } };

	fs_start();
	u_eq(t_mkdir("/mnt"), 0);
	u_eq(t_mkdir("/mnt2"), 0);
	u_eq(t_mkdir("/still"), 0);
	u_eq(vfs_mount("tmpfs", "t", "/still", 0, ""), 0);
	u_eq(t_write_file("/still/here", "x"), 0);
	u_eq(t_write_file("/mnt/below", "x"), 0);
	run(changers, 1, walkers, 2);
}

/* Runs main_fn with several seeds; the first that fails is named. */
static void run_seeds(u32 cpus, u32 seeds, u32 switch_one_in, void (*main_fn)(void *arg))
{
	for (u32 seed = 1; seed <= seeds && !u_failures; seed++) {
		struct host_sim s = { .cpus = cpus, .seed = seed, .switch_one_in = switch_one_in, .time_limit_ns = 600 * NS_PER_SEC };
		int r = host_sim_run_again(&s, main_fn, NULL);

		if (r)
			u_fail(__FILE__, __LINE__, "seed %u on %u CPUs: error %d", seed, cpus, r);
	}
}

U_TEST_LIMIT(a_replaced_name_is_always_there, 60)
{
	run_seeds(3, 8, 15, replacing);
}

U_TEST_LIMIT(moving_directories, 60)
{
	run_seeds(3, 8, 15, moving);
}

U_TEST_LIMIT(everything_at_once, 60)
{
	run_seeds(4, 12, 20, everything);
}

U_TEST_LIMIT(mounts_come_and_go, 60)
{
	run_seeds(3, 6, 20, mounting);
}
