/* The file part of the Linux user ABI, x86_64: numbers and structures that cross the boundary.
 * Sources: open(2) fcntl(2) stat(2) statx(2) statfs(2) getdents(2) poll(2) epoll(7) xattr(7)
 * mount(2) fallocate(2). */
#pragma once

#include <exo/types.h>
#include <exo_abi/linux_poll.h>

/* open(2) */
#define O_ACCMODE     00000003u
#define O_RDONLY      00000000u
#define O_WRONLY      00000001u
#define O_RDWR        00000002u
#define O_CREAT       00000100u
#define O_EXCL        00000200u
#define O_NOCTTY      00000400u
#define O_TRUNC       00001000u
#define O_APPEND      00002000u
#define O_NONBLOCK    00004000u
#define O_DSYNC       00010000u
#define O_ASYNC       00020000u
#define O_DIRECT      00040000u
#define O_LARGEFILE   00100000u
#define O_DIRECTORY   00200000u
#define O_NOFOLLOW    00400000u
#define O_NOATIME     01000000u
#define O_CLOEXEC     02000000u
#define O_SYNC        04010000u
#define O_PATH        010000000u
#define O_TMPFILE     020200000u
#define O_TMPFILE_BIT 020000000u

/* openat2(2) */
#define RESOLVE_NO_XDEV       1u
#define RESOLVE_NO_MAGICLINKS 2u
#define RESOLVE_NO_SYMLINKS   4u
#define RESOLVE_BENEATH       8u
#define RESOLVE_IN_ROOT       16u
#define RESOLVE_CACHED        32u
#define RESOLVE_ALL           63u
struct linux_open_how {
	u64 flags, mode, resolve;
};

/* the *at family */
#define AT_FDCWD            (-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EACCESS          0x200u
#define AT_REMOVEDIR        0x200u
#define AT_SYMLINK_FOLLOW   0x400u
#define AT_NO_AUTOMOUNT     0x800u
#define AT_EMPTY_PATH       0x1000u
#define AT_RECURSIVE        0x8000u
#define AT_STATX_SYNC_TYPE  0x6000u

/* st_mode */
#define S_IFMT      0170000u
#define S_IFSOCK    0140000u
#define S_IFLNK     0120000u
#define S_IFREG     0100000u
#define S_IFBLK     0060000u
#define S_IFDIR     0040000u
#define S_IFCHR     0020000u
#define S_IFIFO     0010000u
#define S_ISUID     0004000u
#define S_ISGID     0002000u
#define S_ISVTX     0001000u
#define S_IRWXG     0000070u
#define S_IXGRP     0000010u
#define S_IXUGO     0000111u
#define S_IRWXUGO   0000777u
#define S_IALLUGO   0007777u
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m)&S_IFMT) == S_IFSOCK)
#define S_DT(m)     ((u8)(((m)&S_IFMT) >> 12)) /* DT_* of getdents */

/* access(2), lseek(2) */
#define F_OK      0
#define X_OK      1
#define W_OK      2
#define R_OK      4
#define SEEK_SET  0
#define SEEK_CUR  1
#define SEEK_END  2
#define SEEK_DATA 3
#define SEEK_HOLE 4

/* fcntl(2) */
#define F_DUPFD         0
#define F_GETFD         1
#define F_SETFD         2
#define F_GETFL         3
#define F_SETFL         4
#define F_GETLK         5
#define F_SETLK         6
#define F_SETLKW        7
#define F_SETOWN        8
#define F_GETOWN        9
#define F_SETSIG        10
#define F_GETSIG        11
#define F_SETOWN_EX     15
#define F_GETOWN_EX     16
#define F_OFD_GETLK     36
#define F_OFD_SETLK     37
#define F_OFD_SETLKW    38
#define F_SETLEASE      1024
#define F_GETLEASE      1025
#define F_NOTIFY        1026
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ    1031
#define F_GETPIPE_SZ    1032
#define F_ADD_SEALS     1033
#define F_GET_SEALS     1034
#define FD_CLOEXEC      1
#define F_RDLCK         0
#define F_WRLCK         1
#define F_UNLCK         2
struct linux_flock {
	s16 type, whence;
	s32 pad0;
	s64 start, len;
	s32 pid, pad1;
};
struct linux_owner_ex {
	s32 type, pid;
};
#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

/* memfd_create(2) and its seals */
#define MFD_CLOEXEC         1u
#define MFD_ALLOW_SEALING   2u
#define F_SEAL_SEAL         1u
#define F_SEAL_SHRINK       2u
#define F_SEAL_GROW         4u
#define F_SEAL_WRITE        8u
#define F_SEAL_FUTURE_WRITE 16u

