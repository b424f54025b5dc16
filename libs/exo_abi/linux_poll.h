/* Polling in the Linux user ABI, x86_64. Sources: poll(2) select(2) epoll(7). */
#pragma once

#include <exo/types.h>

#define POLL_IN     0x1u
#define POLL_PRI    0x2u
#define POLL_OUT    0x4u
#define POLL_ERR    0x8u
#define POLL_HUP    0x10u
#define POLL_NVAL   0x20u
#define POLL_RDNORM 0x40u
#define POLL_WRNORM 0x100u
#define POLL_WRBAND 0x200u
#define POLL_MSG    0x400u
#define POLL_RDHUP  0x2000u
struct linux_pollfd {
	s32 fd;
	s16 events, revents;
};
struct linux_epoll_event {
	u32 events;
	u64 data;
} PACKED;
_Static_assert(sizeof(struct linux_epoll_event) == 12, "struct epoll_event is packed on x86_64");
#define EPOLL_CTL_ADD  1
#define EPOLL_CTL_DEL  2
#define EPOLL_CTL_MOD  3
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET        (1u << 31)
