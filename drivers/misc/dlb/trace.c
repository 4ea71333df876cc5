// SPDX-License-Identifier: GPL-2.0
/*
 * Trace events for Rust: the macro that the kernel crate has for this knows
 * only events whose headers are part of the kernel's own bindings.
 */
#include <linux/configfs.h>
#include <linux/types.h>

#define CREATE_TRACE_POINTS
#include "dlb_trace.h"

#include "trace.h"

struct dlb_trace_path {
	const char *domain;
	const char *shelf;
	const char *object;
};

/*
 * The tree is dlb/<domain>/<shelf>/<object>. Finds out where in it something
 * called @name is whose parent is @parent; callers hold the parent in the tree.
 */
static struct dlb_trace_path dlb_trace_path(struct config_item *parent,
					    const char *name)
{
	struct config_item *domain = parent->ci_parent;

	/* The parent of the root is that of all subsystems, which has none. */
	if (domain && domain->ci_parent)
		return (struct dlb_trace_path) {
			.domain = config_item_name(domain),
			.shelf = config_item_name(parent),
			.object = name,
		};
	return (struct dlb_trace_path) { .domain = name, .shelf = "", .object = "" };
}

void dlb_trace_config(struct config_item *item, const char *attr,
		      const char *value, size_t len, int ret)
{
	struct dlb_trace_path path;

	if (!trace_dlb_config_enabled())
		return;
	path = dlb_trace_path(item->ci_parent, config_item_name(item));
	trace_dlb_config(path.domain, path.shelf, path.object, attr, value, len,
			 ret);
}

void dlb_trace_mkdir(struct config_group *parent, const char *name)
{
	struct dlb_trace_path path;

	if (!trace_dlb_mkdir_enabled())
		return;
	path = dlb_trace_path(&parent->cg_item, name);
	trace_dlb_mkdir(path.domain, path.shelf, path.object);
}

void dlb_trace_rmdir(struct config_group *parent, struct config_item *item)
{
	struct dlb_trace_path path;

	if (!trace_dlb_rmdir_enabled())
		return;
	path = dlb_trace_path(&parent->cg_item, config_item_name(item));
	trace_dlb_rmdir(path.domain, path.shelf, path.object);
}

void dlb_trace_setting(const char *device, const char *attr, const char *value,
		       size_t len, int ret)
{
	trace_dlb_setting(device, attr, value, len, ret);
}

void dlb_trace_enable(const char *domain, size_t domain_len, int id, int ret,
		      const char *reason, size_t reason_len)
{
	trace_dlb_enable(domain, domain_len, id, ret, reason, reason_len);
}

void dlb_trace_disable(const char *domain, size_t domain_len, const char *why,
		       size_t why_len, int ret)
{
	trace_dlb_disable(domain, domain_len, why, why_len, ret);
}

void dlb_trace_domain_reset(const char *device, size_t device_len, int id,
			    int ret)
{
	trace_dlb_domain_reset(device, device_len, id, ret);
}

void dlb_trace_links(const char *domain, size_t domain_len, const char *port,
		     size_t port_len, unsigned int links, int ret)
{
	trace_dlb_links(domain, domain_len, port, port_len, links, ret);
}

void dlb_trace_alert(const char *device, size_t device_len, int id,
		     unsigned int kind, u64 aux)
{
	trace_dlb_alert(device, device_len, id, kind, aux);
}

void dlb_trace_device(const char *device, size_t device_len, const char *what,
		      size_t what_len, int ret)
{
	trace_dlb_device(device, device_len, what, what_len, ret);
}

void dlb_trace_mailbox(const char *device, size_t device_len, unsigned int vf,
		       unsigned int command, unsigned int status)
{
	trace_dlb_mailbox(device, device_len, vf, command, status);
}
