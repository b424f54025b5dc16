# /init: a freestanding static program.
INIT_CC ?= gcc
INIT_CFLAGS := -std=gnu17 -Os -ffreestanding -fno-builtin -fno-pie -no-pie -static -nostdlib \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -mno-sse \
	-Wall -Wextra -Werror -Wshadow -Wundef -Wvla -Wimplicit-fallthrough -Wstrict-prototypes

$(BUILD)/userland/init: userland/init/init.c userland/init/sys.h userland/init/init.mk
	@mkdir -p $(@D)
	$(Q)$(INIT_CC) $(INIT_CFLAGS) -Wl,-z,noexecstack,--build-id=none -s -o $@ userland/init/init.c
