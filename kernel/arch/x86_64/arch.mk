# x86_64: flags, and the vDSO (its own small ELF object, embedded in the kernel).
# The kernel keeps off SSE and the red zone: interrupts run on the stack of whom they interrupt, and only switches save FPU state.
# Stacks are aligned to 8: without SSE nothing needs 16.
KARCH_CFLAGS  := -m64 -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -mno-80387 -mstack-protector-guard=global \
                 -fcf-protection=none $(if $(findstring clang,$(KCC)),-mstack-alignment=8,-mpreferred-stack-boundary=3)
KASFLAGS      += -m64
# So the shadow of the upper half stands at ffffec0000000000..fffffc0000000000, where nothing else is.
KASAN_OFFSET  := 0xdffffc0000000000
KARCH_LDFLAGS := -nostdlib -z max-page-size=4096 -z noexecstack --build-id=none

VDSO_DIR    := kernel/arch/x86_64/vdso
VDSO_SO     := $(KBUILD)/vdso.so
VDSO_CFLAGS := -std=gnu17 -m64 -O2 -fPIC -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fomit-frame-pointer \
               -fcf-protection=none -fno-jump-tables -mgeneral-regs-only -fvisibility=hidden -Wall -Wextra -Werror -Ikernel/include
$(VDSO_SO): $(wildcard $(VDSO_DIR)/*.c) $(VDSO_DIR)/vdso.lds kernel/include/arch/vdso_data.h kernel/arch/x86_64/arch.mk
	@mkdir -p $(@D)
	@echo "  VDSO  $@"
	@$(KCC) $(VDSO_CFLAGS) -nostdlib -shared -Wl,-soname=linux-vdso.so.1 -Wl,--hash-style=both -Wl,-z,max-page-size=4096 \
		-Wl,--build-id=none -Wl,-Bsymbolic -Wl,-T,$(VDSO_DIR)/vdso.lds -o $@.dbg $(filter %.c,$^)
	@objcopy -S $@.dbg $@
$(KBUILD)/kernel/arch/x86_64/vdso_image.S.o: $(VDSO_SO)
$(KBUILD)/kernel/arch/x86_64/vdso_image.S.o: KASFLAGS += -DVDSO_SO='"$(VDSO_SO)"'
