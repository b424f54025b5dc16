/* Archives become files: what is made, what is refused, what a fault or a lack of memory leaves behind.
 * needs: kernel/fs/initramfs/cpio.c kernel/fs/initramfs/inflate.c kernel/fs/initramfs/initramfs.c
 * needs: kernel/fs/vfs/anon.c kernel/fs/vfs/attributes.c kernel/fs/vfs/dcache.c kernel/fs/vfs/file_object.c kernel/fs/vfs/fs_context.c
 * needs: kernel/fs/vfs/fs_init.c kernel/fs/vfs/inode.c kernel/fs/vfs/modify.c kernel/fs/vfs/mount_calls.c kernel/fs/vfs/mount_tree.c kernel/fs/vfs/open.c
 * needs: kernel/fs/vfs/path_text.c kernel/fs/vfs/path_walk.c kernel/fs/vfs/uio.c kernel/fs/vfs/acl.c kernel/fs/vfs/xattr.c
 * needs: kernel/fs/tmpfs/tmpfs_dir.c kernel/fs/tmpfs/tmpfs_file.c kernel/fs/tmpfs/tmpfs_super.c kernel/fs/tmpfs/tmpfs_xattr.c
 * needs: kernel/fs/tmpfs/memfd.c kernel/fs/devfs/devfs.c kernel/fs/pipe/pipe.c kernel/fs/poll/epoll.c
 * needs: kernel/fs/poll/inotify.c
 * needs: kernel/fs/locks/file_locks.c kernel/fs/locks/lock_ranges.c kernel/memory/virtual/vm_object.c kernel/memory/virtual/page_tree.c
 * needs: kernel/security/capability/space.c kernel/security/capability/object.c kernel/security/credentials.c
 * needs: kernel/sync/spinlock.c kernel/sync/lock_debug.c kernel/sync/mutex.c kernel/sync/rwsem.c kernel/sync/waitqueue.c
 */
#include "vfs_harness.h"
#include <stdlib.h>

void *vmalloc(size_t len_bytes, u32 flags)
{
	return kmalloc(len_bytes, flags);
}
void vfree(void *p)
{
	kfree(p);
}
u64 mem_pages_free(void)
{
	return 100000;
}

struct archive {
	u8 *bytes;
	size_t len;
};
struct entry {
	const char *name, *data;
	u32 mode, ino, nlink, uid, mtime, rdev_minor;
};

static void put(struct archive *a, const void *data, size_t n)
{
	a->bytes = realloc(a->bytes, a->len + n + 1);
	memcpy(a->bytes + a->len, data, n);
	a->len += n;
}

static void add(struct archive *a, size_t start, const struct entry *e)
{
	size_t name = strlen(e->name) + 1, data = e->data ? strlen(e->data) : 0;
	char header[128];

	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", e->ino, e->mode, e->uid, e->uid + 1,
		e->nlink ? e->nlink : 1, e->mtime, (u32)data, 8, 1, 1, e->rdev_minor, (u32)name, 0);
	put(a, header, 110);
	put(a, e->name, name);
	while ((a->len - start) % 4)
		put(a, "", 1);
	put(a, e->data ? e->data : "", data);
	while ((a->len - start) % 4)
		put(a, "", 1);
}

#define DIR  0040000u
#define REG  0100000u
#define LNK  0120000u
#define CHR  0020000u
static const struct entry tree[] = {
	{ .name = "t", .mode = DIR | 0755, .mtime = 1000 },
	{ .name = "t/dir", .mode = DIR | 01777, .uid = 5, .mtime = 2000 },
	{ .name = "./t/dir/file", .mode = REG | 04755, .uid = 7, .mtime = 3000, .data = "contents" },
	{ .name = "/t/sym", .mode = LNK | 0777, .data = "dir" },
	{ .name = "t/sym/through", .mode = REG | 0644, .data = "by link" },
	{ .name = "t/null", .mode = CHR | 0666, .rdev_minor = 3 },
	{ .name = "t/one", .mode = REG | 0644, .ino = 9, .nlink = 2 },
	{ .name = "t/two", .mode = REG | 0644, .ino = 9, .nlink = 2, .data = "shared" },
	{ .name = "t/../escaped", .mode = REG | 0644, .data = "no" },
	{ .name = "t/none/lost", .mode = REG | 0644, .data = "no" },
	{ .name = "t/again", .mode = REG | 0644, .data = "the first is longer" },
	{ .name = "t/again", .mode = REG | 0600, .data = "second" },
	{ .name = "t/turned", .mode = DIR | 0755 },
	{ .name = "t/turned", .mode = REG | 0644, .data = "file now" },
	{ .name = "dev/console", .mode = CHR | 0600, .rdev_minor = 1 },
};

static struct archive make_tree(void)
{
	struct archive a = { NULL, 0 };

	for (u32 i = 0; i < ARRAY_LEN(tree); i++)
		add(&a, 0, &tree[i]);
	add(&a, 0, &(struct entry){ .name = "TRAILER!!!" });
	return a;
}

