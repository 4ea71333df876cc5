/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What trace.c offers to glue/trace.rs.
 */
#ifndef _DLB_TRACE_C_H
#define _DLB_TRACE_C_H

#include <linux/types.h>

struct config_group;
struct config_item;

void dlb_trace_config(struct config_item *item, const char *attr,
		      const char *value, size_t len, int ret);
void dlb_trace_mkdir(struct config_group *parent, const char *name);
void dlb_trace_rmdir(struct config_group *parent, struct config_item *item);
void dlb_trace_setting(const char *device, const char *attr, const char *value,
		       size_t len, int ret);
void dlb_trace_enable(const char *domain, size_t domain_len, int id, int ret,
		      const char *reason, size_t reason_len);
void dlb_trace_disable(const char *domain, size_t domain_len, const char *why,
		       size_t why_len, int ret);
void dlb_trace_domain_reset(const char *device, size_t device_len, int id,
			    int ret);
void dlb_trace_links(const char *domain, size_t domain_len, const char *port,
		     size_t port_len, unsigned int links, int ret);
void dlb_trace_alert(const char *device, size_t device_len, int id,
		     unsigned int kind, u64 aux);
void dlb_trace_device(const char *device, size_t device_len, const char *what,
		      size_t what_len, int ret);
void dlb_trace_mailbox(const char *device, size_t device_len, unsigned int vf,
		       unsigned int command, unsigned int status);

#endif /* _DLB_TRACE_C_H */
