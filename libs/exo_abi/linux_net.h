/* Sockets in the Linux user ABI, x86_64. Sources: socket(2), unix(7), send(2), recv(2), socket(7).
 */
#pragma once

#include <exo/types.h>

#define AF_UNSPEC         0
#define AF_UNIX           1
#define AF_INET           2
#define SOCK_STREAM       1
#define SOCK_DGRAM        2
#define SOCK_RAW          3
#define SOCK_SEQPACKET    5
#define SOCK_TYPES        11 /* one above the highest */
#define SOCK_TYPE_MASK    15
#define SOCK_NONBLOCK     04000
#define SOCK_CLOEXEC      02000000
#define SHUT_RD           0
#define SHUT_WR           1
#define SHUT_RDWR         2
#define MSG_OOB           0x1u
#define MSG_PEEK          0x2u
#define MSG_DONTROUTE     0x4u
#define MSG_CTRUNC        0x8u
#define MSG_TRUNC         0x20u
#define MSG_DONTWAIT      0x40u
#define MSG_EOR           0x80u
#define MSG_WAITALL       0x100u
#define MSG_NOSIGNAL      0x4000u
#define MSG_MORE          0x8000u
#define MSG_WAITFORONE    0x10000u
#define MSG_CMSG_CLOEXEC  0x40000000u
#define SOL_SOCKET        1
#define SCM_RIGHTS        1
#define SCM_CREDENTIALS   2
#define SO_DEBUG          1
#define SO_REUSEADDR      2
#define SO_TYPE           3
#define SO_ERROR          4
#define SO_DONTROUTE      5
#define SO_BROADCAST      6
#define SO_SNDBUF         7
#define SO_RCVBUF         8
#define SO_KEEPALIVE      9
#define SO_OOBINLINE      10
#define SO_LINGER         13
#define SO_PRIORITY       12
#define SO_REUSEPORT      15
#define SO_PASSCRED       16
#define SO_PEERCRED       17
#define SO_RCVLOWAT       18
#define SO_RCVTIMEO       20
#define SO_SNDTIMEO       21
#define SO_ACCEPTCONN     30
#define SO_SNDBUFFORCE    32
#define SO_RCVBUFFORCE    33
#define SO_TIMESTAMP      29 /* of control data, too */
#define SO_PASSSEC        34
#define SO_TIMESTAMPNS    35 /* the same */
#define SO_MARK           36
#define SO_COOKIE         57
#define SO_PROTOCOL       38
#define SO_DOMAIN         39
#define SO_PEEK_OFF       42
#define SO_PEERGROUPS     59
#define SIOCINQ           0x541bu
#define SIOCATMARK        0x8905u
#define SIOCOUTQ          0x5411u
#define UNIX_PATH_MAX     108
#define SOMAXCONN_DEFAULT 4096

/* ip(7), tcp(7) */
#define IPPROTO_IP      0
#define IPPROTO_TCP     6
#define IPPROTO_UDP     17
#define IP_TOS          1
#define IP_TTL          2
#define IP_MTU_DISCOVER 10
#define TCP_NODELAY     1
#define TCP_MAXSEG      2
#define TCP_CORK        3
#define TCP_KEEPIDLE    4
#define TCP_KEEPINTVL   5
#define TCP_KEEPCNT     6

/* netdevice(7) */
#define SIOCGIFNAME     0x8910u
#define SIOCGIFCONF     0x8912u
#define SIOCGIFFLAGS    0x8913u
#define SIOCSIFFLAGS    0x8914u
#define SIOCGIFADDR     0x8915u
#define SIOCGIFDSTADDR  0x8917u
#define SIOCGIFBRDADDR  0x8919u
#define SIOCGIFNETMASK  0x891bu
#define SIOCGIFMTU      0x8921u
#define SIOCGIFHWADDR   0x8927u
#define SIOCGIFINDEX    0x8933u
#define SIOCGIFTXQLEN   0x8942u
#define IFF_UP          0x1
#define IFF_LOOPBACK    0x8
#define IFF_RUNNING     0x40
#define ARPHRD_LOOPBACK 772
struct linux_ifreq {
	char name[16];
	union {
		struct {
			u16 family, port;
			u32 address;
		} in;
		s32 value;
		u8 bytes[24];
	};
};
struct linux_ifconf {
	s32 len, pad;
	u64 requests;
};

struct linux_ucred {
	s32 pid;
	u32 uid, gid;
};
struct linux_msghdr {
	u64 name;
	s32 name_len, pad0;
	u64 iov, iov_count;
	u64 control, control_len;
	s32 flags, pad1;
};
_Static_assert(sizeof(struct linux_msghdr) == 56, "struct msghdr is user ABI");
struct linux_mmsghdr {
	struct linux_msghdr header;
	u32 len, pad;
};
struct linux_cmsghdr {
	u64 len; /* this header included */
	s32 level, type;
};