static bool stat_of(const char *path, struct stat_k *st)
{
	struct path_buf b;
	int err = path_buf_kernel(&b, path);

	err = err ? err : path_stat(AT_FDCWD, b.text, 0, st);
	path_buf_fini(&b);
	return !err;
}

static void holds(const char *path, const char *text)
{
	struct file *f = vfs_open(AT_FDCWD, path, O_RDONLY, 0);
	char buf[64] = "";

	u_need(!is_err(f));
	u_eq(file_read_kernel(f, buf, sizeof(buf) - 1, 0), (long)strlen(text));
	u_str_eq(buf, text);
	file_put(f);
}

U_TEST(a_tree_comes_out)
{
	struct archive a = make_tree();
	struct stat_k st, other;

	fs_start();
	u_eq(initramfs_unpack(a.bytes, a.len), 0);
	u_check(initramfs_keeps_archive);
	u_need(stat_of("/t", &st));
	u_eq(st.mode, DIR | 0755);
	u_eq(st.mtime.sec, 1000); /* whatever was made in it since, and removed */
	u_need(stat_of("/t/dir", &st));
	u_eq(st.mode, DIR | 01777);
	u_eq(st.uid, 5);
	u_eq(st.gid, 6);
	u_eq(st.mtime.sec, 2000);
	u_need(stat_of("/t/dir/file", &st));
	u_eq(st.mode, REG | 04755);
	u_eq(st.mtime.sec, 3000);
	u_eq(st.size, 8);
	holds("/t/dir/file", "contents");
	holds("/t/dir/through", "by link");
	u_need(stat_of("/t/null", &st));
	u_eq(st.rdev, MKDEV(1, 3));
	u_need(stat_of("/t/one", &st) && stat_of("/t/two", &other));
	u_eq(st.ino, other.ino);
	u_eq(st.nlink, 2);
	holds("/t/one", "shared");
	holds("/t/again", "second");
	u_need(stat_of("/t/again", &st));
	u_eq(st.mode, REG | 0600);
	holds("/t/turned", "file now");
	u_check(!stat_of("/escaped", &st));
	u_check(!stat_of("/t/none", &st));
	free(a.bytes);
}

U_TEST(adopted_files_are_files)
{
	struct archive a = make_tree();
	struct file *f;

	fs_start();
	u_eq(initramfs_unpack(a.bytes, a.len), 0);
	f = vfs_open(AT_FDCWD, "/t/again", O_RDWR, 0);
	u_need(!is_err(f));
	u_eq(file_write_kernel(f, "EC", 2, 1), 2);
	holds("/t/again", "sECond");
	u_eq(file_truncate(f->inode, 3, f), 0);
	u_eq(file_truncate(f->inode, 5, f), 0);
	{
		char buf[8];

		u_eq(file_read_kernel(f, buf, 8, 0), 5);
		u_mem_eq(buf, "sEC\0\0", 5); /* nothing of the archive comes back */
	}
	file_put(f);
	free(a.bytes);
}

U_TEST_LIMIT(every_truncation_leaves_what_was_whole, 60)
{
	static u8 *kept[2000]; /* files stand in them */
	struct archive a = make_tree();

	for (size_t len = 0; len + 16 < a.len; len += 3) { /* each in the file system that the ones before have filled */
		u8 *copy = kept[len / 3] = malloc(len ? len : 1);

		if (!len)
			fs_start();
		memcpy(copy, a.bytes, len);
		u_eq(initramfs_unpack(copy, len), len ? -EINVAL : 0);
		if (len > 600)
			holds("/t/dir/file", "contents");
	}
	u_eq(initramfs_unpack(a.bytes, a.len), 0);
	holds("/t/two", "shared");
	free(a.bytes);
}

U_TEST(archives_in_a_row_and_rubbish_behind)
{
	struct archive a = make_tree();
	struct stat_k st;
	size_t start;

	fs_start();
	put(&a, "\0\0\0\0\0\0", 6);
	start = a.len;
	add(&a, start, &(struct entry){ .name = "second", .mode = REG | 0644, .data = "archive" });
	add(&a, start, &(struct entry){ .name = "lone", .mode = REG | 0644, .ino = 9, .nlink = 2 }); /* no link into another archive */
	add(&a, start, &(struct entry){ .name = "TRAILER!!!" });
	put(&a, "rubbish", 7);
	u_eq(initramfs_unpack(a.bytes, a.len), -EINVAL);
	holds("/second", "archive");
	u_need(stat_of("/lone", &st));
	u_eq(st.nlink, 1);
	u_eq(st.size, 0);
	free(a.bytes);
}

U_TEST_LIMIT(no_memory_at_any_point, 60)
{
	struct archive a = make_tree();
	bool failed;

	fs_start();
	for (u64 n = 1;; n++) {
		heap_fail_at(n);
		failed = initramfs_unpack(a.bytes, a.len) == -ENOMEM;
		heap_fail_at(0);
		if (n > 200 && !failed)
			break;
		u_need(n < 5000);
	}
	u_eq(initramfs_unpack(a.bytes, a.len), 0);
	holds("/t/dir/file", "contents");
	holds("/t/one", "shared");
	free(a.bytes);
}
