/* The texts of /proc/PID, for the table in proc_pid.c. @t NULL = the whole process. Return: 0 |
 * -errno. Layer: fs. */
#pragma once

struct seq;
struct process;
struct thread;

#define PID_TEXT(name) int proc_show_##name(struct seq *s, struct process *p, struct thread *t)
PID_TEXT(stat);
PID_TEXT(status);
PID_TEXT(statm);
PID_TEXT(comm);
PID_TEXT(cmdline);
PID_TEXT(environ);
PID_TEXT(auxv);
PID_TEXT(maps);
PID_TEXT(limits);
PID_TEXT(mounts);
PID_TEXT(mountinfo);
PID_TEXT(cgroup);
PID_TEXT(oom_score);
PID_TEXT(oom_score_adj);
PID_TEXT(wchan);
PID_TEXT(loginuid);
PID_TEXT(coredump_filter);
#undef PID_TEXT
ssize_t proc_store_oom_score_adj(
	struct process *p, struct thread *t, const char *text, size_t len_bytes);
ssize_t proc_store_coredump_filter(
	struct process *p, struct thread *t, const char *text, size_t len_bytes);
ssize_t proc_store_comm(struct process *p, struct thread *t, const char *text, size_t len_bytes);
