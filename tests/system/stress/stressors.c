/* stressors SECONDS LIMIT NAME... - inside the machine: one stressor of stress-ng after the other,
 * SECONDS each, killed after LIMIT. The name `trinity` is not one of its stressors but that fuzzer,
 * as an unprivileged user; NAME@user is a stressor as that user. What each said goes to standard
 *output between two lines
 *
 *	BEGIN NAME
 *	END NAME STATUS MILLISECONDS BYTES
 *
 * STATUS is that of stress-ng, 128 + N after signal N, or `late`; BYTES is what the kernel holds
 * more than before. What a first run leaves may be a cache of its own kind: when it is much, the
 * stressor runs again, and only what the later run adds counts. A stressor that cannot be killed
 * is `stuck`, and the end of this run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../held_bytes.h"

#define WORK      "/tmp/stress"
#define TRINITY   "trinity"
#define WARM_S    "10" /* of trinity before what is held is looked at */
#define USER      65534
#define KILL_MS   20000
#define MUCH      (64 << 10)
#define RUNS_MAX  (getenv("STRESS_ONCE") ? 1 : 3)
#define SETTLE_MS 300 /* until what is freed later is free */

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void become_user(void)
{
	if (setgroups(0, NULL) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER)) {
		printf("cannot become a user: %s\n", strerror(errno));
		_exit(127);
	}
}

static void run(const char *name, const char *seconds)
{
	char option[64];
	char *user;

	snprintf(option, sizeof(option), "--%s", name);
	user = strchr(option, '@');
	if (user)
		*user = 0;
	setpgid(0, 0);
	dup2(1, 2);
	if (user || !strcmp(name, TRINITY))
		become_user();
	if (!strcmp(name, TRINITY)) { /* its own search for sockets ends in a wild pointer, on Linux
					 too */
		if (!chdir(WORK))
			execl("/usr/bin/trinity", TRINITY, "-q", "-q", "-l", "off", "-C", "4", "-a",
				"64", "--disable-fds=sockets", NULL);
		_exit(127);
	}
	execl("/usr/bin/stress-ng", "stress-ng", option, "1", "--timeout", seconds, "--temp-path",
		WORK, "--metrics-brief", "--no-rand-seed", NULL);
	printf("exec: %s\n", strerror(errno));
	_exit(127);
}

/* What each thread is at. */
static void show_all(void)
{
	fflush(stdout);
	(void)!system("for t in /proc/[0-9]*/task/*; do echo \"$t $(cat $t/stat) wchan $(cat "
		      "$t/wchan) call"
		      " $(cat $t/syscall)\"; done 2>/dev/null");
}

/* Everybody but the first process and this one. -> whether all are gone in time */
static bool kill_all(void)
{
	long end = now_ms() + KILL_MS;

	while (now_ms() < end) {
		kill(-1, SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return true;
		usleep(20000);
	}
	return false;
}

/* What outlives its makers. */
static void remove_ipc(void)
{
	struct shmid_ds shm;
	struct msqid_ds msg;
	struct semid_ds sem;
	int id, last;

	last = shmctl(0, SHM_INFO, (struct shmid_ds *)&(struct shm_info){0});
	for (int i = 0; i <= last; i++)
		if ((id = shmctl(i, SHM_STAT, &shm)) >= 0)
			shmctl(id, IPC_RMID, NULL);
	last = msgctl(0, MSG_INFO, (struct msqid_ds *)&(struct msginfo){0});
	for (int i = 0; i <= last; i++)
		if ((id = msgctl(i, MSG_STAT, &msg)) >= 0)
			msgctl(id, IPC_RMID, NULL);
	last = semctl(0, 0, SEM_INFO, &(struct seminfo){0});
	for (int i = 0; i <= last; i++)
		if ((id = semctl(i, 0, SEM_STAT, &sem)) >= 0)
			semctl(id, 0, IPC_RMID);
}

static void nothing(int signo)
{
	(void)signo;
}

static pid_t start(const char *name, const char *seconds)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		run(name, seconds);
	return pid;
}

/* -> 0, or -1 when it is stuck. A fuzzer knows no time: it goes on until it is told, and kills
 * itself often. */
static int try(const char *name, const char *seconds, long limit_ms, char status[16])
{
	bool fuzzer = !strcmp(name, TRINITY), ended = false;
	long begin = now_ms(), enough = begin + atol(seconds) * 1000;
	int code = 0;
	pid_t pid, dead;

	if (mount("tmpfs", WORK, "tmpfs", 0, "mode=1777") < 0)
		printf("mount: %s\n", strerror(errno));
	pid = start(name, seconds);
	while (!ended && now_ms() - begin < limit_ms) {
		dead = waitpid(-1, &code, WNOHANG);
		if (dead == pid && fuzzer && now_ms() < enough)
			pid = start(name, seconds);
		else if (dead == pid)
			ended = true;
		else if (dead <= 0)
			usleep(20000);
		if (fuzzer && !ended && now_ms() >= enough)
			kill(pid, SIGINT);
	}
	if (!ended) {
		strcpy(status, "late");
		show_all();
	} else {
		sprintf(status, "%d", WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code));
	}
	if (!kill_all()) {
		show_all();
		return -1;
	}
	remove_ipc();
	if (umount2(WORK, MNT_DETACH) < 0)
		printf("umount: %s\n", strerror(errno));
	usleep(SETTLE_MS * 1000);
	return 0;
}

int main(int argc, char **argv)
{
	long limit_ms = argc > 3 ? atol(argv[2]) * 1000 : 0;

	if (!limit_ms)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 1; i < NSIG;
		i++) /* a stressor tells its parent; when that has gone, we are it */
		if (i != SIGCHLD)
			signal(i, nothing);
	mkdir(WORK, 01777);
	for (int i = 3; i < argc; i++) {
		char status[16];
		long begin = now_ms(), more = 0;

		printf("BEGIN %s\n", argv[i]);
		for (int run = 0; run < (strcmp(argv[i], TRINITY) ? RUNS_MAX : 2); run++) {
			bool warm = !run && !strcmp(argv[i], TRINITY);
			long before = held_bytes();

			if (try(argv[i], warm ? WARM_S : argv[1], limit_ms, status) < 0) {
				printf("END %s stuck %ld 0\n", argv[i], now_ms() - begin);
				return 1;
			}
			more = held_bytes() - before;
			if (more < MUCH && !warm)
				break;
		}
		printf("END %s %s %ld %ld\n", argv[i], status, now_ms() - begin, more);
		fflush(stdout);
	}
	return 0;
}
