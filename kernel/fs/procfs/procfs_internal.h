/* procfs inside: what root.c, proc_system.c, proc_pid.c and pid_text.c share. Layer: fs. */
#pragma once

#include "../synthfs/synth_internal.h"

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
struct pid_entry {
	const char *name;
	u32 mode;
	int (*show)(struct seq *s, struct process *p, struct thread *t);
	ssize_t (*store)(struct process *p, struct thread *t, const char *text, size_t len_bytes);
	int (*follow)(struct process *p, struct path *out); /* magic links */
	int (*readlink)(struct process *p, char *buf, size_t size);
	const struct inode_ops *dir_ops; /* directories, and files that are no text */
	const struct file_ops *dir_fops;
};

/* proc_ref_get - the process (+1) and thread (+1, of the whole process its leader) that @r names. 0
 * | -ESRCH. */
int proc_ref_get(const struct proc_ref *r, struct process **p, struct thread **t) MUST_USE;
void proc_ref_put(struct process *p, struct thread *t);

int proc_pid_lookup(struct inode *dir, struct dentry *d); /* /proc/N */
int proc_pid_readdir(struct file *f, struct dirent_sink *s, u64 first_pos);
extern const struct pid_entry pid_entries[], task_entries[]; /* ended by a NULL name */
extern const struct inode_ops proc_mem_ops;
extern const struct file_ops proc_mem_fops;
int proc_deny_setattr(struct inode *i, const struct setattr *a);
void proc_system_init(void);
void proc_inode_free(struct inode *i); /* super_ops of procfs */