/* ioctl(2) on any file */
#define FIONREAD 0x541bu
/* ioctl_ns(2) */
#define NS_GET_USERNS    0xb701u
#define NS_GET_PARENT    0xb702u
#define NS_GET_NSTYPE    0xb703u
#define NS_GET_OWNER_UID 0xb704u
#define FIONBIO          0x5421u
#define FIOASYNC         0x5452u
#define FIONCLEX         0x5450u
#define FIOCLEX          0x5451u
#define FIOQSIZE         0x5460u

/* fallocate(2) */
#define FALLOC_FL_KEEP_SIZE  1
#define FALLOC_FL_PUNCH_HOLE 2
#define FALLOC_FL_ZERO_RANGE 16

/* renameat2(2) */
#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE  2u
#define RENAME_WHITEOUT  4u

/* setxattr(2) */
#define XATTR_CREATE   1
#define XATTR_REPLACE  2
#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_LIST_MAX 65536
/* system.posix_acl_access and system.posix_acl_default */
struct linux_acl_entry {
	uint16_t tag; /* in this order */
	uint16_t perm;
	uint32_t id; /* of ACL_USER, ACL_GROUP */
};
struct linux_acl {
	uint32_t version;
	struct linux_acl_entry entries[];
};
#define ACL_VERSION   2
#define ACL_USER_OBJ  0x01
#define ACL_USER      0x02
#define ACL_GROUP_OBJ 0x04
#define ACL_GROUP     0x08
#define ACL_MASK      0x10
#define ACL_OTHER     0x20
#define ACL_NO_ID     0xffffffffu

/* utimensat(2) */
#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

/* preadv2/pwritev2 flags are absent: the calls are. readv(2): */
#define IOV_MAX_COUNT 1024
#define RW_BYTES_MAX  0x7ffff000ul
struct linux_iovec {
	u64 base, len;
};
struct linux_timespec {
	s64 sec, nsec;
};
struct linux_timeval {
	s64 sec, usec;
};

