/* The entries of /proc/PID and /proc/PID/task/TID: one list, so that both show the same texts.
 * Included by proc_pid.c only. */
#define TEXT(n, m, fn)                                                   \
	{                                                                \
		.name = n, .mode = S_IFREG | (m), .show = proc_show_##fn \
	}
#define COMMON_ENTRIES                                                                            \
	TEXT("stat", 0444, stat), TEXT("status", 0444, status), TEXT("statm", 0444, statm),       \
		TEXT("cmdline", 0444, cmdline), TEXT("environ", 0400, environ),                   \
		TEXT("maps", 0444, maps), TEXT("auxv", 0400, auxv), TEXT("limits", 0444, limits), \
		TEXT("mounts", 0444, mounts), TEXT("mountinfo", 0444, mountinfo),                 \
		TEXT("cgroup", 0444, cgroup), TEXT("oom_score", 0444, oom_score),                 \
		TEXT("wchan", 0444, wchan), TEXT("loginuid", 0444, loginuid),                     \
		{.name = "comm",                                                                  \
			.mode = S_IFREG | 0644,                                                   \
			.show = proc_show_comm,                                                   \
			.store = proc_store_comm},                                                \
		{.name = "oom_score_adj",                                                         \
			.mode = S_IFREG | 0644,                                                   \
			.show = proc_show_oom_score_adj,                                          \
			.store = proc_store_oom_score_adj},                                       \
		{.name = "mem",                                                                   \
			.mode = S_IFREG | 0600,                                                   \
			.dir_ops = &proc_mem_ops,                                                 \
			.dir_fops = &proc_mem_fops},                                              \
		{.name = "exe",                                                                   \
			.mode = S_IFLNK | 0777,                                                   \
			.follow = exe_follow,                                                     \
			.readlink = exe_readlink},                                                \
		{.name = "cwd",                                                                   \
			.mode = S_IFLNK | 0777,                                                   \
			.follow = cwd_follow,                                                     \
			.readlink = cwd_readlink},                                                \
		{.name = "root",                                                                  \
			.mode = S_IFLNK | 0777,                                                   \
			.follow = root_follow,                                                    \
			.readlink = root_readlink},                                               \
		{.name = "fd",                                                                    \
			.mode = S_IFDIR | 0500,                                                   \
			.dir_ops = &fd_dir_ops,                                                   \
			.dir_fops = &fd_dir_fops},                                                \
	{                                                                                         \
		.name = "fdinfo", .mode = S_IFDIR | 0555, .dir_ops = &fdinfo_dir_ops,             \
		.dir_fops = &fd_dir_fops                                                          \
	}

const struct pid_entry task_entries[] = {COMMON_ENTRIES, {.name = NULL}};
const struct pid_entry pid_entries[] = {
	COMMON_ENTRIES,
	{.name = "coredump_filter",
		.mode = S_IFREG | 0644,
		.show = proc_show_coredump_filter,
		.store = proc_store_coredump_filter},
	{.name = "task",
		.mode = S_IFDIR | 0555,
		.dir_ops = &task_dir_ops,
		.dir_fops = &task_dir_fops},
	{.name = NULL},
};
#undef TEXT
#undef COMMON_ENTRIES
