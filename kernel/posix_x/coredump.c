/* When a process leaves a core file, and where. Layer: posix_x.
 *
 * A signal whose default action is a core ends the process as any other does; but first the thread
 * that took it waits until the others stand still (those on their way to user mode, with a whole
 * frame) or have left, and writes. Nothing can be sent to it meanwhile but SIGKILL.
 *
 * Locks: process->lock guards process->dumper and its counts. The pattern is read as it is, also
 * while somebody writes it: its last byte is always NUL.
 *
 * Source: core(5), signal(7), getrlimit(2) RLIMIT_CORE, prctl(2) PR_SET_DUMPABLE. */
#include <exo/memory.h>
#include <exo/uts.h>
#include <exo/vfs.h>
#include <exo_abi/linux_core.h>
#include <exo_abi/linux_fs.h>
#include "coredump_internal.h"

#define ARGS_MAX 16

char core_pattern[CORE_SETTING_BYTES] = "core";
char core_uses_pid[CORE_SETTING_BYTES] = "0";

void process_core_filter_set(struct process *p, u64 filter)
{
	WRITE_ONCE(p->core_filter, (u16)(filter & DUMP_FILTER_MASK));
}

/* ---- the name ---- */

struct core_name {
	char text[PATH_MAX_BYTES], path[PATH_MAX_BYTES]; /* path: room for that of the program */
	size_t len;                                      /* sizeof(text) or more: too long */
	const char *args[ARGS_MAX + 1]; /* of a helper: strings of text, NULL behind the last */
	u32 arg_count;
};

/* @plain: a slash stays one. */
static void name_add(struct core_name *n, const char *s, bool plain)
{
	for (; *s; s++, n->len++)
		if (n->len + 1 < sizeof(n->text))
			n->text[n->len] = *s == '/' && !plain ? '!' : *s;
}

static void name_expand(struct core_name *n, char what, const struct siginfo *info)
{
	const struct process *p = current->proc;
	const struct {
		char letter;
		u64 value;
	} numbers[] = {{'p', (u64)p->nr}, {'P', (u64)p->nr}, {'i', (u64)current->tid},
		{'I', (u64)current->tid}, {'u', current->cred->uid}, {'g', current->cred->gid},
		{'d', p->dumpable}, {'s', (u64)info->signo}, {'t', clock_realtime() / NS_PER_SEC},
		{'c', rlimit_current(RLIM_CORE)}};
	struct uts_names uts;
	const char *last;
	char text[24];

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].letter == what) {
			snprintf(text, sizeof(text), "%lu", numbers[i].value);
			name_add(n, text, true);
		}
	if (what == '%') {
		name_add(n, "%", true);
	} else if (what == 'h') {
		uts_get(&uts);
		name_add(n, uts.nodename, false);
	} else if (what == 'e') {
		name_add(n, current->name, false);
	} else if (what == 'f' || what == 'E') {
		struct vm_space *s = current->space;
		struct rwsem *held SCOPED(read_release) = read_hold(&s->lock);

		memset(n->path, 0, sizeof(n->path));
		if (s->exe)
			(void)!file_path_text(s->exe, n->path, sizeof(n->path) - 1);
		last = what == 'f' ? strrchr(n->path, '/') : NULL;
		name_add(n, last ? last + 1 : n->path, false);
	}
}

/* A helper's words are split before they are filled in. */
static void name_make(struct core_name *n, const char *pattern, const struct siginfo *info)
{
	bool helper = *pattern == '|', pid = false, space = true;
	u64 uses_pid = 0;

	for (const char *p = pattern + helper; *p; p++) {
		if (helper && *p == ' ') {
			n->len += !space;
			space = true;
			continue;
		}
		if (space && n->arg_count < ARGS_MAX)
			n->args[n->arg_count++] = n->text + MIN(n->len, sizeof(n->text) - 1);
		space = false;
		if (*p != '%') {
			name_add(n, (char[]){*p, '\0'}, true);
		} else if (*++p) {
			pid |= *p == 'p';
			name_expand(n, *p, info);
		} else {
			break;
		}
	}
	(void)str_to_u64(core_uses_pid, NULL, 10, &uses_pid);
	if (uses_pid && !pid && !helper) {
		name_add(n, ".", true);
		name_expand(n, 'p', info);
	}
}

