/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of the host as WASI's. */
#include "process/wasi_int.h"

#include <errno.h>

#include "base/bits.h"

/* Both have the names of POSIX. */
#define SAME(X) \
	X(ACCES) X(ADDRINUSE) X(ADDRNOTAVAIL) X(AFNOSUPPORT) X(AGAIN) X(ALREADY) X(BADF) \
	X(BADMSG) X(BUSY) X(CHILD) X(CONNABORTED) X(CONNREFUSED) X(CONNRESET) X(DEADLK) \
	X(DESTADDRREQ) X(DOM) X(DQUOT) X(EXIST) X(FAULT) X(FBIG) X(HOSTUNREACH) X(IDRM) \
	X(ILSEQ) X(INPROGRESS) X(INTR) X(INVAL) X(IO) X(ISCONN) X(ISDIR) X(LOOP) X(MFILE) \
	X(MLINK) X(MSGSIZE) X(MULTIHOP) X(NAMETOOLONG) X(NETDOWN) X(NETRESET) \
	X(NETUNREACH) X(NFILE) X(NOBUFS) X(NODEV) X(NOENT) X(NOEXEC) X(NOLCK) X(NOLINK) \
	X(NOMEM) X(NOMSG) X(NOPROTOOPT) X(NOSPC) X(NOSYS) X(NOTCONN) X(NOTDIR) \
	X(NOTEMPTY) X(NOTRECOVERABLE) X(NOTSOCK) X(NOTTY) X(NXIO) X(OVERFLOW) X(OWNERDEAD) \
	X(PERM) X(PIPE) X(PROTO) X(PROTONOSUPPORT) X(PROTOTYPE) X(RANGE) X(ROFS) X(SPIPE) \
	X(SRCH) X(STALE) X(TIMEDOUT) X(TXTBSY) X(XDEV)

static const uint8_t of_host[] = {
#define X(name) [E##name] = WASI_E##name,
	SAME(X)
#undef X
	[E2BIG] = WASI_E2BIG,
	[ECANCELED] = WASI_ECANCELED,
	[EOPNOTSUPP] = WASI_ENOTSUP,
};

static const char *const names[] = {
#define X(name) #name,
	WASI_ERRNOS(X)
#undef X
};

enum wasi_errno wasi__errno(int r)
{
	if (r >= 0)
		return (enum wasi_errno)r;
	if (-r < (int)ARRAY_LEN(of_host) && of_host[-r])
		return of_host[-r];
	return WASI_EIO;
}

const char *wasi__errno_name(enum wasi_errno e)
{
	return (unsigned)e < ARRAY_LEN(names) ? names[e] : "?";
}
