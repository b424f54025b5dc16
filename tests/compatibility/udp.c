/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* udp.c - UDP of IPv4 on the loopback: datagrams, who is connected, what is dropped. */
#include "t_inet.h"

#include <sys/ioctl.h>

T_SUITE(udp);

T_CASE(datagrams)
{
	struct sockaddr_in a, b, from = {0};
	int x = bound(SOCK_DGRAM, &a), y = make(SOCK_DGRAM), n;
	socklen_t len = sizeof(from);
	char buf[16];

	t_errno(send(y, "x", 1, 0), EDESTADDRREQ);
	t_errno(listen(x, 1), EOPNOTSUPP);
	t_errno(accept(x, NULL, NULL), EOPNOTSUPP);
	t_ret(sendto(y, "hello", 5, 0, A(&a), sizeof(a)), 5);
	b = name_of(y);
	t_check(b.sin_port != 0);
	t_eq(b.sin_addr.s_addr, 0); /* sending does not settle where it is bound */
	t_eq(events(x, 5000), POLLIN | POLLOUT);
	t_ret(ioctl(x, FIONREAD, &n), 0);
	t_eq(n, 5);
	t_ret(recvfrom(x, buf, sizeof(buf), 0, A(&from), &len), 5);
	t_eq(len, sizeof(from));
	t_eq(from.sin_port, b.sin_port);
	t_eq(ntohl(from.sin_addr.s_addr), LO);
	t_ret(sendto(x, "", 0, 0, A(&from), sizeof(from)), 0);
	t_ret(recv(y, buf, sizeof(buf), 0), 0);
	t_ret(sendto(x, "0123456789", 10, 0, A(&from), sizeof(from)), 10);
	t_ret(recv(y, buf, 4, MSG_PEEK | MSG_TRUNC), 10);
	t_ret(recv(y, buf, 4, 0), 4);
	t_errno(recv(y, buf, 4, MSG_DONTWAIT), EAGAIN);
	t_errno(sendto(x, buf, 65508, 0, A(&from), sizeof(from)), EMSGSIZE);
	from.sin_port = 0;
	t_errno(sendto(x, "x", 1, 0, A(&from), sizeof(from)), EINVAL);
	t_errno(sendto(x, "x", 1, 0, A(&a), 8), EINVAL);
	from = at(0xffffffff, 9);
	t_errno(sendto(x, "x", 1, 0, A(&from), sizeof(from)), EACCES);
}

T_CASE(connected_datagrams)
{
	struct sockaddr_in a, b, c;
	int x = bound(SOCK_DGRAM, &a), y = bound(SOCK_DGRAM, &b), z = bound(SOCK_DGRAM, &c);
	char buf[16];

	t_errno(shutdown(x, SHUT_RD), ENOTCONN);
	t_ret(connect(x, A(&b), sizeof(b)), 0);
	t_eq(peer_of(x).sin_port, b.sin_port);
	t_ret(send(x, "one", 3, 0), 3);
	t_ret(recv(y, buf, 16, 0), 3);
	t_ret(sendto(z, "no", 2, 0, A(&a), sizeof(a)), 2); /* a stranger is not heard */
	t_ret(sendto(y, "yes", 3, 0, A(&a), sizeof(a)), 3);
	t_ret(recv(x, buf, 16, 0), 3);
	t_errno(recv(x, buf, 16, MSG_DONTWAIT), EAGAIN);
	t_ret(sendto(x, "z", 1, 0, A(&c), sizeof(c)), 1); /* to somebody else for once */
	t_ret(recv(z, buf, 16, 0), 1);
	a.sin_family = AF_UNSPEC;
	t_ret(connect(x, A(&a), sizeof(a)), 0);
	t_errno(send(x, "x", 1, 0), EDESTADDRREQ);
	t_errno(getpeername(x, A(&a), &(socklen_t){sizeof(a)}), ENOTCONN);
	close(y);
	t_ret(connect(x, A(&b), sizeof(b)), 0);
	t_ret(send(x, "gone", 4, 0), 4);
	t_check(events(x, 5000) & POLLERR);
	t_errno(recv(x, buf, 16, MSG_DONTWAIT), ECONNREFUSED);
	t_errno(recv(x, buf, 16, MSG_DONTWAIT), EAGAIN);
	t_ret(send(x, "gone", 4, 0), 4);
	t_errno(send(x, "gone", 4, 0), ECONNREFUSED);
	a = at(LO, ntohs(b.sin_port));
	t_errno(sendto(z, NULL, 4, 0, A(&a), sizeof(a)), EFAULT);
	t_ret(sendto(z, "gone", 4, 0, A(&b), sizeof(b)), 4);
	t_ret(sendto(z, "gone", 4, 0, A(&b), sizeof(b)), 4); /* who is not connected is not told */
}