/* ---- the target ---- */

/* A new file, in the place of whatever has that name. */
static struct file *open_file(const char *name)
{
	struct file *f;

	(void)!vfs_remove_text(AT_FDCWD, name, false); /* what stays shows at the opening */
	f = vfs_open(AT_FDCWD, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600);
	if (is_err(f) || (f->inode->uid == current->cred->fsuid && (f->inode->mode & 0677) == 0600))
		return f;
	file_put(f); /* not ours, or for others to read */
	return err_ptr(-EPERM);
}

static struct file *open_helper(const char *const args[])
{
	struct cap_space *caps = cap_space_create();
	struct file *ends[2] = {NULL, NULL};
	int err = caps ? pipe_create(0, &ends[0], &ends[1]) : -ENOMEM;

	if (!err) {
		cap_fill(caps, cap_reserve(caps, 0, 1), &ends[0]->object.root); /* 0 is free */
		err = process_start_helper(args, caps);
	}
	if (caps)
		cap_space_put(caps);
	if (!err)
		return ends[1];
	if (ends[1])
		file_put(ends[1]);
	return err_ptr(err);
}

static struct file *open_target(struct core_dump *d)
{
	struct core_name *n SCOPED(kfree_at) = kzalloc(sizeof(*n), ALLOC_KERNEL);
	char pattern[CORE_SETTING_BYTES];

	memcpy(pattern, core_pattern, sizeof(pattern));
	d->limit_bytes = rlimit_current(RLIM_CORE);
	d->stream = *pattern == '|';
	if (!n)
		return err_ptr(-ENOMEM);
	if (d->stream ? d->limit_bytes == 1 : d->limit_bytes < PAGE_SIZE)
		return err_ptr(-EFBIG); /* 1 is a helper's own: it would never end */
	name_make(n, pattern, d->info);
	if (!n->len || n->len >= sizeof(n->text))
		return err_ptr(-ENAMETOOLONG);
	if (!d->stream)
		return open_file(n->text);
	d->limit_bytes = ~0ULL;
	return open_helper(n->args);
}

/* ---- standing still ---- */

void core_stand_still(struct task *t)
{
	struct process *p = t->thread.proc;
	ulong flags = process_lock(p);
	bool stand = p->dumper && p->dumper != t;

	p->standing += stand;
	process_unlock(p, flags);
	if (!stand)
		return;
	wake_all(&p->alone_wq, 0);
	wait_event_uninterruptible(&p->alone_wq, !READ_ONCE(p->dumper));
}

/* Every other thread ends, and waits for us to look at it. False: the process ends already. */
static bool take_over_locked(struct task *t, int signo)
{
	struct process *p = t->thread.proc;

	if (p->flags & (PROC_GROUP_EXIT | PROC_EXEC))
		return false;
	p->dumper = t;
	p->standing = 0;
	signal_group_exit_locked(p, signo);
	t->pending.set &= ~SIGBIT(SIGKILL);
	work_clear(&t->thread, WORK_SIGNAL);
	return true;
}

void core_dump(const struct siginfo *info)
{
	struct core_dump d = {.info = info};
	struct process *p = current->proc;
	ulong flags = process_lock(p);
	bool first = take_over_locked(current_task(), info->signo), dumped = false;

	process_unlock(p, flags);
	if (!first) {
		core_stand_still(current_task());
		return;
	}
	wait_event_uninterruptible(
		&p->alone_wq, READ_ONCE(p->standing) + 1 >= READ_ONCE(p->thread_count));
	d.file = p->dumpable == 1 ? open_target(&d) : err_ptr(-EPERM);
	if (!is_err(d.file)) {
		dumped = core_elf_write(&d);
		file_put(d.file);
	}
	flags = process_lock(p);
	if (dumped)
		p->exit_code |= CORE_DUMPED;
	p->dumper = NULL;
	process_unlock(p, flags);
	wake_all(&p->alone_wq, 0);
}
