# SPDX-License-Identifier: Apache-2.0
# make                       build/doppel, build/libdoppel.a, build/libdoppel.so
# make run | check | bench   install what is missing, build, and do it
# make MODE=debug|asan|ubsan|tsan|cover|fuzz   another build, in build/MODE
# make CROSS=aarch64-linux-gnu                 for another host, in build/CROSS
# make install PREFIX=/usr/local DESTDIR=       after make
# make V=1                   show the commands

MODE  ?= release
CROSS ?=
O     ?= build$(if $(CROSS),/$(CROSS))$(if $(filter-out release,$(MODE)),/$(MODE))
Q     := $(if $(V),,@)

CC := $(if $(CROSS),$(CROSS)-gcc,$(if $(filter fuzz,$(MODE)),clang,$(if $(filter default,$(origin CC)),gcc,$(CC))))
AR := $(if $(CROSS),$(CROSS)-)ar
NM := $(if $(CROSS),$(CROSS)-)nm
PKG_CONFIG ?= $(if $(CROSS),$(CROSS)-pkg-config,pkg-config)

# Optional libraries: HAVE_<NAME> is defined for each that is found.
LIBS_OPTIONAL := fdt:libfdt slirp:slirp zlib:zlib lzma:liblzma zstd:libzstd \
	archive:libarchive json:json-c seccomp:libseccomp
# Debian's libfdt has no .pc file and libslirp's asks for glib's: try them.
have_pc   = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo y)
hash     := \#
try_lib   = $(shell printf '$(hash)include <$(1)>\nint main(void){return !&$(2);}' | \
	$(CC) $(4) -x c - $(3) -o /dev/null 2>/dev/null && echo y)
INC_SLIRP := -isystem /usr/include/slirp
have_fdt   := $(call try_lib,libfdt.h,fdt_check_header,-lfdt)
have_slirp := $(call try_lib,libslirp.h,slirp_new,-lslirp,$(INC_SLIRP))
lib_name  = $(word 1,$(subst :, ,$(1)))
lib_pc    = $(word 2,$(subst :, ,$(1)))
FOUND    := $(foreach l,$(LIBS_OPTIONAL),$(if $(filter fdt slirp,$(call lib_name,$(l))),$(if $(have_$(call lib_name,$(l))),$(l)),$(if $(call have_pc,$(call lib_pc,$(l))),$(l))))
MISSING  := $(filter-out $(FOUND),$(LIBS_OPTIONAL))
FOUND_PC := $(foreach l,$(filter-out fdt:% slirp:%,$(FOUND)),$(call lib_pc,$(l)))
upper     = $(shell echo $(1) | tr a-z A-Z)
DEFS     := $(foreach l,$(FOUND),-DHAVE_$(call upper,$(call lib_name,$(l))))
LIBS     := $(if $(FOUND_PC),$(shell $(PKG_CONFIG) --libs $(FOUND_PC))) $(if $(have_fdt),-lfdt) $(if $(have_slirp),-lslirp) -pthread -lm
INCS     := $(if $(FOUND_PC),$(shell $(PKG_CONFIG) --cflags $(FOUND_PC))) $(if $(have_slirp),$(INC_SLIRP))

VERSION  := 0.1.0
FLAGS.release := -O2 -g -DNDEBUG -fno-plt
FLAGS.debug   := -O1 -g
FLAGS.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS.ubsan   := -O1 -g -fsanitize=undefined -fno-sanitize-recover=undefined
FLAGS.tsan    := -O1 -g -fsanitize=thread
FLAGS.cover   := -O0 -g --coverage
FLAGS.fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
CFLAGS   += -std=gnu11 -Wall -Wextra -fPIC -fvisibility=hidden -fno-strict-aliasing -ffp-contract=off -D_GNU_SOURCE -DDP_VERSION='"$(VERSION)"' \
	-Isrc -Iinclude -I. $(INCS) $(DEFS) $(FLAGS.$(MODE)) $(EXTRA_CFLAGS)
LDFLAGS  += $(filter -fsanitize% --coverage,$(FLAGS.$(MODE)))
# Relative relocations packed, where the linker can: less to read at each start.
LDFLAGS  += $(shell echo 'int main(void){return 0;}' | $(CC) -Wl,-z,pack-relative-relocs -x c - -o /dev/null 2>&1 | \
	grep -q . || echo -Wl,-z,pack-relative-relocs)

# Instructions a second time, for processors that have more than x86-64's least.
X86_V3   := $(if $(filter x86_64%,$(shell $(CC) -dumpmachine 2>/dev/null)),-march=x86-64-v3)
CFLAGS.src/wasm/interp_num_v3.c := $(X86_V3)
CFLAGS.src/wasm/interp_simd_v3.c := $(X86_V3)
CFLAGS.src/wasm/interp_simd_v3_det.c := $(X86_V3)
CFLAGS.tests/wasm/simd_rows_x86_64_v3.c := $(X86_V3)

