/* SPDX-License-Identifier: Apache-2.0 */
/* --net SPEC: none | user[,OPTION...] | tap=IFNAME. */
#include <errno.h>
#include <string.h>

#include "host/net.h"

int net_open(struct loop *l, const char *spec, struct net **out, struct err *e)
{
	*out = NULL;
	if (!strcmp(spec, "none"))
		return 0;
	if (!strncmp(spec, "user", 4) && (!spec[4] || spec[4] == ','))
		*out = net_user_create(l, spec + 4, e);
	else if (!strncmp(spec, "tap=", 4))
		*out = net_tap_create(l, spec + 4, e);
	else
		return err_set(e, EINVAL, "network '%.200s': known are none, user[,OPTION...] and "
			       "tap=INTERFACE", spec);
	if (*out)
		return 0;
	return err_wrap(e, "network '%.200s'", spec);
}
