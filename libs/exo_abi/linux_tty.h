/* The terminal part of the Linux user ABI, x86_64. Sources: termios(3) ioctl_tty(2)
 * ioctl_console(2) pty(7). */
#pragma once

#include <exo/types.h>

#define TERMIOS_CC_COUNT 19
struct linux_termios { /* what TCGETS and TCSETS move */
	union {
		struct {
			u32 iflag, oflag, cflag, lflag;
		};
		u32 flags[4];
	};
	u8 line;
	u8 cc[TERMIOS_CC_COUNT];
};
_Static_assert(sizeof(struct linux_termios) == 36, "user ABI");
struct linux_termios2 { /* TCGETS2 and TCSETS2: speeds as numbers */
	struct linux_termios base;
	u32 ispeed, ospeed;
};
_Static_assert(sizeof(struct linux_termios2) == 44, "user ABI");
struct linux_termio { /* TCGETA and TCSETA: System V's form */
	u16 flags[4]; /* iflag, oflag, cflag, lflag */
	u8 line, cc[8], pad;
};
_Static_assert(sizeof(struct linux_termio) == 18, "user ABI");
struct linux_winsize {
	u16 rows, columns, x_pixels, y_pixels;
};

/* cc[] */
enum {
	VINTR,
	VQUIT,
	VERASE,
	VKILL,
	VEOF,
	VTIME,
	VMIN,
	VSWTC,
	VSTART,
	VSTOP,
	VSUSP,
	VEOL,
	VREPRINT,
	VDISCARD,
	VWERASE,
	VLNEXT,
	VEOL2
};

/* iflag */
#define IGNBRK  0000001u
#define BRKINT  0000002u
#define IGNPAR  0000004u
#define PARMRK  0000010u
#define INPCK   0000020u
#define ISTRIP  0000040u
#define INLCR   0000100u
#define IGNCR   0000200u
#define ICRNL   0000400u
#define IUCLC   0001000u
#define IXON    0002000u
#define IXANY   0004000u
#define IXOFF   0010000u
#define IMAXBEL 0020000u
#define IUTF8   0040000u
/* oflag */
#define OPOST  0000001u
#define OLCUC  0000002u
#define ONLCR  0000004u
#define OCRNL  0000010u
#define ONOCR  0000020u
#define ONLRET 0000040u
#define TABDLY 0014000u
#define XTABS  0014000u
/* cflag */
#define CBAUD        0010017u
#define B0           0000000u
#define B9600        0000015u
#define B38400       0000017u
#define B115200      0010002u
#define BOTHER       0010000u
#define CS8          0000060u
#define CREAD        0000200u
#define HUPCL        0002000u
#define CLOCAL       0004000u
#define CIBAUD       002003600000u
#define CIBAUD_SHIFT 16
/* lflag */
#define ISIG    0000001u
#define ICANON  0000002u
#define ECHO    0000010u
#define ECHOE   0000020u
#define ECHOK   0000040u
#define ECHONL  0000100u
#define NOFLSH  0000200u
#define TOSTOP  0000400u
#define ECHOCTL 0001000u
#define ECHOPRT 0002000u
#define ECHOKE  0004000u
#define IEXTEN  0100000u
#define EXTPROC 0200000u

/* ioctl */
#define TCGETS      0x5401u
#define TCSETS      0x5402u
#define TCSETSW     0x5403u
#define TCSETSF     0x5404u
#define TCGETA      0x5405u
#define TCSETA      0x5406u
#define TCSETAW     0x5407u
#define TCSETAF     0x5408u
#define TCSBRK      0x5409u
#define TCXONC      0x540au
#define TCFLSH      0x540bu
#define TIOCEXCL    0x540cu
#define TIOCNXCL    0x540du
#define TIOCSCTTY   0x540eu
#define TIOCGPGRP   0x540fu
#define TIOCSPGRP   0x5410u
#define TIOCOUTQ    0x5411u
#define TIOCSTI     0x5412u
#define TIOCGWINSZ  0x5413u
#define TIOCSWINSZ  0x5414u
#define TIOCMGET    0x5415u
#define TIOCMBIS    0x5416u
#define TIOCMBIC    0x5417u
#define TIOCMSET    0x5418u
#define FIONREAD    0x541bu
#define TIOCPKT     0x5420u
#define TIOCNOTTY   0x5422u
#define TIOCSETD    0x5423u
#define TIOCGETD    0x5424u
#define TCSBRKP     0x5425u
#define TIOCSBRK    0x5427u
#define TIOCCBRK    0x5428u
#define TIOCGSID    0x5429u
#define TCGETS2     0x802c542au
#define TCSETS2     0x402c542bu
#define TCSETSW2    0x402c542cu
#define TCSETSF2    0x402c542du
#define TIOCGPTN    0x80045430u
#define TIOCSPTLCK  0x40045431u
#define TIOCGDEV    0x80045432u
#define TIOCSIG     0x40045436u
#define TIOCVHANGUP 0x5437u
#define TIOCGLOCKED 0x5456u /* TIOCGLCKTRMIOS */
#define TIOCSLOCKED 0x5457u /* TIOCSLCKTRMIOS */
#define TIOCGPKT    0x80045438u
#define TIOCGPTLCK  0x80045439u
#define TIOCGEXCL   0x80045440u
#define TIOCGPTPEER 0x5441u

/* TCXONC, TCFLSH */
enum { TCOOFF, TCOON, TCIOFF, TCION };
enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
/* first byte of a read from a master in packet mode */
#define TIOCPKT_DATA       0u
#define TIOCPKT_FLUSHREAD  1u
#define TIOCPKT_FLUSHWRITE 2u
#define TIOCPKT_STOP       4u
#define TIOCPKT_START      8u
#define TIOCPKT_NOSTOP     16u
#define TIOCPKT_DOSTOP     32u
/* modem lines */
#define TIOCM_DTR 0x002u
#define TIOCM_RTS 0x004u
#define TIOCM_CTS 0x020u
#define TIOCM_CAR 0x040u
#define TIOCM_RNG 0x080u
#define TIOCM_DSR 0x100u

#define N_TTY 0u

/* Virtual consoles. */
#define KDGKBTYPE     0x4B33u
#define KDSETMODE     0x4B3Au
#define KDGETMODE     0x4B3Bu
#define KDGKBMODE     0x4B44u
#define KDSKBMODE     0x4B45u
#define VT_OPENQRY    0x5600u
#define VT_GETMODE    0x5601u
#define VT_SETMODE    0x5602u
#define VT_GETSTATE   0x5603u
#define VT_RELDISP    0x5605u
#define VT_ACTIVATE   0x5606u
#define VT_WAITACTIVE 0x5607u

#define KB_101      2u
#define KD_TEXT     0u
#define KD_GRAPHICS 1u
#define KD_TEXT1    3u
enum { K_RAW, K_XLATE, K_MEDIUMRAW, K_UNICODE, K_OFF };
#define VT_AUTO    0u
#define VT_PROCESS 1u
#define VT_ACKACQ  2u
struct linux_vt_mode {
	u8 mode, waitv;
	s16 relsig, acqsig, frsig;
};
struct linux_vt_stat {
	u16 active, signal, state;
};
_Static_assert(sizeof(struct linux_vt_mode) == 8 && sizeof(struct linux_vt_stat) == 6, "user ABI");
