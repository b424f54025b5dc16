# SPDX-License-Identifier: MIT OR Apache-2.0
# `exo`, in every image but the minimal one as /usr/bin/exo; static and small, as the examples are.
EXO := $(BUILD)/userland/exo

$(EXO): $(wildcard userland/exo/*.[ch]) userland/exo/exo.mk examples/examples.mk
	@mkdir -p $(@D)
	$(Q)$(EXAMPLES_CC) $(EXAMPLES_CFLAGS) -o $@ $(filter %.c,$^)
