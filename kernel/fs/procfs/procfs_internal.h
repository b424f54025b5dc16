/* procfs inside: what proc_system.c, proc_pid.c, pid_text.c and pid_mem.c share. Layer: fs. */
#pragma once

#include "../synthfs/synth_internal.h"

#include <exo/memory.h>
#include <exo/posix_x.h>

/* A process (or one of its threads) as an inode remembers it: by number and birth, so that a dead
 * one is not kept and a recycled number is not mistaken for it. */
struct proc_ref {
	pid_t pid;
	pid_t tid;    /* 0 = the whole process */
	u64 start_ns; /* of the process */
	s32 fd;       /* /proc/PID/fd/N: N */
	const struct pid_entry *entry;
};
struct process_stat;
struct pid_entry {
	const char *name;
	u32 mode;
	u32 which; /* of those that a function serves */
	/* Texts: this or show_stat. @t: the thread, of a process its first, if that has not ended.
	 */
	int (*show)(struct seq *s, struct process *p, struct thread *t, u32 which);
	const char *format; /* texts: of a word of struct process_stat, or without one */
	u32 word;           /* its offset */
	void (*show_stat)(struct seq *s, struct process *p, const struct process_stat *st);
	int (*store)(struct process *p, struct thread *t, const char *text, u32 which);
	int (*follow)(struct process *p, u32 which, struct path *out); /* magic links */
	const struct pid_entry *below;                                 /* directories */
	const struct inode_ops *ops;
	const struct file_ops *fops;
};
extern const struct pid_entry pid_entries[]; /* of a process; ended by a NULL name */
#define task_entries (pid_entries + 2)       /* of a thread */
#define FD_DIR_MODE  (S_IFDIR | 0500)        /* of /proc/PID/fd, not of fdinfo */

/* struct proc_held - the process that a proc_ref names and its thread (of the whole process its
 * leader), for the length of a scope; NULL where there is none. */
struct proc_held {
	struct process *p;
	struct thread *t;
};
struct proc_held proc_held_get(const struct proc_ref *r);
void proc_held_put(struct proc_held *h);
/* proc_stat_get - a snapshot on the heap (it is too large for the stack), with its credentials.
 * err_ptr(-ESRCH | -ENOMEM). */
struct process_stat *proc_stat_get(struct process *p, struct thread *t);
void proc_stat_put(struct process_stat *st);

extern const struct inode_ops proc_root_ops, proc_dir_ops, proc_text_ops, proc_secret_ops,
	proc_magic_ops, proc_fd_ops, proc_task_ops, proc_mem_ops;
extern const struct file_ops proc_root_fops, proc_dir_fops, proc_fd_fops, proc_task_fops,
	proc_mem_fops, proc_pagemap_fops;
/* nsfs_follow - the namespace that everybody is in, of the kind NS_*. 0 | -ENOMEM. */
enum { NS_TIME, NS_CGROUP, NS_PID, NS_USER, NS_UTS, NS_IPC, NS_NET, NS_MNT, NS_KINDS };
int nsfs_follow(struct process *p, u32 kind, struct path *out);
void nsfs_init(void);

/* proc_number - one number, perhaps with a newline behind it. 0 | -EINVAL. */
int proc_number(const char *text, u64 *out) MUST_USE;

/* page_mappings - a page's references are its mappings, that of its object, and those of who works
 * with it now. */
static inline u32 page_mappings(const struct page *page)
{
	return MAX(READ_ONCE(page->refs) - !(page->flags & PG_ANON), 1u);
}

#define USER_HZ   100
#define KB(pages) ((u64)(pages) * (PAGE_SIZE / 1024))
