/* SPDX-License-Identifier: Apache-2.0 */
/* What a store's programs are given by WASI: the configuration of doppel.h. */
#include <errno.h>
#include <string.h>

#include "process/api.h"
#include "process/wasi.h"

/* Strings that were copied; they grow by doubling. */
struct list {
	char **s;
	size_t n;
};

struct dp_wasi_t {
	struct list args, env, names;   /* names: host and guest, in turns */
	struct wasi_preopen *dirs;
	uint32_t ndirs;
	int stdio[3];
	bool deterministic;
	uint64_t seed;
};

static bool list_add(struct list *l, const char *s)
{
	if (!(l->n & (l->n - 1))) {
		char **more = base_realloc(l->s, (l->n ? l->n * 2 : 1) * sizeof(*more));

		if (!more)
			return false;
		l->s = more;
	}
	l->s[l->n] = base_strdup(s);
	return l->s[l->n] && ++l->n;
}

static void list_clear(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		base_free(l->s[i]);
	base_free(l->s);
	*l = (struct list){ 0 };
}

dp_wasi_t *dp_wasi_new(void)
{
	dp_wasi_t *w = base_zalloc(sizeof(*w));

	if (w)
		w->stdio[0] = w->stdio[1] = w->stdio[2] = -1;
	return w;
}

void dp_wasi_delete(dp_wasi_t *w)
{
	if (!w)
		return;
	list_clear(&w->args);
	list_clear(&w->env);
	list_clear(&w->names);
	base_free(w->dirs);
	base_free(w);
}

bool dp_wasi_set_args(dp_wasi_t *w, size_t argc, const char *const argv[])
{
	bool ok = true;

	list_clear(&w->args);
	for (size_t i = 0; ok && i < argc; i++)
		ok = list_add(&w->args, argv[i]);
	return ok;
}

bool dp_wasi_add_env(dp_wasi_t *w, const char *name_is_value)
{
	return strchr(name_is_value, '=') && list_add(&w->env, name_is_value);
}

bool dp_wasi_add_dir(dp_wasi_t *w, const char *host, const char *guest, bool readonly)
{
	struct wasi_preopen *more = base_realloc(w->dirs, (w->ndirs + 1) * sizeof(*more));

	if (!more)
		return false;
	w->dirs = more;
	if (!list_add(&w->names, host) || !list_add(&w->names, guest))
		return false;
	w->dirs[w->ndirs++] = (struct wasi_preopen){
		w->names.s[w->names.n - 2], w->names.s[w->names.n - 1], readonly,
	};
	return true;
}

void dp_wasi_set_stdio(dp_wasi_t *w, int in, int out, int err)
{
	w->stdio[0] = in;
	w->stdio[1] = out;
	w->stdio[2] = err;
}

void dp_wasi_set_deterministic(dp_wasi_t *w, uint64_t seed)
{
	w->deterministic = true;
	w->seed = seed;
}

bool dp_store_set_wasi(wasm_store_t *s, dp_wasi_t *w)
{
	struct wasi_options o = {
		.argc = (uint32_t)w->args.n, .argv = (const char *const *)w->args.s,
		.envc = (uint32_t)w->env.n, .env = (const char *const *)w->env.s,
		.npreopens = w->ndirs, .preopens = w->dirs,
		.has_stdio = true, .stdio = { w->stdio[0], w->stdio[1], w->stdio[2] },
		.interruptible = true, .deterministic = w->deterministic, .seed = w->seed,
	};

	s->err.code = 0;
	if (s->wasi)
		err_set(&s->err, EBUSY, "the store has WASI already");
	else
		s->wasi = wasi_create(&o, &s->err);
	dp_wasi_delete(w);
	return !s->err.code && s->wasi;
}