# Thousands of handlers made from one table: what they compute is checked with
# sanitizers where the table's meanings are tested (tests/wasm/scalar_rows.c), and
# instrumented they take a minute to compile.
$(foreach f,interp_num interp_num_v3,$(eval CFLAGS.src/wasm/$(f).c += \
	$(if $(filter asan ubsan fuzz,$(MODE)),-fno-sanitize=all)))

SRC      := $(sort $(wildcard src/*/*.c src/*/*/*.c))
LIB_SRC  := $(filter-out src/cli/%,$(SRC))
CLI_SRC  := $(filter src/cli/%,$(SRC))
LIB_OBJ  := $(LIB_SRC:%.c=$(O)/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(O)/%.o)
# What is below tests/programs/ is for guests.
TEST_SRC := $(filter-out tests/programs/%,$(sort $(wildcard tests/*/*.c tests/*/*/*.c)))
TESTS    := $(TEST_SRC:%.c=$(O)/%)
FUZZ_SRC := $(sort $(wildcard fuzz/*.c))
FUZZERS  := $(FUZZ_SRC:%.c=$(O)/%)

all: $(O)/doppel $(O)/libdoppel.a $(O)/libdoppel.so
	$(if $(MISSING),@echo "built without: $(foreach l,$(MISSING),$(call lib_pc,$(l))) ('make deps' installs them)")

# Release builds load the optional libraries when they are first used, where
# scripts/lazy can arrange that.
LAZY     := $(if $(filter release,$(MODE)),$(O)/lazy.S)
link_libs = if [ -s '$(O)/lazy.S' ]; then echo '$(O)/lazy.S' -pthread -lm -ldl; else echo $(LIBS); fi
$(O)/doppel: $(CLI_OBJ) $(O)/libdoppel.a $(LAZY)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(CLI_OBJ) $(O)/libdoppel.a $$($(link_libs)) $(O)/libdoppel.a
$(O)/lazy.S: $(CLI_OBJ) $(LIB_OBJ) scripts/lazy
	$(Q)scripts/lazy $@ '$(CC)' $(NM) $(CLI_OBJ) $(LIB_OBJ) -- $(LIBS) || : >$@
$(O)/libdoppel.a: $(LIB_OBJ)
	@echo "  AR $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(O)/libdoppel.so: $(LIB_OBJ) $(LAZY)
	@echo "  LD $@"
	$(Q)$(CC) -shared $(LDFLAGS) -Wl,-soname,libdoppel.so.0 -o $@ $(LIB_OBJ) $$($(link_libs))
	$(Q)ln -sf libdoppel.so $@.0
$(O)/%.o: %.c $(O)/flags
	@echo "  CC $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CFLAGS.$<) -MMD -MP -c -o $@ $<
$(TESTS): $(O)/tests/%: $(O)/tests/%.o $(O)/libdoppel.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(O)/libdoppel.a $(LIBS)
$(FUZZERS): $(O)/fuzz/%: $(O)/fuzz/%.o $(O)/libdoppel.a
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< $(O)/libdoppel.a $(LIBS)

# Rebuild everything when the compiler or the flags change.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS)' > $@

tests: $(TESTS)
fuzzers: $(FUZZERS)
deps:
	$(Q)scripts/deps build
run:
	$(Q)scripts/deps build run
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)$(O)/doppel run linux
check:
	$(Q)scripts/deps build check
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all tests
	$(Q)tests/run -o $(O)
bench:
	$(Q)scripts/deps build bench
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)bench/run -o $(O)
	$(Q)bench/wasm/run -o $(O)
clean:
	$(Q)rm -rf $(O)

# What `make` has built, DESTDIR is for packages;
# without symbols, unless STRIP is empty.
PREFIX ?= /usr/local
STRIP  ?= $(if $(CROSS),$(CROSS)-)strip
strip   = $(if $(STRIP),-s --strip-program=$(STRIP))
D       = $(DESTDIR)$(PREFIX)
install:
	$(Q)[ -x $(O)/doppel ] || { echo "nothing is built in $(O): run make first" >&2; exit 1; }
	$(Q)install -d $(D)/bin $(D)/lib/pkgconfig $(D)/include/doppel $(D)/share/man/man1
	$(Q)install $(strip) $(O)/doppel $(D)/bin/doppel
	$(Q)install -m 644 $(O)/libdoppel.a $(D)/lib/libdoppel.a
	$(Q)install $(strip) -m 755 $(O)/libdoppel.so $(D)/lib/libdoppel.so.$(VERSION)
	$(Q)ln -sf libdoppel.so.$(VERSION) $(D)/lib/libdoppel.so.0
	$(Q)ln -sf libdoppel.so.0 $(D)/lib/libdoppel.so
	$(Q)install -m 644 include/wasm.h include/doppel.h $(D)/include/doppel
	$(Q)install -m 644 docs/doppel.1 $(D)/share/man/man1/doppel.1
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LIBS) -ldl|' doppel.pc.in > \
		$(D)/lib/pkgconfig/doppel.pc
# The loader finds a library below /usr/local only when its cache has it.
	$(Q)[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig || :

.PHONY: all tests fuzzers deps run check bench clean install FORCE
-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TESTS:=.d) $(FUZZERS:=.d)
