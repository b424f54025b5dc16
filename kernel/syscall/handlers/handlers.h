/* What several calls do, for the CALL lines of table.def. @a: the arguments of such a call. */
#pragma once

#include <exo/vm.h>

/* cred.c: user and group ids follow the same rules: one code for both. */
enum ids_kind { USER_IDS, GROUP_IDS };
int call_ids_get(enum ids_kind kind, u64 real, u64 effective, u64 saved);
long call_id_set(enum ids_kind kind, u32 id);
long call_re_set(enum ids_kind kind, u32 real, u32 effective);
long call_res_set(enum ids_kind kind, u32 real, u32 effective, u32 saved);
/* The old id, whether it was changed or not. */
long call_fs_set(enum ids_kind kind, u32 id);

/* file_attributes.c; @how a call names its file: LOOKUP_* for a path, or the descriptor itself. */
#define BY_FD ~0u
long call_chmod(u32 how, u64 fd, u64 name, u64 mode);
long call_chown(u32 how, u64 fd, u64 name, u64 uid, u64 gid);
long call_xattr_set(u32 how, const u64 a[5]);
long call_xattr_remove(u32 how, const u64 a[2]);
long call_xattr_show(u32 how, const u64 a[], bool list); /* the value, or the names of all */

/* The memory of thread @pid, which current may trace, +1. err_ptr(-ESRCH | -EPERM) */
struct vm_space *process_memory_of(pid_t pid);
/* Makes what @mode says; see vfs_make_text. */
long call_make(u64 dirfd, u64 name, u32 mode, u64 rdev, const char *link);
long call_getdents(u64 fd, u64 user, u64 size, bool old);
long call_enter(u64 name, bool root);
long call_stat(u64 dirfd, u64 name, u64 user, u32 at_flags);
long call_fd(u64 fd, u32 rights, long answer); /* when it has them */
long call_fsync(u64 fd, bool data_only);
long call_move_at(u64 fd, u64 buf, u64 len_bytes, u64 pos, bool write);
/* @a: the arguments of select; @mask: of pselect6, pointer and size; @unit_ns: of the time. */
long call_select(const u64 a[5], const u64 mask[2], u64 unit_ns);
/* @at NULL: at the file's own position; @flags: RWF_*. */
long call_vector(u64 fd, u64 iov, u64 count, u64 *at, u32 flags, bool write);
long call_lock(u64 addr, u64 len_bytes, enum vm_lock_mode mode);
int call_scheduler_set(u64 tid, s32 policy, u64 param_from);
long call_address(u64 fd, u64 address, u64 len, bool connect);
long call_protect(u64 addr, u64 len_bytes, u64 prot, u64 key); /* -1: the key that it has */
long call_name(u64 fd, u64 address, u64 user_len, bool peer);
long call_socket_state(u64 fd, u64 n, bool listen); /* else shutdown */
/* @to_thread: @tid, else to the whole process */
long call_signal_queue(u64 pid, u64 tid, u64 signo, u64 uinfo, bool to_thread);
long call_space_move(const u64 a[6], u32 write);
long call_name_set(u64 user, u64 len, size_t field); /* see uts_set */