struct linux_stat {
	u64 dev, ino, nlink;
	u32 mode, uid, gid, pad0;
	u64 rdev;
	s64 size, blksize, blocks;
	struct linux_timespec atime, mtime, ctime;
	s64 unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat is user ABI");

struct linux_statx_timestamp {
	s64 sec;
	u32 nsec;
	s32 reserved;
};
struct linux_statx {
	u32 mask, blksize;
	u64 attributes;
	u32 nlink, uid, gid;
	u16 mode, spare0;
	u64 ino, size, blocks, attributes_mask;
	struct linux_statx_timestamp atime, btime, ctime, mtime;
	u32 rdev_major, rdev_minor, dev_major, dev_minor;
	u64 mnt_id;
	u32 dio_mem_align, dio_offset_align;
	u64 spare3[12];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx is user ABI");
#define STATX_BASIC_STATS 0x7ffu
#define STATX_BTIME       0x800u
#define STATX_MNT_ID      0x1000u
#define STATX_RESERVED    0x80000000u

struct linux_statfs {
	s64 type, bsize, blocks, bfree, bavail, files, ffree;
	s32 fsid[2];
	s64 namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs is user ABI");
#define TMPFS_MAGIC      0x01021994
#define RAMFS_MAGIC      0x858458f6
#define PIPEFS_MAGIC     0x50495045
#define NSFS_MAGIC       0x6e736673
#define ANON_INODE_MAGIC 0x09041934

struct linux_dirent64 { /* name follows, NUL-terminated, record padded to 8 */
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
};
struct linux_dirent { /* name, NUL, ..., type in the last byte of the record */
	u64 ino;
	u64 off;
	u16 reclen;
	char name[];
};

/* mount(2) */
#define MS_RDONLY       1u
#define MS_NOSUID       2u
#define MS_NODEV        4u
#define MS_NOEXEC       8u
#define MS_SYNCHRONOUS  16u
#define MS_REMOUNT      32u
#define MS_NOSYMFOLLOW  256u
#define MS_NOATIME      1024u
#define MS_NODIRATIME   2048u
#define MS_BIND         4096u
#define MS_MOVE         8192u
#define MS_REC          16384u
#define MS_SILENT       32768u
#define MS_UNBINDABLE   (1u << 17)
#define MS_PRIVATE      (1u << 18)
#define MS_SLAVE        (1u << 19)
#define MS_SHARED       (1u << 20)
#define MS_RELATIME     (1u << 21)
#define MS_STRICTATIME  (1u << 24)
#define MS_LAZYTIME     (1u << 25)
#define MS_MGC_VAL      0xc0ed0000u
#define MNT_FORCE       1u
#define MNT_DETACH      2u
#define MNT_EXPIRE      4u
#define UMOUNT_NOFOLLOW 8u
#define ST_VALID_FLAG   0x20u
#define ST_RELATIME     0x1000u
#define ST_NOSYMFOLLOW  0x2000u

/* fsopen(2), fsconfig(2), fsmount(2), fspick(2), open_tree(2), move_mount(2), mount_setattr(2) */
#define FSOPEN_CLOEXEC           1u
#define FSPICK_CLOEXEC           1u
#define FSPICK_SYMLINK_NOFOLLOW  2u
#define FSPICK_NO_AUTOMOUNT      4u
#define FSPICK_EMPTY_PATH        8u
#define FSPICK_ALL               15u
#define FSCONFIG_SET_FLAG        0u
#define FSCONFIG_SET_STRING      1u
#define FSCONFIG_SET_BINARY      2u
#define FSCONFIG_SET_FD          5u
#define FSCONFIG_CMD_CREATE      6u
#define FSCONFIG_CMD_RECONFIGURE 7u
#define FSMOUNT_CLOEXEC          1u
#define OPEN_TREE_CLONE          1u
#define MOVE_MOUNT_ALL           0x77u /* SYMLINKS, AUTOMOUNTS, EMPTY_PATH; << 4 of the target */
#define MOUNT_ATTR_SAME          0xfu  /* RDONLY, NOSUID, NODEV, NOEXEC as MS_* */
#define MOUNT_ATTR_NOATIME       0x10u
#define MOUNT_ATTR_STRICTATIME   0x20u
#define MOUNT_ATTR_ATIME         0x70u /* the field of these; 0 is relatime */
#define MOUNT_ATTR_NODIRATIME    0x80u
#define MOUNT_ATTR_NOSYMFOLLOW   0x200000u
#define MOUNT_ATTR_ALL           0x2000ffu
#define MOUNT_SETATTR_ALL        (AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)
#define OPEN_TREE_ALL            (MOUNT_SETATTR_ALL | OPEN_TREE_CLONE | O_CLOEXEC)
struct linux_mount_attr {
	u64 attr_set, attr_clr, propagation, userns_fd;
};

/* name_to_handle_at(2), open_by_handle_at(2); the handle as tmpfs makes it */
#define HANDLE_BYTES_MAX 128u
#define FILEID_INO32_GEN 1
#define FILEID_INVALID   255
struct linux_file_handle {
	u32 bytes;
	s32 type;
	u32 id[3]; /* generation, number */
};

#define EFD_SEMAPHORE     1u
#define RWF_HIPRI         1u
#define RWF_DSYNC         2u
#define RWF_SYNC          4u
#define RWF_NOWAIT        8u
#define RWF_APPEND        16u
#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_ALL      15u
#define FD_SETSIZE_MAX    65536

/* inotify */
#define IN_ACCESS        1u
#define IN_MODIFY        2u
#define IN_ATTRIB        4u
#define IN_CLOSE_WRITE   8u
#define IN_CLOSE_NOWRITE 0x10u
#define IN_OPEN          0x20u
#define IN_MOVED_FROM    0x40u
#define IN_MOVED_TO      0x80u
#define IN_CREATE        0x100u
#define IN_DELETE        0x200u
#define IN_DELETE_SELF   0x400u
#define IN_MOVE_SELF     0x800u
#define IN_ALL_EVENTS    0xfffu
#define IN_RENAME        0x1000u /* inside: dnotify's DN_RENAME, moved within a directory */
#define IN_UNMOUNT       0x2000u
#define IN_Q_OVERFLOW    0x4000u
#define IN_IGNORED       0x8000u
#define IN_ONLYDIR       0x1000000u
#define IN_DONT_FOLLOW   0x2000000u
#define IN_EXCL_UNLINK   0x4000000u
#define IN_MASK_CREATE   0x10000000u
#define IN_MASK_ADD      0x20000000u
#define IN_ISDIR         0x40000000u
#define IN_ONESHOT       0x80000000u
#define DN_MULTISHOT     0x80000000u
struct inotify_event_abi {
	s32 wd;
	u32 mask, cookie, name_bytes;
};

/* signals that the file calls send */
#define SIGNO_SIGPIPE 13
#define SIGNO_SIGIO   29
#define SIGNO_SIGXFSZ 25
