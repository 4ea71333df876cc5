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

/*
 * Names of the domain and of the object in it that @item belongs to. The tree
 * is dlb/<domain>/<shelf>/<object>; callers hold the item in the tree.
 */
static void dlb_trace_names(struct config_item *item, const char **domain,
			    const char **object)
{
	struct config_item *shelf = item->ci_parent;

	*object = "";
	if (shelf && shelf->ci_parent && shelf->ci_parent->ci_parent) {
		*object = config_item_name(item);
		item = shelf->ci_parent;
	}
	*domain = config_item_name(item);
}

void dlb_trace_config(struct config_item *item, const char *attr,
		      const char *value, size_t len, int ret)
{
	const char *domain, *object;

	if (!trace_dlb_config_enabled())
		return;
	dlb_trace_names(item, &domain, &object);
	trace_dlb_config(domain, object, attr, value, len, ret);
}

void dlb_trace_mkdir(struct config_group *parent, const char *name)
{
	struct config_item *shelf = &parent->cg_item;

	if (!trace_dlb_mkdir_enabled())
		return;
	if (shelf->ci_parent && shelf->ci_parent->ci_parent)
		trace_dlb_mkdir(config_item_name(shelf->ci_parent), name);
	else
		trace_dlb_mkdir(name, "");
}

void dlb_trace_rmdir(struct config_group *parent, struct config_item *item)
{
	struct config_item *shelf = &parent->cg_item;

	if (!trace_dlb_rmdir_enabled())
		return;
	if (shelf->ci_parent && shelf->ci_parent->ci_parent)
		trace_dlb_rmdir(config_item_name(shelf->ci_parent),
				config_item_name(item));
	else
		trace_dlb_rmdir(config_item_name(item), "");
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
