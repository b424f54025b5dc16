// SPDX-License-Identifier: MIT OR Apache-2.0
// console - what a program that draws by itself asks of /dev/tty1; prints a line a call, the same on Linux. `console draw`: writes
// to it, before and while it says that it draws by itself.
#define _GNU_SOURCE // strerrorname_np
#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd;

static void call(const char *name, unsigned long cmd, unsigned long arg)
{
	errno = 0;
	int r = ioctl(fd, cmd, arg);
	printf("%s %ld: %d%s%s\n", name, (long)arg, r, errno ? " " : "", errno ? strerrorname_np(errno) : "");
}
#define CALL(cmd, arg) call(#cmd, cmd, arg)

static long get(unsigned long cmd)
{
	int value = -1;

	return ioctl(fd, cmd, &value) ? -errno : value;
}

static void say(const char *word)
{
	if (write(fd, word, strlen(word)) < 0)
		perror("write");
}

static int draw(void)
{
	say("first words");
	sleep(1);
	CALL(KDSETMODE, KD_GRAPHICS);
	say(", hidden words");
	sleep(12);
	CALL(KDSETMODE, KD_TEXT);
	sleep(8);
	return 0;
}

int main(int argc, char **argv __attribute__((unused)))
{
	struct vt_mode mode = {0}, back = {0};
	struct vt_stat state = {0};
	char type = 0;

	fd = open("/dev/tty1", O_RDWR | O_NOCTTY);
	if (fd < 0)
		return 1;
	if (argc > 1)
		return draw();
	printf("type %d", ioctl(fd, KDGKBTYPE, &type));
	printf(" %d\n", type);
	printf("text %ld unicode %ld\n", get(KDGETMODE), get(KDGKBMODE));
	printf("state %d", ioctl(fd, VT_GETSTATE, &state));
	printf(" %d %d\n", state.v_active, (state.v_state & 3) == 3);
	printf("mode %d", ioctl(fd, VT_GETMODE, &back));
	printf(" %d\n", back.mode);
	CALL(KDSETMODE, KD_GRAPHICS);
	printf("graphics %ld\n", get(KDGETMODE));
	CALL(KDSETMODE, 4);
	CALL(KDSETMODE, KD_TEXT);
	printf("text %ld\n", get(KDGETMODE));
	CALL(KDSKBMODE, K_OFF);
	printf("off %ld\n", get(KDGKBMODE));
	CALL(KDSKBMODE, K_RAW);
	CALL(KDSKBMODE, 5);
	printf("raw %ld\n", get(KDGKBMODE));
	CALL(KDSKBMODE, K_UNICODE);
	CALL(VT_RELDISP, VT_ACKACQ);
	mode.mode = VT_PROCESS;
	mode.relsig = SIGUSR1;
	mode.acqsig = SIGUSR2;
	printf("set %d", ioctl(fd, VT_SETMODE, &mode));
	printf(" %d", ioctl(fd, VT_GETMODE, &back));
	printf(" %d %d %d\n", back.mode, back.relsig, back.acqsig);
	CALL(VT_RELDISP, VT_ACKACQ);
	CALL(VT_RELDISP, 0);
	mode.mode = 2;
	printf("set %d", ioctl(fd, VT_SETMODE, &mode));
	printf(" %d\n", errno == EINVAL);
	mode.mode = VT_AUTO;
	printf("set %d\n", ioctl(fd, VT_SETMODE, &mode));
	CALL(VT_ACTIVATE, 1);
	CALL(VT_WAITACTIVE, 1);
	CALL(VT_ACTIVATE, 0);
	CALL(VT_ACTIVATE, 1000);
	CALL(VT_GETSTATE, 0);
	CALL(KDGETMODE, 0);
	CALL(VT_SETMODE, 0);
	fflush(stdout);
	if (fork() == 0) { // neither its terminal nor its right
		if (setuid(1000))
			return 2;
		printf("user: text %ld\n", get(KDGETMODE));
		CALL(KDSETMODE, KD_GRAPHICS);
		CALL(KDSKBMODE, K_OFF);
		CALL(VT_ACTIVATE, 1);
		printf("set %d", ioctl(fd, VT_SETMODE, &mode));
		printf(" %d\n", errno == EPERM);
		return 0;
	}
	wait(NULL);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	CALL(KDSETMODE, KD_TEXT);
	return 0;
}
