# SPDX-License-Identifier: MIT OR Apache-2.0
# The native calls, tested from programs inside Exo-OS; one machine for all suites.

NATIVE_SRC := tests/native
NATIVE_OUT := build/$(ARCH)/tests/native
NATIVE_SUITES := $(patsubst $(NATIVE_SRC)/%.c,%,$(sort $(wildcard $(NATIVE_SRC)/*.c)))
NATIVE_CFLAGS := $(COMPAT_CFLAGS) -Itests/compatibility -Ilibs
NATIVE_HEADERS := $(wildcard $(NATIVE_SRC)/*.h libs/exo_ipc/*.h libs/exo_abi/*native*) tests/compatibility/t_.h

.PHONY: native-programs test-native

native-programs: $(NATIVE_SUITES:%=$(NATIVE_OUT)/%) $(NATIVE_OUT)/cxx.o

$(NATIVE_OUT)/%: $(NATIVE_SRC)/%.c $(NATIVE_HEADERS) $(COMPAT_OUT)/t_.o
	@mkdir -p $(@D)
	$(COMPAT_CC) $(NATIVE_CFLAGS) -static -s -pthread $< $(COMPAT_OUT)/t_.o -o $@

# The stubs are good C++ too.
$(NATIVE_OUT)/cxx.o: libs/exo_abi/exo_native.h libs/exo_abi/native.h
	@mkdir -p $(@D)
	g++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -x c++ -include libs/exo_abi/exo_native.h /dev/null && touch $@

test-native: native-programs kernel image
	$(Q)DEBUG=$(DEBUG) tests/native/run
