/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* netdevice.c - what ioctl says of the loopback interface. */
#include "t_.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

T_SUITE(netdevice);

static int asked(int fd, const char *name, unsigned long cmd, struct ifreq *r)
{
	memset(r, 0x55, sizeof(*r));
	strcpy(r->ifr_name, name);
	return ioctl(fd, cmd, r);
}

static uint32_t address_in(const struct ifreq *r)
{
	struct sockaddr_in a;

	memcpy(&a, &r->ifr_addr, sizeof(a));
	t_eq(a.sin_family, AF_INET);
	t_eq(a.sin_port, 0);
	return ntohl(a.sin_addr.s_addr);
}

T_CASE(interface)
{
	struct ifreq r, all[16];
	struct ifconf c = {.ifc_len = sizeof(all), .ifc_req = all};
	int fd, found = 0;

	t_loopback_up();
	t_ok(fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	t_ret(asked(fd, "lo", SIOCGIFFLAGS, &r), 0);
	t_eq(r.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_POINTOPOINT),
		IFF_UP | IFF_LOOPBACK | IFF_RUNNING);
	t_ret(asked(fd, "lo", SIOCGIFADDR, &r), 0);
	t_eq(address_in(&r), INADDR_LOOPBACK);
	t_ret(asked(fd, "lo", SIOCGIFNETMASK, &r), 0);
	t_eq(address_in(&r), 0xff000000);
	t_ret(asked(fd, "lo", SIOCGIFMTU, &r), 0);
	t_eq(r.ifr_mtu, 65536);
	t_ret(asked(fd, "lo", SIOCGIFINDEX, &r), 0);
	t_eq(r.ifr_ifindex, 1);
	t_ret(asked(fd, "lo", SIOCGIFHWADDR, &r), 0);
	t_eq(r.ifr_hwaddr.sa_family, 772);
	r.ifr_ifindex = 1;
	t_ret(ioctl(fd, SIOCGIFNAME, &r), 0);
	t_str(r.ifr_name, "lo");
	r.ifr_ifindex = 12345;
	t_errno(ioctl(fd, SIOCGIFNAME, &r), ENODEV);
	t_errno(asked(fd, "none", SIOCGIFFLAGS, &r), ENODEV);
	t_errno(ioctl(fd, SIOCGIFFLAGS, NULL), EFAULT);
	t_ret(ioctl(fd, SIOCGIFCONF, &c), 0);
	for (int i = 0; i < c.ifc_len / (int)sizeof(r); i++)
		found += !strcmp(all[i].ifr_name, "lo") && address_in(&all[i]) == INADDR_LOOPBACK;
	t_eq(found, 1);
	c.ifc_req = NULL;
	t_ret(ioctl(fd, SIOCGIFCONF, &c), 0);
	t_check(c.ifc_len >= (int)sizeof(r));
	c = (struct ifconf){.ifc_len = 10, .ifc_req = all};
	t_ret(ioctl(fd, SIOCGIFCONF, &c), 0);
	t_eq(c.ifc_len, 0);
	t_errno(ioctl(fd, SIOCGIFCONF, NULL), EFAULT);
	t_become(1000, 1000);
	t_ret(asked(fd, "lo", SIOCGIFFLAGS, &r), 0);
	r.ifr_flags = IFF_UP;
	t_errno(ioctl(fd, SIOCSIFFLAGS, &r), EPERM);
}