T_CASE(any_address)
{
	struct sockaddr_in a, p = at(INADDR_ANY, 0), q;
	int x = bound(SOCK_DGRAM, &a), any = make(SOCK_DGRAM);
	socklen_t len = sizeof(q);
	char buf[16];

	t_ret(bind(any, A(&p), sizeof(p)), 0);
	p = name_of(any);
	q = at(LO, ntohs(p.sin_port));
	t_ret(connect(x, A(&q), sizeof(q)), 0);
	t_ret(sendto(any, "any", 3, 0, A(&a), sizeof(a)), 3);
	t_ret(recvfrom(x, buf, 16, 0, A(&q), &len), 3);
	t_eq(ntohl(q.sin_addr.s_addr), LO); /* is heard as 127.0.0.1 */
	t_eq(name_of(any).sin_addr.s_addr, 0);
	q = at(0x7f000009, ntohs(p.sin_port));
	t_ret(sendto(make(SOCK_DGRAM), "nine", 4, 0, A(&q), sizeof(q)), 4);
	t_ret(recv(any, buf, 16, 0), 4); /* and hears of every one */
}

T_CASE(datagrams_are_dropped)
{
	struct sockaddr_in a;
	int x = bound(SOCK_DGRAM, &a), y = make(SOCK_DGRAM | SOCK_NONBLOCK), n = 0, sent = 0;
	static char buf[1000];

	for (int i = 0; i < 3000; i++)
		sent += sendto(y, buf, sizeof(buf), 0, A(&a), sizeof(a)) == sizeof(buf);
	t_eq(sent, 3000);
	while (recv(x, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		n++;
	t_check(n > 50 && n < 3000);
	t_ret(sendto(y, buf, 7, 0, A(&a), sizeof(a)), 7);
	t_ret(recv(x, buf, sizeof(buf), 0), 7);
}

T_CASE(message_calls)
{
	struct sockaddr_in a, from;
	int x = bound(SOCK_DGRAM, &a), y = make(SOCK_DGRAM);
	char one[4] = "abc", two[4] = "de";
	struct iovec iov[2] = {{one, 3}, {two, 2}};
	struct mmsghdr v[2] = {{.msg_hdr = {.msg_name = &a,
					.msg_namelen = sizeof(a),
					.msg_iov = iov,
					.msg_iovlen = 2}},
		{.msg_hdr = {.msg_name = &a,
			 .msg_namelen = sizeof(a),
			 .msg_iov = iov,
			 .msg_iovlen = 1}}};
	char buf[8];
	struct iovec in = {buf, 4};
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &in, .msg_iovlen = 1};

	t_ret(sendmmsg(y, v, 2, 0), 2);
	t_eq(v[0].msg_len, 5);
	t_ret(recvmsg(x, &m, 0), 4);
	t_eq(m.msg_flags, MSG_TRUNC);
	t_eq(m.msg_namelen, sizeof(from));
	t_eq(from.sin_port, name_of(y).sin_port);
	t_ret(recvmsg(x, &m, 0), 3);
	t_eq(m.msg_flags, 0);
}
